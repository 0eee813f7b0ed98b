"""The contract kit: a component that finds nothing meets no contract, and what was not exercised is reported."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.components.dataset import Dataset
from alref.media.write import write_video
from alref.testing import DatasetContract, ProposerContract, ProtocolContract, StageContract, make_moving_square
from alref.testing.runner import CONTRACTS, CheckOutcome, run_checks
from support.contract_checks import Spoken, check
from support.wrong.correct import Bright
from support.wrong.empty import Bare, Cars, Hollow, Indifferent, Nothing

FINDS = "test_finds_something_in_the_test_video"


def list_tests(outcomes: Iterable[CheckOutcome], state: str) -> list[str]:
    return [outcome.test for outcome in outcomes if outcome.state == state]


@pytest.mark.parametrize("slot", CONTRACTS)
def test_a_component_that_finds_nothing_fails(slot: str, tmp_path: Path) -> None:
    contract: type[StageContract] = Spoken if slot == "transcriber" else CONTRACTS[slot]
    outcomes = check(contract, Nothing, folder=tmp_path, long_video_length=40)
    assert FINDS in list_tests(outcomes, "failed")
    assert "test_gives_the_same_answers_twice" in list_tests(outcomes, "not exercised")


def test_a_reason_to_find_nothing_is_accepted_and_shown() -> None:
    outcomes = check(ProposerContract, Nothing, finds_nothing="it needs a microscope")
    assert list_tests(outcomes, "failed") == []
    assert FINDS in list_tests(outcomes, "skipped")
    assert {each.reason for each in outcomes if each.state == "not exercised"} == {"it needs a microscope"}


def test_a_closed_vocabulary_is_checked_with_words_that_it_knows() -> None:
    blind = check(ProposerContract, Cars)
    assert list_tests(blind, "failed") == [FINDS]
    assert "test_takes_odd_sizes" in list_tests(blind, "not exercised")
    declared = check(ProposerContract, Cars, text="the red car", category="car")
    assert list_tests(declared, "not exercised") == []
    wrong = {"test_takes_odd_sizes", "test_answers_each_pivot_in_order_with_boxes_inside_the_image"}
    assert wrong <= set(list_tests(declared, "failed"))


PLUGIN = """
import alref
from support.wrong.empty import Cars


class Fitting(Cars):
    '''Knows nothing but cars.'''

    name = "fitting"

    def propose(self, video, pivots):
        assert all(pivot.phrase.category != "the car" for pivot in pivots)
        return super().propose(video, pivots)

    def seen(self, video, pivot, score=0.5, scale=1.0):
        return super().seen(video, pivot, score)


@alref.hookimpl
def register_proposers():
    return [Cars, Fitting]
"""


@pytest.mark.parametrize(
    ("name", "flags", "code"),
    [
        ("cars", [], 6),
        ("cars", ["--text", "the car"], 6),
        ("fitting", [], 6),
        ("fitting", ["--text", "the car"], 0),
    ],
)
def test_plugins_check_takes_a_video_and_a_text(name: str, flags: list[str], code: int, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    video = tmp_path / "clip.mp4"
    clip = make_moving_square(6)[0]
    write_video(video, clip, clip.times)
    given = ["--video", str(video)] if flags else []
    assert run_command(["plugins", "check", name, "--plugin", str(tmp_path / "mine.py"), "--quick", *flags, *given]) == code


def test_what_a_video_lacks_is_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "none.mp4")
    assert run_command(["plugins", "check", "uniform", "--video", path]) == 3


def make_bright(_: object) -> Any:
    return Bright(Bright.Options())


def test_the_words_of_the_author_reach_every_phrase() -> None:
    contract = type("Named", (ProposerContract,), {"make_component": make_bright, "text": "the car", "category": "car"})()
    assert {pivot.phrase.text for pivot in contract.make_pivots(contract.make_video()[1])} == {"the car", contract.other_text}


@pytest.mark.parametrize(
    ("cls", "failed", "not_exercised"),
    [
        (Bare, "test_lists_its_videos", "test_opens_its_videos"),
        (Hollow, "test_gives_the_truth_or_says_that_it_is_not_public", "test_scores_the_truth_as_perfect"),
    ],
)
def test_a_dataset_without_content_fails(cls: type[Dataset], failed: str, not_exercised: str, tmp_path: Path) -> None:
    contract = type("Contract", (DatasetContract,), {"make_dataset": lambda _: cls(tmp_path)})
    outcomes = list(run_checks(contract, cls, {}))
    assert failed in list_tests(outcomes, "failed")
    assert not_exercised in list_tests(outcomes, "not exercised")
    assert "test_reads_back_what_it_wrote" not in list_tests(outcomes, "passed")


def test_a_protocol_that_gives_every_result_the_best_score_fails() -> None:
    contract = type("Contract", (ProtocolContract,), {"make_protocol": lambda _: Indifferent()})
    assert "test_scores_the_truth_best" in list_tests(run_checks(contract, Indifferent, {}), "failed")
