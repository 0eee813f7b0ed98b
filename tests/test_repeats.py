"""Repeats: runs with other seeds, resumable, with what does not depend on a seed computed once."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean, stdev
from time import sleep
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from alref.cli import run_command
from alref.cli.eval_output import EvaluationProgress
from alref.components.base import Reasoner, StageOptions
from alref.components.logger import EvaluationLogger, FinishedEvaluation
from alref.config import resolve_config
from alref.evaluation.comparison import compare_runs
from alref.evaluation.repeats import explain_repeats, list_seeded_slots, shift_seeds
from alref.evaluation.runner import MIN_CACHED_SECONDS, VideoOutcome
from alref.media.video import Video
from alref.plugins import manager as plugins_module
from alref.plugins.manager import PluginManager
from alref.records import Candidates, Phrase, PivotBox, PivotFrame
from support.scripted import Script, announcing, entry, pick_frames, propose
from support.scripted_dataset import NAMES, SLOTS, Overlap, squares

EVAL = ["eval", "squares", "--data", "data", *SLOTS[:1], "--reasoner=sampling", *SLOTS[2:], "--out", "run", "--quiet"]


class Sampling(Reasoner):
    """Shrinks the first box by a random part, which depends on the seed."""

    name = "sampling"

    class Options(StageOptions):
        seed: int | None = Field(None, description="random seed")
        temperature: float = Field(1.0, ge=0, description="0 is greedy")
        replay: Path | None = Field(None, description="recorded answers")

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return pick_frames(video, phrases)

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        options: Any = self.options
        random = np.random.default_rng([options.seed or 0, len(video.name)])
        cut = np.array([0, 0, *random.integers(0, 6, 2)], np.float32)
        return [PivotBox(pivot=each.pivot, xyxy=each.xyxy[0] - cut, score=0.8, why="drawn") for each in candidates]


class Notes(EvaluationLogger):
    """Keeps the numbers of the last evaluation."""

    name = "notes"
    numbers: dict[str, float] = {}

    def log_evaluation(self, evaluation: FinishedEvaluation) -> str:
        Notes.numbers = evaluation.numbers
        return "notes"


def take_time(video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
    """Propose after the time from which outputs are cached."""
    sleep(1.1 * MIN_CACHED_SECONDS)
    return propose(video, pivots)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    made = Script(propose=take_time)
    sampling = announcing("sampling", reasoners=[Sampling])
    monkeypatch.setattr(
        plugins_module,
        "entry_points",
        lambda group: [*made.entries, squares(), sampling, entry("notes", register_loggers=lambda: [Notes])],
    )
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    return made


def read_summary(folder: str = "run") -> dict[str, Any]:
    return dict(json.loads(Path(folder, "summary.json").read_text()))


def read_score(folder: str) -> float:
    return float(read_summary(folder)["tables"][0]["metrics"]["overlap"])


def read_lines(folder: str) -> dict[str, float]:
    return {line["video"]: line["scores"]["overlap"] for line in read_summary(folder)["lines"]}


def test_runs_differ_by_seed_and_their_mean_and_deviation_are_in_every_table(script: Script) -> None:
    assert run_command([*EVAL, "--repeats", "3", "--logger", "notes"]) == 0
    scores = [read_score(folder) for folder in ("run", "run/repeats/2", "run/repeats/3")]
    assert len(set(scores)) == 3
    repeats = read_summary()["repeats"]
    assert repeats == {"values": {"overlap": {"overlap": scores}}, "videos": [len(NAMES)] * 3}
    spread = Notes.numbers["overlap/overlap_mean"], Notes.numbers["overlap/overlap_std"]
    assert spread == pytest.approx((fmean(scores), stdev(scores)))
    both = f"{100 * fmean(scores):.1f} ± {100 * stdev(scores):.1f}"
    assert both in Path("run/table.md").read_text()
    assert both.replace("±", r"$\pm$") in Path("run/table.tex").read_text()
    assert both in Path("run/report.html").read_text()
    assert 'href="repeats/3/report.html"' in Path("run/report.html").read_text()
    alone = [*EVAL[:-2], "alone", "--quiet", "-o", "reasoner.seed=2"]
    assert run_command(alone) == 0
    assert read_score("alone") == scores[2]


def test_a_comparison_has_mean_and_deviation_on_the_common_videos(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--repeats", "2"]) == 0
    assert run_command([*EVAL[:-2], "other", "--quiet", "--limit", "3"]) == 0
    first, other = compare_runs([Path("run"), Path("other")], Overlap())
    parts = [[read_lines(folder)[name] for name in NAMES[:3]] for folder in ("run", "run/repeats/2")]
    assert first.repeats == pytest.approx([fmean(each) for each in parts])
    assert first.spread == pytest.approx((fmean(first.repeats), stdev(first.repeats)))
    assert (len(other.repeats), other.spread) == (1, None)
    capsys.readouterr()
    assert run_command(["compare", "run", "other"]) == 0
    assert f"{100 * stdev(first.repeats):.2f}" in capsys.readouterr().out


def test_what_does_not_depend_on_the_seed_is_computed_once(script: Script) -> None:
    assert run_command([*EVAL, "--repeats", "3"]) == 0
    assert len(script.asked("propose")) == len(NAMES)
    assert len(script.asked("propagate")) == 3 * len(NAMES)


def test_more_runs_are_added_to_finished_ones(script: Script) -> None:
    assert run_command(EVAL) == 0
    first = read_summary()
    assert run_command([*EVAL, "--repeats", "2"]) == 0
    assert run_command([*EVAL, "--repeats", "2"]) == 0
    assert len(script.asked("propagate")) == 2 * len(NAMES)
    assert {**read_summary(), "repeats": None} == first


def test_an_interrupted_run_resumes(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    count, seen = EvaluationProgress.add_outcome, []

    def interrupt(tally: EvaluationProgress, outcome: VideoOutcome) -> None:
        count(tally, outcome)
        seen.append(outcome.video)
        if len(seen) == len(NAMES) + 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(EvaluationProgress, "add_outcome", interrupt)
        assert run_command([*EVAL, "--jobs", "1", "--repeats", "2"]) == 130
    assert read_summary()["repeats"] is None
    assert run_command([*EVAL, "--repeats", "2"]) == 0
    assert len(script.asked("propagate")) == 2 * len(NAMES)
    assert read_summary()["repeats"]["videos"] == [len(NAMES)] * 2


def test_the_number_can_stand_in_the_configuration(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("repeats: 2\n")
    assert run_command([*EVAL, "-c", "mine.yaml"]) == 0
    assert len(read_summary()["repeats"]["videos"]) == 2
    for wrong in ("0", "true", "many"):
        Path("mine.yaml").write_text(f"repeats: {wrong}\n")
        assert run_command([*EVAL, "-c", "mine.yaml"]) == 4
        assert "repeats: expected a number from 1" in capsys.readouterr().err


def test_a_plan_counts_all_runs(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*EVAL, "--limit", "2"]) == 0
    capsys.readouterr()
    assert run_command([*EVAL, "--repeats", "3", "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["runs"], plan["videos"], plan["done"]) == (3, len(NAMES), 2)
    assert run_command([*EVAL, "--plan", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    left, left_alone = 3 * len(NAMES) - 2, len(NAMES) - 2
    assert plan["hours"] == pytest.approx(alone["hours"] * left / left_alone)
    assert not Path("run/repeats").exists()


def test_a_configuration_without_a_seed_runs_once_and_says_so(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    plain = ["eval", "squares", "--data", "data", *SLOTS, "--out", "run", "--repeats", "3"]
    assert run_command(plain) == 0
    assert "repeats: no component" in capsys.readouterr().err
    assert len(script.asked("propagate")) == len(NAMES)
    assert read_summary()["repeats"] is None


def test_what_is_not_sampled_is_said(script: Script, tmp_path: Path) -> None:
    def explain(**options: Any) -> str:
        slots = dict.fromkeys(("unifier", "proposer", "propagator"), "scripted")
        layers = [{**slots, "reasoner": {"use": "sampling", **options}, "repeats": 2}]
        return explain_repeats(resolve_config(PluginManager(), layers))

    assert explain() == ""
    assert "temperature" in explain(temperature=0)
    assert "no component" in explain(replay=str(tmp_path))


def test_a_seed_that_is_not_set_counts_as_zero_and_slots_without_use_keep_theirs(script: Script) -> None:
    slots = dict.fromkeys(("unifier", "proposer", "propagator"), "scripted")
    config = resolve_config(PluginManager(), [{**slots, "reasoner": "sampling"}])
    assert list_seeded_slots(config) == ["temporal", "spatial"]
    assert shift_seeds(config, 0) == config
    shifted = shift_seeds(config, 2).to_dict()
    assert (shifted["temporal"]["seed"], shifted["spatial"]["seed"]) == (2, 2)
