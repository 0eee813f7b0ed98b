"""A whole data set through a pipeline: every video whole, once, and the same numbers however often it was stopped."""

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

from alref.cli import progress_lines, run_command
from alref.cli.eval_output import EvaluationProgress
from alref.components.scores import Case, ObjectScores
from alref.evaluation.folder import decode_video_name, encode_file_name
from alref.evaluation.runner import VideoOutcome
from alref.evaluation.scoring import score_videos
from alref.media.video import Video
from alref.records import Phrase, PivotFrame
from support.evaluations import EVAL, prepare_evaluation, read_summary
from support.scripted import Script
from support.scripted_dataset import NAMES, SLOTS, Overlap, Squares


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    return prepare_evaluation(monkeypatch, tmp_path)


def test_every_video_is_done_once_and_scored(script: Script) -> None:
    assert run_command(EVAL) == 0
    assert len(script.asked("propagate")) == len(NAMES)
    done = read_summary()
    assert [line["video"] for line in done["lines"]] == NAMES
    (table,) = done["tables"]
    low, high = done["intervals"]["overlap"]
    assert 0 < table["metrics"]["overlap"] < 1
    assert low <= table["metrics"]["overlap"] <= high
    assert done["verdicts"] == {"found": len(NAMES)}
    assert run_command(EVAL) == 0
    assert len(script.asked("propagate")) == len(NAMES)
    assert read_summary() == done


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
    assert read_summary()["verdicts"] == {"absent": len(NAMES)}
    assert read_summary()["warning"].startswith(f"{NAMES[0]}: ")


def test_a_video_that_fails_is_named_and_the_others_go_on_and_it_is_tried_again(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/missing").write_text("e5")
    assert run_command(EVAL) == 3
    assert capsys.readouterr().err.startswith("e5: frame 3 cannot be read")
    done = read_summary()
    assert done["failed"] == {"e5": "e5: frame 3 cannot be read; download it again"}
    assert [line["video"] for line in done["lines"]] == [name for name in NAMES if name != "e5"]
    Path("data/missing").unlink()
    assert run_command(EVAL) == 0
    assert len(script.asked("propagate")) == len(NAMES)
    assert read_summary()["failed"] == {}


def test_some_videos_are_picked_by_name_or_number(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--videos", "h8,a/b"]) == 0
    assert [line["video"] for line in read_summary()["lines"]] == ["a/b", "h8"]
    assert run_command([*EVAL, "--limit", "3"]) == 0
    assert len(script.asked("propagate")) == 4
    assert run_command([*EVAL, "--videos", "h8,h8, h8"]) == 0
    assert [line["video"] for line in read_summary()["lines"]] == ["h8"]
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
        assert read_summary(out) == read_summary("whole")


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
    assert [line["video"] for line in read_summary()["lines"]] == NAMES


def test_masks_made_elsewhere_score_as_in_the_evaluation(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(EVAL) == 0
    capsys.readouterr()
    assert run_command(["score", "squares", "--data", "data", "--masks", "run/masks", "--json", "--jobs", "1"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["tables"] == read_summary()["tables"]
    assert [line["scores"] for line in scored["lines"]] == [line["scores"] for line in read_summary()["lines"]]


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
    assert [sorted(line["scores"]) for line in read_summary()["lines"]] == [["overlap"], [], ["overlap"]]
    assert run_command(["compare", "run"]) == 0
    assert "2 common videos" in capsys.readouterr().out
    arguments = ["score", "squares", "--data", "data", "--masks", "run/masks", "--limit", "3", "--json", "--jobs", "1"]
    assert run_command(arguments) == 0
    assert json.loads(capsys.readouterr().out)["tables"] == read_summary()["tables"]


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
    assert len(read_summary()["lines"]) == len(NAMES) - 1


@pytest.mark.parametrize("name", [*NAMES, ".", "..", ".hidden", "100%", "%2F", "a%2Eb"])
def test_any_name_of_a_video_is_a_file_name(name: str) -> None:
    file = encode_file_name(name)
    assert "/" not in file
    assert not file.startswith(".")
    assert decode_video_name(Path(file)) == name


def test_a_part_never_replaces_the_summary_of_the_whole(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--limit", "2"]) == 0
    assert read_summary()["requested"] == 2
    assert run_command(EVAL) == 0
    whole = {name: Path("run", name).read_bytes() for name in ("summary.json", "report.html", "rows.csv")}
    assert run_command([*EVAL[:-1], "--videos", "h8"]) == 0
    assert {name: Path("run", name).read_bytes() for name in whole} == whole
    assert json.loads(Path("run/summary-part.json").read_text())["requested"] == 1
    assert 'href="rows-part.csv"' in Path("run/report-part.html").read_text()
    assert "run/summary-part.json" in capsys.readouterr().out
    assert run_command([*EVAL, "--limit", "1", "-o", "temporal.patience=9", "--force"]) == 0
    assert read_summary()["requested"] == 1
    assert not Path("run/summary-part.json").exists()


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
