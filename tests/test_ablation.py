"""One file, many rows: each stage is called once for what rows share, and the table says what each row is worth."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from alref.cli import run_command
from alref.testing import make_moving_square, write_frames
from support.ablation_grids import CALLS, DATA, GROWN, QUIET, SCRIPTED, ablate, by_name, done, prepared
from support.scripted import Script


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    return prepared(monkeypatch, tmp_path)


REASONERS = [{"use": "other", "words": "sharp"}, {"use": "other", "words": "large"}, {"use": "other", "frame": 2}]
PROPAGATORS = ["scripted", {"use": "grown", "by": 2}]


def test_a_grid_calls_reasoners_once_each_and_what_follows_where_it_differs(script: Script) -> None:
    assert ablate(vary={"reasoner": REASONERS, "propagator": PROPAGATORS}, data={**DATA, "limit": 2}) == 0
    videos, frames = 2, 2
    assert len(done()["rows"]) == len(REASONERS) * len(PROPAGATORS)
    assert len(script.asked("unify")) == videos
    assert CALLS["pick_frames"] == videos * len(REASONERS)
    assert len(script.asked("propose")) == videos * frames
    assert CALLS["pick_boxes"] == videos * len(REASONERS)
    assert len(script.asked("propagate")) == videos * frames
    assert CALLS["propagate"] == videos * frames


def test_each_row_comes_with_its_verdicts(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate(rows={"a": {}, "b": {"spatial": {"use": "other", "box": 1}}}) == 0
    assert run_command(["ablate", "grid.yaml", "--out", "out"]) == 0
    printed = capsys.readouterr().out
    for row in done()["rows"]:
        assert f"{row['name']}: {row['verdicts']['found']} found" in printed


def test_rows_that_share_nothing_but_a_name_share_nothing(script: Script) -> None:
    one, two = {"use": "other", "box": 0}, {"use": "other", "box": 1}
    assert ablate(vary={"spatial": [one, two]}, data={**DATA, "limit": 1}) == 0
    assert len(script.asked("propose")) == 1
    assert len(script.asked("propagate")) == 2


def test_another_ablation_pays_nothing_for_what_this_one_computed(script: Script) -> None:
    assert ablate(rows={"a": {}}) == 0
    before = len(script.calls)
    assert ablate("--out", "elsewhere", rows={"b": {}}) == 0
    assert len(script.calls) == before
    seconds = [row["seconds"] for folder in ("out", "elsewhere") for row in done(folder)["rows"]]
    assert seconds[0] == seconds[1] > 0


def test_the_shared_cache_is_bounded(script: Script) -> None:
    assert ablate("--cache-size", "3KB", rows={"a": {}, "b": {"reasoner.patience": 5}}) == 0
    assert sum(path.stat().st_size for path in Path("home/stages").glob("*.json")) < 5_000
    assert run_command([*QUIET, "--cache-size", "plenty"]) == 2


def test_dollars_are_those_of_a_row_alone_and_spent_those_of_this_run(script: Script) -> None:
    dear = {"use": "other", "cost": 0.25}
    rows = {
        "base": {"temporal": dear},
        "kept": {"temporal": dear, "propagator": "grown"},
        "unknown": {"temporal": {"use": "other", "cost": None}},
    }
    assert ablate(rows=rows, data={**DATA, "limit": 4}) == 0
    found = by_name()
    assert [found[name]["dollars"] for name in rows] == [0.25, 0.25, None]
    assert [found[name]["spent"] for name in rows] == [1.0, 0.0, None]
    assert [found[name]["questions"] for name in rows] == [1, 1, 1]


def test_a_row_that_cannot_run_says_why_and_the_rest_is_complete(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data/missing").write_text("e5")
    rows = {"base": {}, "lame": {"propagator": {"use": "grown", "missing": True}}, "grown": {"propagator": "grown"}}
    assert ablate(rows=rows) == 3
    said = capsys.readouterr().err
    assert re.search(r"lame: propagator.*pip install grease", said)
    assert re.search(r"grown: 1 of 8\b.*\be5\b", said)
    found = by_name()
    assert [found[name]["done"] for name in rows] == [7, 0, 7]
    assert found["grown"]["scores"]["overlap"]["paired_videos"] == 7
    page = Path("out/report.html").read_text()
    assert "grease" in page
    Path("data/missing").unlink()
    calls = CALLS["propagate"]
    assert ablate(rows={name: rows[name] for name in ("base", "grown")}) == 0
    assert CALLS["propagate"] == calls + 1
    assert [row["done"] for row in done()["rows"]] == [8, 8]


def test_a_row_of_other_settings_is_not_taken_for_what_was_there(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate(rows={"base": {}, "a": {}}, data={**DATA, "limit": 1}) == 0
    assert ablate(rows={"base": {}, "a": {"reasoner.patience": 5}}, data={**DATA, "limit": 1}) == 7
    assert "a: " in capsys.readouterr().err
    assert re.search(r"patience: 3\b.*\b5\b", by_name()["a"]["why"])
    assert ablate("--force", rows={"base": {}, "a": {"reasoner.patience": 5}}, data={**DATA, "limit": 1}) == 0
    assert ablate(rows={"base": {}}, data={**DATA, "split": "test"}) == 7
    assert re.search("squares, valid.*squares, test", capsys.readouterr().err)


def test_a_base_of_other_settings_is_nothing_to_compare_with(script: Script) -> None:
    write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], Path("clip"))
    one = {"data": {**DATA, "limit": 2}}
    for number, data in enumerate([one, {"videos": {"clip": ["the square"]}}]):
        out = f"out-{number}"
        assert ablate("--out", out, rows={"base": {}, "b": GROWN}, **data) == 0
        before = by_name(out)["b"]
        assert before["agreement"] is not None or before["scores"]["overlap"]["difference"] is not None
        assert ablate("--out", out, rows={"base": {"reasoner.patience": 5}, "b": GROWN}, **data) == 7
        after = by_name(out)["b"]
        assert after["agreement"] is None
        assert after["done"] == before["done"]
        assert [score["difference"] for score in after["scores"].values()] == [None] * len(after["scores"])


def test_a_video_named_twice_counts_once(script: Script) -> None:
    data = {**DATA, "videos": ["e5", "f6", "e5"]}
    assert ablate(rows={"base": {"temporal": {"use": "other", "cost": 0.25}}}, data=data) == 0
    (row,) = done()["rows"]
    assert (row["requested"], row["done"], row["dollars"]) == (2, 2, 0.25)


def test_videos_of_ones_own_run_without_scores(script: Script) -> None:
    write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], Path("clip"))
    Path("refs.yaml").write_text("rex: the dog\ncat: the cat\n")
    videos = {"clip": ["the square"], "./clip": "refs.yaml"}
    assert ablate(videos=videos, rows={"base": {}, "half": {"video.every": 2}, "grown": GROWN}) == 0
    found = by_name()
    assert [row["verdicts"] for row in found.values()] == [{"found": 3}] * 3
    assert len(list(Path("out/rows/base/masks/clip").glob("*.png"))) == 4
    assert len(list(Path("out/rows/half/masks/clip").glob("*.png"))) == 2
    assert Path("out/table.md").read_text().startswith("| row | found | J with the first | videos | s / video | $ / video |")
    assert found["base"]["agreement"] == 1
    assert found["half"]["agreement"] is None
    assert 0 < found["grown"]["agreement"] < 1
    assert ablate(videos={"clip": ["the circle"]}, rows={"base": {}}) == 0
    assert [row["verdicts"] for row in by_name().values()] == [{"found": 1}]


def ablated(folder: Path, out: str, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "support.scripted_dataset",
        str(kill_at),
        "ablate",
        "grid.yaml",
        "--out",
        out,
        "--quiet",
        "--limit",
        "3",
    ]
    environment = {
        "ALREF_HOME": str(folder / f"home-{out}"),
        "PATH": "/usr/bin",
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def numbers(folder: Path) -> list[Any]:
    rows = json.loads((folder / "ablation.json").read_text())["rows"]
    return [{name: row[name] for name in ("name", "done", "scores", "verdicts", "failed", "why")} for row in rows]


def test_killed_at_random_moments_it_goes_on_and_gives_the_same_numbers(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    grid = {"base": SCRIPTED, "data": DATA, "vary": {"reasoner.patience": [3, 4]}}
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(grid))
    whole = ablated(tmp_path, "whole")
    assert whole.returncode == 0, whole.stderr
    total, propagated = map(int, whole.stdout.split()[-2:])
    assert propagated == 3
    for number, moment in enumerate(random.Random(7).sample(range(total // 2, total - 2000), 2)):
        out = f"killed-{number}"
        assert ablated(tmp_path, out, moment).returncode == -signal.SIGKILL
        again = ablated(tmp_path, out)
        assert again.returncode == 0, again.stderr
        assert int(again.stdout.split()[-1]) <= 3
        assert numbers(tmp_path / out) == numbers(tmp_path / "whole")


def test_events_for_programs_name_the_row(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate(rows={"a": {}, "b": {"reasoner.patience": 4}}, data={**DATA, "limit": 2}) == 0
    assert run_command([*QUIET[:-1], "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["row"], each["cached"]) for each in events[:-1]] == [("a", True)] * 2 + [("b", True)] * 2
    assert events[-1]["event"] == "finished"
    assert [row["done"] for row in events[-1]["rows"]] == [2, 2]
