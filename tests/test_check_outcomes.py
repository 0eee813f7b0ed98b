"""The outcomes of a contract: components that fill several slots, and tests that skip, exit or raise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from unittest import SkipTest

from alref.components.base import SpatialReasoner, StageOptions, Tagger, TemporalReasoner
from alref.testing.runner import CheckOutcome, build_contract, list_tests, run_checks


class Both(TemporalReasoner, SpatialReasoner, Tagger):
    """Fills three places."""

    name = "both"

    def pick_frames(self, video: Any, phrases: Any) -> Any:
        return []

    def pick_boxes(self, video: Any, candidates: Any) -> Any:
        return []

    def tag(self, video: Any, reference: Any) -> Any:
        return []


def test_a_component_is_held_to_the_promises_of_all_places_that_it_fills() -> None:
    contract = build_contract(Both, component=lambda _: Both(StageOptions()))
    found = list_tests(contract)
    assert len(found) == len(set(found))
    for name in (
        "test_answers_nothing_for_no_phrase",
        "test_answers_nothing_for_no_candidates",
        "test_takes_sound_of_any_length",
    ):
        assert name in found


class Contract:
    def test_kept(self) -> None:
        """It does ``nothing``.

        Leave it
        at that.
        """

    def test_without_words(self) -> None:
        raise SkipTest("not here")

    def test_leaves(self) -> None:
        """It leaves."""
        sys.exit(3)

    def test_says_nothing(self) -> None:
        """It says nothing."""
        raise ValueError

    def test_says_much(self) -> None:
        """It says much."""
        raise AssertionError("\x1b[1m" + "x" * 10_000)


def test_whatever_is_raised_breaks_a_promise_but_for_what_skips_it() -> None:
    begun: list[str] = []
    kept, skipped, left, silent, loud = run_checks(Contract, Both, {}, on_start=begun.append)
    assert kept == CheckOutcome("test_kept", "It does `nothing`.", "passed", "", "Leave it at that.", kept.seconds)
    assert (skipped.requirement, skipped.state, skipped.reason) == ("test_without_words", "skipped", "not here")
    here = Path(__file__)
    lines = here.read_text(encoding="utf-8").splitlines()
    assert left.state == silent.state == loud.state == "failed"
    assert loud.reason.startswith(r"AssertionError: \x1b[1mxxx")
    assert len(loud.reason) < 700
    assert left.reason.startswith("SystemExit: 3 (")
    assert left.reason.endswith(f"{here.name}:{lines.index('        sys.exit(3)') + 1})")
    assert silent.reason.startswith("ValueError (")
    assert begun == [each.requirement for each in (kept, skipped, left, silent, loud)]
