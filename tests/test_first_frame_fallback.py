"""Without any box for a text, the run may start from the best box of the first frame, as published, and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alref.media.video import Video
from alref.records import Candidates, Phrase, PivotBox, PivotFrame, Reference
from support.scripted import CAT, DOG, Script, run

Answer = Callable[..., list[Any]]


def nothing(video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
    return [Candidates(pivot=pivot, xyxy=[], scores=[]) for pivot in pivots]


def absent(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
    return [PivotFrame(phrase=phrase, finding="absent", why="gone") for phrase in phrases]


def rejected(video: Video, candidates: list[Candidates]) -> list[PivotBox]:
    return [PivotBox(pivot=each.pivot, finding="absent", why="none of them") for each in candidates]


@pytest.mark.parametrize("answers", [{"propose": nothing}, {"pick_frames": absent}, {"pick_boxes": rejected}], ids=list)
def test_the_best_box_of_the_first_frame_is_taken_and_marked(answers: dict[str, Answer]) -> None:
    script = Script(**answers)
    result = run(script, fallback="first-frame")
    assert (result.verdict().finding, result.verdict().source) == ("found", "fallback")
    (box,) = [box for box in result.boxes if box.xyxy is not None]
    assert (box.pivot.frame, box.pivot.source, box.source) == (0, "fallback", "fallback")
    assert (box.xyxy == result.candidates[-1].xyxy[0]).all()
    assert len(script.asked("propose_best")) == 1


def test_by_default_a_text_without_a_box_is_absent() -> None:
    script = Script(propose=nothing)
    assert run(script).verdict().finding == "absent"
    assert script.asked("propose_best") == []


def test_only_phrases_without_a_box_are_looked_for_again() -> None:
    def some(video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        dog, cat = candidates
        return [PivotBox(pivot=dog.pivot, xyxy=dog.xyxy[0]), *rejected(video, [cat])]

    script = Script(pick_boxes=some)
    result = run(script, DOG, CAT, fallback="first-frame")
    assert [[pivot.phrase.text for pivot in pivots] for (pivots,) in script.asked("propose_best")] == [["the cat"]]
    assert [verdict.source for verdict in result.verdicts] == ["rule", "fallback"]


def test_a_first_frame_without_a_box_leaves_the_text_absent() -> None:
    result = run(Script(propose=nothing, propose_best=nothing), fallback="first-frame")
    assert result.verdict().finding == "absent"
    assert result.tracks == ()


def test_a_sound_without_a_box_stays_absent() -> None:
    script = Script(propose=nothing)
    result = run(script, Reference(id="heard", sound=True), fallback="first-frame")
    assert result.verdict().finding == "absent"
    assert script.asked("propose_best") == []
