"""A whole data set through a pipeline: every video whole, once, and the same numbers however often it was stopped."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from alref.cli import progress_lines, run_command
from alref.cli.eval_output import EvaluationProgress
from alref.components.scores import Case, ObjectScores, VideoScores
from alref.evaluation.bootstrap import estimate_difference, estimate_interval
from alref.evaluation.comparison import compare_runs
from alref.evaluation.folder import decode_video_name, encode_file_name
from alref.evaluation.runner import VideoOutcome
from alref.evaluation.scoring import score_videos
from alref.media.video import Video
from alref.plugins import manager as plugins_module
from alref.records import Phrase, PivotFrame
from support.scripted import Script
from support.scripted_dataset import NAMES, SLOTS, Overlap, Squares, squares

EVAL = ["eval", "squares", "--data", "data", *SLOTS, "--out", "run", "--quiet"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    """Scripted components and the squares in place of what is installed, in a folder with the data set."""
    made = Script()
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*made.entries, squares()])
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    return made


def summed(folder: str = "run") -> dict[str, Any]:
    """Return the summary without the seconds it took."""
    done = json.loads(Path(folder, "summary.json").read_text())
    for line in done["lines"]:
        del line["row"]["seconds"]
    del done["seconds"]
    return dict(done)


def test_every_video_is_done_once_and_scored(script: Script) -> None:
    assert run_command(EVAL) == 0
    assert len(script.asked("propagate")) == len(NAMES)
    done = summed()
    assert [line["video"] for line in done["lines"]] == NAMES
    (table,) = done["tables"]
    low, high = done["intervals"]["overlap"]
    assert 0 < table["metrics"]["overlap"] < 1
    assert low <= table["metrics"]["overlap"] <= high
    assert done["verdicts"] == {"found": len(NAMES)}
    assert run_command(EVAL) == 0
    assert len(script.asked("propagate")) == len(NAMES)
    assert summed() == done


def make_absent(video: Any, phrases: Any) -> Any:
    return [PivotFrame(phrase=phrase, finding="absent", why="nothing there") for phrase in phrases]


def test_a_score_comes_with_the_verdicts_and_the_first_warning(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    script.answers["pick_frames"] = make_absent
    script.answers["unify"] = lambda video, reference: [
        Phrase(reference=reference.id, text=reference.text, warnings=("one word was not understood",))
    ]
    assert run_command([each for each in EVAL if each != "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert f"{len(NAMES)} absent" in printed
    assert "one word was not understood" in printed
    assert summed()["verdicts"] == {"absent": len(NAMES)}
    assert summed()["warning"].startswith(f"{NAMES[0]}: ")


def test_a_video_that_fails_is_named_and_the_others_go_on_and_it_is_tried_again(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/missing").write_text("e5")
    assert run_command(EVAL) == 3
    assert capsys.readouterr().err.startswith("e5: frame 3 cannot be read")
    done = summed()
    assert done["failed"] == {"e5": "e5: frame 3 cannot be read; download it again"}
    assert [line["video"] for line in done["lines"]] == [name for name in NAMES if name != "e5"]
    Path("data/missing").unlink()
    assert run_command(EVAL) == 0
    assert len(script.asked("propagate")) == len(NAMES)
    assert summed()["failed"] == {}


def test_some_videos_are_picked_by_name_or_number(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--videos", "h8,a/b"]) == 0
    assert [line["video"] for line in summed()["lines"]] == ["a/b", "h8"]
    assert run_command([*EVAL, "--limit", "3"]) == 0
    assert len(script.asked("propagate")) == 4
    assert run_command([*EVAL, "--videos", "h8,h8, h8"]) == 0
    assert [line["video"] for line in summed()["lines"]] == ["h8"]
    assert run_command([*EVAL, "--videos", ""]) == 3
    assert "''" in capsys.readouterr().err
    assert run_command([*EVAL, "--videos", "-c onee"]) == 3
    assert "'-c one'" in capsys.readouterr().err


WRONG = {
    "data set": (["eval", "square", "--data", "data"], 4, "no dataset 'square'; did you mean 'squares'?"),
    "split": ([*EVAL, "--split", "vald"], 4, "squares: no split 'vald'; did you mean 'valid'?"),
    "protocol": ([*EVAL, "--protocol", "overlapp"], 4, "no protocol 'overlapp'; did you mean 'overlap'?"),
    "folder": (["eval", "squares", "--data", "nowhere", *SLOTS], 3, "nowhere: no such folder"),
    "no truth": ([*EVAL, "--split", "test", "--limit", "1"], 3, "the truth of split test is not public; hand in: alref submit"),
    "no evaluation": (["compare", "data"], 3, "data: expected the folder of an evaluation"),
    "masks": (["score", "squares", "--data", "data", "--masks", "none"], 3, "none: no such folder"),
}


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_message(
    script: Script, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert run_command(arguments) == code
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_another_configuration_is_another_evaluation(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--limit", "1"]) == 0
    assert run_command([*EVAL, "--limit", "1", "-o", "temporal.patience=9"]) == 7
    assert re.search(r"temporal\.patience: 3\b.*\b9\b", capsys.readouterr().err)
    assert run_command([*EVAL, "--limit", "1", "-o", "temporal.patience=9", "--force"]) == 0


def evaluated(folder: Path, out: str, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
    arguments = ["eval", "squares", "--data", "data", *SLOTS, "--out", out, "--quiet"]
    command = [sys.executable, "-m", "support.scripted_dataset", str(kill_at), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_killed_at_random_moments_it_goes_on_and_gives_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    whole = evaluated(tmp_path, "whole")
    assert whole.returncode == 0, whole.stderr
    total, propagated = map(int, whole.stdout.split()[-2:])
    assert propagated == len(NAMES)
    for number, moment in enumerate(random.Random(5).sample(range(total // 2, total - 2000), 4)):
        out = f"killed-{number}"
        assert evaluated(tmp_path, out, moment).returncode == -signal.SIGKILL
        done = len(list((tmp_path / out / "rows").glob("[!.]*.json")))
        again = evaluated(tmp_path, out)
        assert again.returncode == 0, again.stderr
        assert int(again.stdout.split()[-1]) <= len(NAMES) - done
        assert summed(out) == summed("whole")


def test_an_interruption_says_how_far_it_came_and_the_next_call_goes_on(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    count, seen = EvaluationProgress.add_outcome, []

    def third(tally: EvaluationProgress, outcome: VideoOutcome) -> None:
        count(tally, outcome)
        seen.append(outcome.video)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(EvaluationProgress, "add_outcome", third)
        assert run_command([*EVAL, "--jobs", "1"]) == 130
    said = capsys.readouterr().err.split("\n")
    assert re.search(r"\b3 of 8\b.*\b0\b", said[0])
    assert run_command(EVAL) == 0
    assert [line["video"] for line in summed()["lines"]] == NAMES


def test_masks_made_elsewhere_score_as_in_the_evaluation(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(EVAL) == 0
    capsys.readouterr()
    assert run_command(["score", "squares", "--data", "data", "--masks", "run/masks", "--json", "--jobs", "1"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["tables"] == summed()["tables"]
    assert [line["scores"] for line in scored["lines"]] == [line["scores"] for line in summed()["lines"]]


def test_processes_score_as_one_does(script: Script) -> None:
    assert run_command(EVAL) == 0
    dataset = Squares(Path("data"))
    alone = {each.video: each.scores for each in score_videos(dataset, NAMES, Path("run/masks"), [Overlap()], jobs=1)}
    together = {each.video: each.scores for each in score_videos(dataset, NAMES, Path("run/masks"), [Overlap()], jobs=2)}
    assert together == alone


def test_a_video_with_no_object_to_score_is_in_no_number_and_the_others_are(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = Overlap.score_case
    monkeypatch.setattr(Overlap, "score_case", lambda self, at, case: [] if at.startswith("_b") else usual(self, at, case))
    assert run_command([*EVAL, "--limit", "3"]) == 0
    assert [sorted(line["scores"]) for line in summed()["lines"]] == [["overlap"], [], ["overlap"]]
    assert run_command(["compare", "run"]) == 0
    assert "2 common videos" in capsys.readouterr().out
    arguments = ["score", "squares", "--data", "data", "--masks", "run/masks", "--limit", "3", "--json", "--jobs", "1"]
    assert run_command(arguments) == 0
    assert json.loads(capsys.readouterr().out)["tables"] == summed()["tables"]


class Interrupting(Overlap):
    """Presses Ctrl-C on the process that scores."""

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        os.kill(os.getpid(), signal.SIGINT)
        return super().score_case(where, case)


def test_ctrl_c_does_not_reach_the_processes_that_score(script: Script) -> None:
    assert run_command([*EVAL, "--limit", "2"]) == 0
    scored = list(score_videos(Squares(Path("data")), NAMES[:2], Path("run/masks"), [Interrupting()], jobs=2))
    assert [(len(each.scores), each.error) for each in scored] == [(1, None)] * 2


def test_masks_that_are_missing_are_named_and_the_rest_is_scored(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--limit", "2"]) == 0
    assert run_command(["score", "squares", "--data", "data", "--masks", "run/masks", "--limit", "3", "--jobs", "1"]) == 3
    printed = capsys.readouterr()
    assert "a/b" in printed.err
    assert "overlap" in printed.out


def test_a_submission_is_packed_when_it_is_complete(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--limit", "2"]) == 0
    assert run_command(["submit", "run"]) == 3
    assert re.search(r"\b6 of 8\b.*a/b.*alref eval", capsys.readouterr().err)
    assert run_command(EVAL) == 0
    assert run_command(["submit", "run"]) == 0
    assert Path("run/submission.zip").read_text().count("json") == len(NAMES)


def test_a_data_set_that_raises_what_it_should_not_costs_one_video_and_is_named(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Squares.open_video

    def careless(self: Squares, video: str) -> Video:
        return {name: opened(self, name) for name in NAMES if name != "e5"}[video]

    monkeypatch.setattr(Squares, "open_video", careless)
    assert run_command(EVAL) == 6
    said = capsys.readouterr().err
    assert re.search(r"e5: .*'squares', \w+: KeyError: 'e5'", said)
    assert "Traceback" not in said
    assert run_command([*EVAL, "-v"]) == 6
    assert "careless" in capsys.readouterr().err
    assert len(summed()["lines"]) == len(NAMES) - 1


def test_a_comparison_says_of_a_run_what_its_summary_says(script: Script) -> None:
    assert run_command(EVAL) == 0
    (alone,) = compare_runs([Path("run")], Overlap())
    assert list(alone.value[1:]) == summed()["intervals"]["overlap"]


def test_runs_are_compared_on_what_all_of_them_scored(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--limit", "6"]) == 0
    assert run_command([*EVAL[:-2], "other", "--quiet", "--videos", "h8,g7,f6,e5", "-o", "temporal.patience=4"]) == 0
    first, second = compare_runs([Path("run"), Path("other")], Overlap())
    assert (first.videos, second.videos) == (2, 2)
    assert second.difference == (0.0, 0.0, 0.0)
    assert sorted(move.video for move in second.changes) == ["e5", "f6"]
    assert run_command(["compare", "run", "other"]) == 0
    assert run_command(["compare", "run", "run"]) == 0
    assert "+0.00" in capsys.readouterr().out


def scores(values: list[float]) -> list[VideoScores]:
    parts = [ObjectScores(case="0", columns={"overlap": (value,)}) for value in values]
    return [VideoScores(protocol="overlap", video=str(n), objects=(part,)) for n, part in enumerate(parts)]


def test_an_interval_narrows_with_more_videos_and_a_pair_is_narrower_than_its_parts() -> None:
    values = np.random.default_rng(0).uniform(0.2, 0.8, 400).tolist()
    few, many = (estimate_interval(Overlap(), scores(values[:count])) for count in (20, 400))
    assert few.low < few.value < few.high
    assert many.high - many.low < 0.5 * (few.high - few.low)
    better = estimate_difference(Overlap(), scores(values), scores([value + 0.05 for value in values]))
    assert better.low == pytest.approx(0.05)
    assert better.high == pytest.approx(0.05)


def test_the_memory_of_an_interval_does_not_grow_with_every_draw_of_every_video() -> None:
    many = scores([0.5] * 1_500)
    tracemalloc.start()
    estimate_interval(Overlap(), many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000 * 1_500 * 8 / 5


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draws = np.random.default_rng(1).normal(0.5, 0.1, (100, 40))
    found = [estimate_interval(Overlap(), scores(row.tolist())) for row in draws]
    assert 0.88 < np.mean([each.low <= 0.5 <= each.high for each in found]) < 0.99


@pytest.mark.parametrize("name", [*NAMES, ".", "..", ".hidden", "100%", "%2F", "a%2Eb"])
def test_any_name_of_a_video_is_a_file_name(name: str) -> None:
    file = encode_file_name(name)
    assert "/" not in file
    assert not file.startswith(".")
    assert decode_video_name(Path(file)) == name


def test_the_report_shows_scores_failures_and_pictures_and_needs_no_network(script: Script) -> None:
    Path("data/missing").write_text("e5")
    assert run_command(EVAL) == 3
    page = Path("run/report.html").read_text()
    assert "7 of 8" in page
    assert "e5: <span" in page
    assert page.count("data:image/jpeg") == 2 * 7
    links = re.findall(r'(?:src|href)="(?!data:)([^"]*)"', page)
    assert {link for link in links if not link.startswith("videos/")} == {"summary.json", "eval.yaml", "rows.csv", "masks/"}
    assert all(Path("run", unquote(link)).exists() for link in links)
    assert [name for name in NAMES if name not in page] == []


def test_a_picture_that_cannot_be_shown_says_why(script: Script) -> None:
    assert run_command(EVAL) == 0
    Path("data/missing").write_text("e5")
    assert run_command(EVAL) == 0
    page = Path("run/report.html").read_text()
    assert "e5: frame 3 cannot be read; download it again" in page
    assert page.count("data:image/jpeg") == 2 * 7


def test_a_split_without_public_truth_has_no_empty_table(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Squares, "split_protocols", {"valid": ()})
    assert run_command([*EVAL[:-1], "--limit", "1"]) == 0
    printed = capsys.readouterr().out
    assert "protocol" not in printed
    assert "run/report.html" in printed
    page = Path("run/report.html").read_text()
    assert "1 of 1" in page
    assert "Scores" not in page


def test_a_part_never_replaces_the_summary_of_the_whole(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--limit", "2"]) == 0
    assert summed()["requested"] == 2
    assert run_command(EVAL) == 0
    whole = {name: Path("run", name).read_bytes() for name in ("summary.json", "report.html", "rows.csv")}
    assert run_command([*EVAL[:-1], "--videos", "h8"]) == 0
    assert {name: Path("run", name).read_bytes() for name in whole} == whole
    assert json.loads(Path("run/summary-part.json").read_text())["requested"] == 1
    assert "run/summary-part.json" in capsys.readouterr().out
    assert run_command([*EVAL, "--limit", "1", "-o", "temporal.patience=9", "--force"]) == 0
    assert summed()["requested"] == 1
    assert not Path("run/summary-part.json").exists()


def test_every_reference_has_a_row_with_its_scores_and_verdict(script: Script) -> None:
    assert run_command(EVAL) == 0
    with Path("run/rows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["video"], row["id"], row["text"]) for row in rows] == [(name, "0", f"the square of {name}") for name in NAMES]
    values = {line["video"]: line["scores"]["overlap"] for line in summed()["lines"]}
    assert {row["video"]: float(row["score"]) for row in rows} == values
    assert {(row["verdict"], row["frames_found"], row["J"]) for row in rows} == {("found", "4", "")}
    assert all(row["pivot_frame"].isdigit() for row in rows)
    assert all(Path("run", row["path"]).is_file() for row in rows)


def test_an_evaluation_without_truth_ends_with_the_count_and_the_next_command(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Squares, "split_protocols", {"valid": ()})
    assert run_command(EVAL[:-1]) == 0
    assert re.search(r"\b8 of 8\b.*alref submit run\n", capsys.readouterr().out)


def test_without_a_terminal_progress_is_a_line_at_the_start_and_one_per_5_percent_or_minute(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_command(EVAL[:-1]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"videos: {count} of 8" for count in range(9)]
    assert run_command(EVAL) == 0
    assert capsys.readouterr().err == ""
    now = [0.0]
    monkeypatch.setattr(progress_lines, "monotonic", lambda: now[0])
    progress = progress_lines.ProgressLines("videos", 1000, quiet=False)
    for done in range(1, 101):
        now[0] += 4
        progress.show(done)
    counts = [int(line.split()[1]) for line in capsys.readouterr().err.splitlines()]
    assert counts == [0, 15, 30, 45, 60, 75, 90]


def test_a_video_that_is_predicted_but_not_scored_is_in_no_number(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--limit", "2"]) == 0
    Path("run/masks/1.json").unlink()
    Path("run/scores/overlap", encode_file_name(NAMES[1])).unlink()
    capsys.readouterr()
    assert run_command([*EVAL[:-1], "--limit", "2"]) == 3
    assert re.search(r"\b1 of 2\b.*\b1\b", capsys.readouterr().out)
    assert "1 of 2" in Path("run/report.html").read_text()
