"""One file, many rows: each stage is called once for what rows share, and the table says what each row is worth."""

from __future__ import annotations

import csv
import json
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from evaluated import NAMES, Squares, squares
from pydantic import Field
from scripted import Script, announcing, entry, pick_boxes, pick_frames, propagate

import alref_benchmarks
from alref import plugins as plugins_module
from alref.ablation.grid import read
from alref.ablation.report import ticks
from alref.chat.messages import Answer, QuestionEvent
from alref.cli import exit_code
from alref.records import Candidates, FrameMasks, Phrase, PivotBox, PivotFrame, Reference
from alref.stages import Propagator, Reasoner, Stage, StageOptions
from alref.testing import moving_square, write_frames
from alref.video import Video

SCRIPTED = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "scripted")
DATA = {"dataset": "squares", "root": "data"}
QUIET = ["ablate", "grid.yaml", "--out", "out", "--quiet"]


class Other(Reasoner):
    """Picks the frame that it is told, and says what it is told; each frame costs a question."""

    name = "other"

    class Options(StageOptions):
        frame: int = 1
        words: str = ""
        box: int = 0
        cost: float | None = 0.0

    options: Options

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        CALLS["pick_frames"] += 1
        answer = Answer(text="1", model="tiny", prompt_tokens=90, completion_tokens=10, cost=self.options.cost)
        self.tell("question_answered", QuestionEvent(
            key="k", stage="temporal", component="other", phrase="x", messages=(), answer=answer, parsed=None, source="model"
        ))  # fmt: skip
        changed = {"frame": self.options.frame, "why": self.options.words}
        return [each.model_copy(update=changed) for each in pick_frames(video, phrases)]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        CALLS["pick_boxes"] += 1
        boxes = [each.xyxy[self.options.box] for each in candidates]
        return [box.model_copy(update={"xyxy": xyxy}) for box, xyxy in zip(pick_boxes(video, candidates), boxes, strict=True)]


class Grown(Propagator):
    """Fills the box grown by some pixels below; it may lack what it needs."""

    name = "grown"

    class Options(StageOptions):
        by: int = Field(0, description="pixels")
        missing: bool = False

    options: Options

    def problems(self) -> list[str]:
        return ["needs grease: pip install grease"] if self.options.missing else []

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        CALLS["propagate"] += 1
        for each in propagate(video, boxes):
            masks = np.zeros_like(each.masks)
            for place, mask in enumerate(each.masks):
                rows, columns = np.nonzero(mask)
                masks[place, rows.min() : rows.max() + 1 + self.options.by, columns.min() : columns.max() + 1] = True
            yield each.model_copy(update={"masks": masks})


CALLS: Counter[str] = Counter()
GROWN = {"propagator": {"use": "grown", "by": 2}}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    """Scripted components and the squares in place of what is installed, in a folder with the data set."""
    made = Script()
    others = announcing("others", reasoners=[Other], propagators=[Grown])
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*made.entries, others, squares()])
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    CALLS.clear()
    return made


def ablate(*flags: str, **grid: Any) -> int:
    """Write a grid and run it."""
    whole = {"base": SCRIPTED, **({} if "videos" in grid else {"data": DATA}), **grid}
    Path("grid.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    return exit_code([*QUIET, *flags])


def done(folder: str = "out") -> dict[str, Any]:
    """Return the summary."""
    return dict(json.loads(Path(folder, "ablation.json").read_text()))


def by_name(folder: str = "out") -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in done(folder)["rows"]}


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
    assert exit_code([*QUIET, "--cache-size", "plenty"]) == 2


def test_one_at_a_time_changes_one_setting_of_the_base_in_each_row(script: Script) -> None:
    vary = {"reasoner.patience": [3, 4], "propagator": ["scripted", "grown"]}
    assert ablate(mode="one-at-a-time", vary=vary, data={**DATA, "limit": 1}) == 0
    assert [row["name"] for row in done()["rows"]] == ["base", "reasoner.patience=4", "propagator=grown"]


def test_components_are_set_before_their_options_whatever_the_order(script: Script) -> None:
    rows = {"base": {}, "grown": {"propagator.by": 3, "propagator": "grown"}}
    assert ablate(rows=rows, data={**DATA, "limit": 1}) == 0
    asked = yaml.safe_load(Path("out/rows/grown/eval.yaml").read_text())
    assert asked["config"]["propagator"] == {"use": "grown", "by": 3, "missing": False}


def test_differences_are_paired_and_zero_for_the_same(script: Script) -> None:
    assert ablate(rows={"base": {}, "same": {"reasoner.patience": 9}, "grown": {"propagator": {"use": "grown", "by": 4}}}) == 0
    rows = by_name()
    base, same, grown = (rows[name]["scores"]["overlap"] for name in ("base", "same", "grown"))
    assert base["difference"] is None
    assert same["difference"] == [0.0, 0.0, 0.0]
    assert grown["difference"][0] == pytest.approx(grown["value"][0] - base["value"][0])
    assert 0 < grown["difference"][1] <= grown["difference"][0] <= grown["difference"][2]
    assert base["videos"] == grown["paired"] == len(NAMES)


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
    assert "lame: propagator.grown: needs grease: pip install grease" in said
    assert "grown: 1 of 8 videos failed, e5 for one: e5: frame 3 cannot be read" in said
    found = by_name()
    assert [found[name]["done"] for name in rows] == [7, 0, 7]
    assert found["grown"]["scores"]["overlap"]["paired"] == 7
    page = Path("out/report.html").read_text()
    assert "needs grease" in page
    Path("data/missing").unlink()
    calls = CALLS["propagate"]
    assert ablate(rows={name: rows[name] for name in ("base", "grown")}) == 0
    assert CALLS["propagate"] == calls + 1
    assert [row["done"] for row in done()["rows"]] == [8, 8]


def test_a_row_of_other_settings_is_not_taken_for_what_was_there(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate(rows={"base": {}, "a": {}}, data={**DATA, "limit": 1}) == 0
    assert ablate(rows={"base": {}, "a": {"reasoner.patience": 5}}, data={**DATA, "limit": 1}) == 7
    assert "a: " in capsys.readouterr().err
    assert "patience: 3 there, 5 here" in by_name()["a"]["why"]
    assert ablate("--force", rows={"base": {}, "a": {"reasoner.patience": 5}}, data={**DATA, "limit": 1}) == 0
    assert ablate(rows={"base": {}}, data={**DATA, "split": "test"}) == 7
    assert "the data set: squares, valid there, squares, test here" in capsys.readouterr().err


def test_a_base_of_other_settings_is_nothing_to_compare_with(script: Script) -> None:
    write_frames(moving_square(frames=4, size=(32, 48), side=8)[0], Path("clip"))
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
    assert (row["asked"], row["done"], row["dollars"]) == (2, 2, 0.25)


def test_tables_in_four_formats_hold_the_same(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    grown = {"use": "grown", "by": 4}
    assert ablate(vary={"reasoner.patience": [3, 4], "propagator": ["scripted", grown]}) == 0
    capsys.readouterr()
    assert exit_code(QUIET[:-1]) == 0
    assert "+" in capsys.readouterr().out
    numbers = [row["scores"]["overlap"]["value"][0] for row in done()["rows"]]
    shown = [f"{100 * number:.1f}" for number in numbers]
    lines = Path("out/table.md").read_text().splitlines()
    assert lines[0].startswith("| reasoner.patience | propagator | overlap |")
    assert [line.split(" | ")[2] for line in lines[2:]] == shown
    latex = Path("out/table.tex").read_text().splitlines()
    assert latex[:2] == [r"\begin{tabular}{llrrrrrrr}", r"\toprule"]
    assert latex[2].startswith(r"reasoner.patience & propagator & overlap & 95 \% interval &")
    assert [line.split(" & ")[2] for line in latex[4:-2]] == shown
    assert r"4 & \{use: grown, by: 4\} &" in latex[7]
    with Path("out/table.csv").open() as file:
        records = list(csv.DictReader(file))
    assert [float(record["overlap overlap"]) for record in records] == numbers
    assert float(records[1]["overlap difference low"]) > 0
    heads = list(records[0])
    assert heads.index("overlap difference") + 3 == heads.index("overlap videos")
    assert records[0]["overlap difference"] == ""


def test_the_report_links_to_the_runs_and_needs_no_network(script: Script) -> None:
    rows = {"base": {}, "grown by four": {"propagator": {"use": "grown", "by": 4}}}
    assert ablate(rows=rows, data={**DATA, "limit": 2}) == 0
    page = Path("out/report.html").read_text()
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(Path("out", link).is_file() for link in links)
    assert sum("rows/grown-by-four" in link for link in links) == 2
    assert page.count("<tr") == 3
    assert "seconds a video" in page


PLANNED = ["ablate", "grid.yaml", "--out", "out", "--plan", "--json"]


def test_a_plan_counts_calls_and_runs_nothing(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    Path("grid.yaml").write_text(yaml.safe_dump({
        "base": SCRIPTED, "data": DATA,
        "vary": {"reasoner": [{"use": "other", "cost": 0.5}, "scripted"], "propagator": ["scripted", "grown"]},
    }))  # fmt: skip
    assert exit_code(PLANNED) == 0
    plan = json.loads(capsys.readouterr().out)
    assert script.calls == []
    assert not Path("out").exists()
    assert list(plan["rows"].values()) == [0, 0, 0, 0]
    calls = {slot: (each["alone"], each["shared"], each["left"]) for slot, each in plan["calls"].items()}
    assert calls == {
        "unifier": (32, 8, 8),
        "temporal": (32, 16, 16),
        "proposer": (32, 16, 16),
        "spatial": (32, 16, 16),
        "propagator": (32, 32, 32),
    }
    assert plan["seconds"] is None
    assert "propagator grown" in plan["unmeasured"]


def test_a_plan_checks_the_ways_to_score_too(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    grid = {"base": SCRIPTED, "data": {**DATA, "protocols": ["overlop"]}, "rows": {"a": {}}}
    Path("grid.yaml").write_text(yaml.safe_dump(grid))
    assert exit_code(PLANNED) == 4
    assert "no protocol 'overlop'; did you mean 'overlap'" in capsys.readouterr().err


def test_a_plan_after_first_videos_knows_what_the_rest_takes(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    dear = {"use": "other", "cost": 0.5}
    assert ablate("--limit", "2", vary={"reasoner": [dear, "scripted"], "propagator": ["scripted", "grown"]}) == 0
    assert exit_code(PLANNED) == 0
    plan = json.loads(capsys.readouterr().out)
    assert list(plan["rows"].values()) == [2, 2, 2, 2]
    assert plan["calls"]["propagator"] == {"alone": 32, "shared": 32, "left": 24}
    assert plan["seconds"] > 0
    assert (plan["questions"], plan["tokens"], plan["dollars"]) == (6, 600, 3.0)
    assert exit_code(PLANNED[:-1]) == 0
    said = capsys.readouterr().out
    assert "cost: about $3.00" in said
    assert "4 rows of 8 videos" in said


def test_videos_of_ones_own_run_without_scores(script: Script) -> None:
    write_frames(moving_square(frames=4, size=(32, 48), side=8)[0], Path("clip"))
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
    assert ablate(videos={"clip": ["the circle"]}, rows={"base": {}}) == 7


def test_the_base_may_be_a_configuration_file_beside_the_grid(script: Script) -> None:
    Path("base.yaml").write_text(yaml.safe_dump({**SCRIPTED, "reasoner": {"use": "scripted", "patience": 7}}))
    Path("grids").mkdir()
    grid = {"base": "../base.yaml", "data": {**DATA, "root": "../data"}, "rows": {"a": {}}}
    Path("grids/grid.yaml").write_text(yaml.safe_dump(grid))
    (row,) = read(Path("grids/grid.yaml"), script.plugins).rows
    assert row.config.resolved()["spatial"]["patience"] == 7


WRONG = {
    "no rows": ({}, "expected one of vary and rows"),
    "both": ({"rows": {"a": {}}, "vary": {"reasoner": ["other"]}}, "expected one of vary and rows"),
    "no values": ({"vary": {"reasoner": []}}, "vary.reasoner: expected a list of values"),
    "a value twice": ({"vary": {"propagator.by": [1, 2, 1]}}, "vary.propagator.by: expected different values, got '1' twice\n"),
    "no mapping": ({"rows": {"a": None}}, "grid.yaml.rows.a: expected a mapping, got None"),
    "an expression without a list": (
        {"rows": {"a": {}}, "videos": {"v.mp4": "the dog"}},
        "videos: v.mp4: there is no file of references 'the dog'; an expression stands in a list: [the dog]",
    ),
    "no expression": ({"rows": {"a": {}}, "videos": {"v.mp4": []}}, "videos: v.mp4: nothing to look for"),
    "a mode": ({"mode": "grit", "rows": {"a": {}}}, "grid.yaml.mode: Input should be 'grid' or 'one-at-a-time'"),
    "a key": ({"row": {"a": {}}}, "grid.yaml.row: no such option; did you mean 'rows'?"),
    "a component": ({"rows": {"a": {}, "b": {"propagator": "grow"}}}, "row 'b': propagator: no component 'grow'; did"),
    "an option": ({"vary": {"propagator.bye": [1]}}, "propagator.bye: no such option"),
    "a data set": ({"rows": {"a": {}}, "data": {"dataset": "square", "root": "data"}}, "did you mean 'squares'?"),
    "a key of data": ({"rows": {"a": {}}, "data": {**DATA, "limits": 3}}, "data.limits: no such option; did you mean 'limit'?"),
    "a video": ({"rows": {"a": {}}, "data": {**DATA, "videos": ["e55"]}}, "no video 'e55' in split valid; did you mean 'e5'?"),
    "a window": ({"rows": {"a": {"video.every": 2}}}, "row 'a': video: a data set is read as it is"),
    "one folder": ({"rows": {"A": {}, "a": {}}}, "rows 'A' and 'a' would share a folder"),
}  # fmt: skip


@pytest.mark.parametrize(("grid", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_before_any_work(
    script: Script, capsys: pytest.CaptureFixture[str], grid: dict[str, Any], message: str
) -> None:
    assert ablate(**grid) in (3, 4)
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert script.calls == []


def ablated(folder: Path, out: str, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
    driver = Path(__file__).with_name("evaluated.py")
    command = [sys.executable, driver, str(kill_at), "ablate", "grid.yaml", "--out", out, "--quiet", "--limit", "3"]
    environment = {"ALREF_HOME": str(folder / f"home-{out}"), "PATH": "/usr/bin", "OMP_NUM_THREADS": "1"}
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


PAGE = Path(__file__).parents[1] / "docs" / "ablations.md"
SHOWN = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_first_file_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unifier, reasoner, proposer, propagator = Script().classes()
    kinds = {
        "unifiers": [named(unifier, name) for name in ("grammar", "energy", "whisper")],
        "reasoners": [named(reasoner, name) for name in ("rules", "middle-frame", "top-score")],
        "proposers": [named(proposer, "class-evidence")],
        "propagators": [named(propagator, "label-propagation")],
    }
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [announcing("embedded", **kinds)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path))
    write_frames(moving_square(frames=3, size=(32, 48), side=12)[0], tmp_path / "clip.mp4")
    Path("grid.yaml").write_text(SHOWN[0])
    assert exit_code(QUIET) == 0
    assert [(row["done"], row["verdicts"], row["why"]) for row in done()["rows"]] == [(1, {"found": 1}, "")] * 4


def named(base: type[Stage], name: str) -> type[Stage]:
    """Return a scripted component in the place of an embedded one."""

    class Options(StageOptions):
        most: int = 3

    return type("StandIn", (base,), {"name": name, "Options": Options, "__doc__": "Stands in."})


def test_numbers_along_an_axis_are_round_and_hold_all() -> None:
    assert ticks(0.0, 0.04) == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])
    assert ticks(0.583, 0.992) == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert ticks(0.3, 0.3)[0] <= 0.3 < ticks(0.3, 0.3)[-1]


def test_the_published_ablation_of_the_page_can_be_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Sounding(Squares):
        """Squares under the name of a benchmark, their sound being what is asked for."""

        name = "avsbench-ms3"

        def references(self, video: str) -> list[Reference]:
            return [Reference(id="0", sound=True)]

    installed = plugins_module.entry_points
    own = entry("zz", register_datasets=lambda: [Sounding], register_metrics=alref_benchmarks.register_metrics)
    others = [each for each in installed(group="alref") if each.name != "benchmarks"]
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*others, own])
    monkeypatch.chdir(tmp_path)
    Path("AVSBench").mkdir()
    Path("grid.yaml").write_text(SHOWN[1])
    assert exit_code(PLANNED) == 0
    plan = json.loads(capsys.readouterr().out)
    rows = yaml.safe_load(SHOWN[1])["rows"]
    assert list(plan["rows"]) == list(rows)
    calls = {slot: (each["alone"] // len(NAMES), each["shared"] // len(NAMES)) for slot, each in plan["calls"].items()}
    assert calls == {
        "tagger": (10, 1),
        "temporal": (10, 5),
        "proposer": (10, 5),
        "spatial": (10, 7),
        "propagator": (10, 9),
        "locator": (10, 10),
    }
    frames_asked, boxes_asked = 1 + 1 + 3, 1 + 1 + 1 + 1
    assert plan["questions"] == len(NAMES) * (frames_asked + boxes_asked)
    assert plan["bounded"]
    assert plan["tokens"] > 1000 * plan["questions"]
    assert 0 < plan["dollars"] < plan["tokens"] * 30 / 1e6


def test_events_for_programs_name_the_row(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate(rows={"a": {}, "b": {"reasoner.patience": 4}}, data={**DATA, "limit": 2}) == 0
    assert exit_code([*QUIET[:-1], "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["row"], each["kept"]) for each in events[:-1]] == [("a", True)] * 2 + [("b", True)] * 2
    assert events[-1]["event"] == "finished"
    assert [row["done"] for row in events[-1]["rows"]] == [2, 2]
