"""``alref score``: a data set or a protocol that goes wrong costs the one video, and is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alref.cli import run_command
from alref.components.scores import Case, LabelMap, ObjectScores, VideoScores
from alref.errors import ContractError, PluginErrorContext
from alref.evaluation.scoring import ScoredVideo, score_videos
from support.scripted_dataset import NAMES, Overlap, Squares

BAD = NAMES[1]
ANNOUNCED = """
@alref.hookimpl
def register_datasets():
    return [Lost]

@alref.hookimpl
def register_metrics():
    return [Overlap]
"""


class Whole(Squares):
    """Needs no files."""

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        yield Case("0", [np.ones((4, 4), np.bool_)], [np.ones((4, 4), np.bool_)])


class Lost(Whole):
    """Trips over a file that is not there, not while ``cases`` is called but while it is read."""

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        if video == BAD:
            raise FileNotFoundError("no such table")
        return (yield from super().read_cases(video, folder))


class LostTruth(Whole):
    """Trips within the frames."""

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        for case in super().read_cases(video, folder):
            yield replace(case, truth=self._truth(video, case))

    def _truth(self, video: str, case: Case) -> Iterator[LabelMap]:
        if video == BAD:
            raise FileNotFoundError("no such table")
        yield from case.truth


class LostMasks(Whole):
    """Trips within what was handed in."""

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        for case in super().read_cases(video, folder):
            yield replace(case, predicted=({}[video] if video == BAD else mask for mask in case.predicted or ()))


class Dividing(Overlap):
    """Divides by nothing."""

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        return [ObjectScores(case="x", columns={"overlap": (1 / (0 if where.startswith(BAD) else 1),)})]


class Unnamed(Overlap):
    """Makes a record that cannot be."""

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        return [ObjectScores(case=None if where.startswith(BAD) else "x", columns={"overlap": (1.0,)})]  # type: ignore[arg-type]


class Nothing(Overlap):
    """Forgets to return what it measured."""

    def score_video(self, video: str, cases: Any) -> VideoScores:
        return None if video == BAD else super().score_video(video, cases)  # type: ignore[return-value]


class Borrowing(Overlap):
    """Hands on what another protocol measured, under its name."""

    def score_video(self, video: str, cases: Any) -> VideoScores:
        scores = super().score_video(video, cases)
        return scores.model_copy(update={"protocol": "other"}) if video == BAD else scores


WRONG = {
    "cases": (Lost, Overlap, "dataset 'squares', cases: FileNotFoundError: no such table; add -v to see where"),
    "truth": (LostTruth, Overlap, "dataset 'squares', cases: FileNotFoundError: no such table; add -v to see where"),
    "masks": (LostMasks, Overlap, f"dataset 'squares', cases: KeyError: '{BAD}'; add -v to see where"),
    "protocol": (Whole, Dividing, "protocol 'overlap': ZeroDivisionError: division by zero; add -v to see where"),
    "record": (Whole, Unnamed, "protocol 'overlap': "),
    "no scores": (Whole, Nothing, "protocol 'overlap': score_video: expected VideoScores, got NoneType"),
    "another's": (Whole, Borrowing, "protocol 'overlap': score_video: expected scores of this protocol, got scores of 'other'"),
}


@pytest.mark.parametrize(("dataset", "protocol", "why"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_costs_one_video_and_is_named(dataset: Any, protocol: Any, why: str, tmp_path: Path) -> None:
    fine, bad, more = score_videos(dataset(tmp_path), NAMES[:3], tmp_path, [protocol()], jobs=1)
    assert [len(fine.scores), len(bad.scores), len(more.scores)] == [1, 0, 1]
    assert isinstance(bad.error, ContractError)
    assert str(bad.error).startswith(why)


def test_what_is_wrong_in_another_process_is_named_as_well(tmp_path: Path) -> None:
    found: dict[str, ScoredVideo] = {
        each.video: each for each in score_videos(Lost(tmp_path), NAMES[:3], tmp_path, [Overlap()], jobs=2)
    }
    assert [len(found[video].scores) for video in NAMES[:3]] == [1, 0, 1]
    assert str(found[BAD].error) == WRONG["cases"][2]


class Pointing(Whole):
    """Holds what no other process can be sent."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.chosen = lambda video: True


def test_what_cannot_be_sent_to_a_process_is_named_with_the_way_around(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"'squares'.*--jobs 1\b.*: "):
        list(score_videos(Pointing(tmp_path), NAMES[:3], tmp_path, [Overlap()], jobs=2))
    assert all(each.scores for each in score_videos(Pointing(tmp_path), NAMES[:3], tmp_path, [Overlap()], jobs=1))


def test_an_interruption_is_nobodys_fault() -> None:
    with pytest.raises(KeyboardInterrupt), PluginErrorContext("data set 'squares'"):
        raise KeyboardInterrupt


def test_what_calls_a_component_is_not_blamed_for_it() -> None:
    named = pytest.raises(ContractError, match=r"'ears', match_names: ValueError: deaf")
    with named, PluginErrorContext("data set 'squares', write"), PluginErrorContext("locator 'ears', match_names"):
        raise ValueError("deaf")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_where_it_went_wrong_is_shown_on_demand(jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import alref\nfrom test_score_faults import Lost, Overlap\n" + ANNOUNCED)
    command = ["score", "squares", "--data", str(tmp_path), "--masks", str(tmp_path), "--plugin", str(file), "--jobs", jobs]
    assert run_command(command) == 6
    said = capsys.readouterr().err
    assert f"{BAD}: {WRONG['cases'][2]}" in said
    assert "Traceback" not in said
    assert run_command([*command, "-v"]) == 6
    assert 'raise FileNotFoundError("no such table")' in capsys.readouterr().err
