"""The embedded reasoners: which frames they start from, which candidate they pick, and the reasons they give."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from alref.records import Candidates, Phrase, PivotBox, PivotFrame
from alref_baseline.reasoners import RulesReasoner
from alref_baseline.regions import Region
from alref_baseline.relations import score_box_relation
from support.disc_films import HEIGHT, PIVOT, ROW, WIDTH, Disc, at, film


def picked(text: str, discs: list[Disc], scores: list[float] | None = None) -> tuple[int, PivotBox]:
    """Let the rules pick among the discs of the pivot frame: the number of the disc (-1 for none), and the answer."""
    scores = scores or [0.5] * len(discs)
    order = sorted(range(len(discs)), key=lambda index: -scores[index])
    pivot = PivotFrame(phrase=Phrase(reference="1", text=text), frame=PIVOT)
    boxes = np.array([discs[index].box(PIVOT) for index in order])
    candidates = Candidates(pivot=pivot, xyxy=boxes, scores=np.array([scores[index] for index in order]))
    (box,) = RulesReasoner(RulesReasoner.Options()).pick_boxes(film(discs), [candidates])
    if box.xyxy is None:
        return -1, box
    return order[int(np.abs(boxes - box.xyxy).sum(axis=1).argmin())], box


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("the blue disc", 1),
        ("the yellow disc", 3),
        ("the red disc on the left", 0),
        ("the red disc on the right", 2),
        ("the leftmost disc", 0),
        ("the second disc from the left", 1),
        ("the second disc from the right", 2),
        ("the third disc", 2),
        ("the last disc", 3),
        ("the biggest disc", 2),
        ("the smallest disc", 1),
        ("the second biggest disc", 0),
        ("the small disc", 1),
        ("the disc at the bottom", 3),
        ("the disc at the top", 2),
        ("the disc closest to the camera", 3),
    ],
)
def test_color_size_and_place_decide_between_equals(text: str, best: int) -> None:
    assert picked(text, ROW)[0] == best


MOVING = [
    Disc("red", lambda frame: (40 + 5 * frame, 45, 20)),
    Disc("red", lambda frame: (280 - 5 * frame, 45, 20)),
    Disc("red", at(60, 140, 20)),
    Disc("red", lambda frame: (160, 130 - 5 * frame, 20)),
    Disc("red", lambda frame: (260, 130, 16 + 2 * frame)),
]


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("the ball rolling to the right", 0),
        ("the ball moving to the left", 1),
        ("the ball that is not moving", 2),
        ("the ball going up", 3),
        ("the ball that comes closer to the camera", 4),
    ],
)
def test_motion_decides_between_equals(text: str, best: int) -> None:
    assert picked(text, MOVING)[0] == best


def test_what_changes_in_its_place_is_told_from_what_stays_as_it_is() -> None:
    discs = [Disc("yellow", at(60, 90)), Disc("yellow", at(160, 90), fades=True), Disc("yellow", at(260, 90))]
    best, box = picked("the lamp that is burning", discs)
    assert best == 1
    assert "changes" in box.why


def test_reasons_say_place_share_and_score() -> None:
    _, box = picked("the second red disc from the left", ROW, [0.4, 0.5, 0.64, 0.1])
    assert re.search(r"\b2nd of 2\b.*\bleft\b", box.why)
    assert "red 0.98" in box.why
    assert "0.64" in box.why
    assert re.search(r"\b4\b", box.why)
    assert box.source == "rule"


def test_a_place_in_a_row_counts_only_what_has_the_color() -> None:
    assert picked("the second red disc from the left", ROW)[0] == 2


@pytest.mark.parametrize(
    ("text", "scores"),
    [("the second blue disc from the left", None), ("the fifth disc", None), ("the second disc", [0.1, 0.9, 0.1, 0.1])],
)
def test_a_place_in_a_row_that_nothing_has_is_ambiguous_and_shows_nothing(text: str, scores: list[float] | None) -> None:
    best, box = picked(text, ROW, scores)
    assert (best, box.finding) == (-1, "ambiguous")
    assert "asked" in box.why


@pytest.mark.parametrize(("text", "disc"), [("the disc on the left", ROW[3]), ("the moving disc", ROW[0])])
def test_what_is_not_as_the_words_say_is_shown_but_ambiguous(text: str, disc: Disc) -> None:
    best, box = picked(text, [disc])
    assert (best, box.finding) == (0, "ambiguous")


def pick_together(text: str, shown: Sequence[Disc]) -> tuple[PivotBox, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Return the box for a plural, and the masks of the discs that are shown."""
    pivot = PivotFrame(phrase=Phrase(reference="1", text=text), frame=PIVOT)
    masks = np.zeros((len(shown), HEIGHT, WIDTH), np.bool_)
    for mask, disc in zip(masks, shown, strict=True):
        left, top, right, bottom = (max(0, round(side)) for side in disc.box(PIVOT))
        mask[top:bottom, left:right] = True
    scores = np.array([0.9, 0.8, 0.8, 0.8])[: len(shown)]
    candidates = Candidates(pivot=pivot, xyxy=np.array([disc.box(PIVOT) for disc in shown]), scores=scores, masks=masks)
    (box,) = RulesReasoner(RulesReasoner.Options()).pick_boxes(film(ROW), [candidates])
    return box, masks


def test_a_plural_takes_all_together() -> None:
    box, masks = pick_together("the red discs", ROW)
    assert box.finding == "found"
    assert box.mask is not None
    assert np.array_equal(box.mask, masks[0] | masks[2])
    assert box.xyxy is not None
    assert np.allclose(box.xyxy, [28, 30, 240, 112])
    assert pick_together("the red discs", ROW[:2])[0].finding == "ambiguous"


@pytest.mark.parametrize(("number", "finding"), [("two", "found"), ("three", "ambiguous")])
def test_another_number_than_is_asked_for_is_ambiguous(number: str, finding: str) -> None:
    assert pick_together(f"{number} red discs", ROW)[0].finding == finding


@pytest.mark.parametrize(("radius", "finding"), [(5, "found"), (18, "ambiguous")])
def test_a_small_piece_is_not_one_object_more(radius: int, finding: str) -> None:
    assert pick_together("two red discs", [ROW[0], ROW[2], Disc("red", at(50, 90, radius))])[0].finding == finding


def test_no_more_are_taken_than_are_asked_for() -> None:
    box, masks = pick_together("two discs", ROW)
    assert box.finding == "ambiguous"
    assert box.mask is not None
    assert any(np.array_equal(box.mask, masks[0] | masks[other]) for other in (1, 2, 3))


def test_without_attributes_the_score_decides() -> None:
    assert picked("the disc", ROW, [0.2, 0.3, 0.9, 0.1])[0] == 2


def test_a_certain_proposal_outweighs_a_weak_cue() -> None:
    assert picked("the disc on the left", [ROW[0], ROW[3]], [0.05, 0.95])[0] == 1


def test_a_tie_is_found_and_said() -> None:
    _, box = picked("the red disc", [Disc("red", at(80, 90)), Disc("red", at(240, 90))])
    assert box.finding == "found"
    assert box.why


def test_a_color_that_no_candidate_has_is_absent() -> None:
    best, box = picked("the green disc", ROW)
    assert (best, box.finding) == (-1, "absent")
    assert re.search(r"\b4\b.*\bgreen\b", box.why)


def test_masks_are_measured_where_a_proposer_gives_them() -> None:
    video = film([Disc("blue", at(80, 90)), Disc("red", at(240, 90))])
    pivot = PivotFrame(phrase=Phrase(reference="1", text="the red disc"), frame=PIVOT)
    masks = np.zeros((2, HEIGHT, WIDTH), np.bool_)
    masks[0, 70:110, 220:260] = True
    masks[1, 70:110, 60:100] = True
    boxes = np.array([[0, 0, WIDTH, HEIGHT], [0, 0, WIDTH, HEIGHT - 1]])
    (box,) = RulesReasoner(RulesReasoner.Options()).pick_boxes(
        video, [Candidates(pivot=pivot, xyxy=boxes, scores=np.array([0.5, 0.5]), masks=masks)]
    )
    assert box.mask is not None
    assert np.array_equal(box.mask, masks[0])


def bench(left: float, top: float, right: float, bottom: float) -> Region:
    """Return a region in a box of pixels, as the grounding would find the other thing of a relation."""
    box = (left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT)
    mask = np.zeros((216, 384), np.bool_)
    mask[int(box[1] * 216) : int(box[3] * 216), int(box[0] * 384) : int(box[2] * 384)] = True
    return Region(PIVOT, mask, 1.0, 1.0, 1.0, 0.0, (0.0, 0.0), float(mask.mean()), box, 10.0)


@pytest.mark.parametrize(
    ("text", "best"),
    [("the disc next to the bench", 1), ("the disc to the left of the bench", 1), ("the disc to the right of the bench", 2)],
)
def test_a_relation_is_judged_where_the_other_thing_is_seen(text: str, best: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "alref_baseline.attribute_scores.find_other_regions", lambda video, frame, other: [bench(150, 70, 200, 120)]
    )
    discs = [Disc("red", at(40, 90, 15)), Disc("red", at(130, 90, 15)), Disc("red", at(280, 90, 15))]
    assert picked(text, discs)[0] == best


def test_a_relation_to_something_unseen_changes_nothing_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref_baseline.attribute_scores.find_other_regions", lambda video, frame, other: [])
    best, box = picked("the disc next to the bench", ROW, [0.2, 0.3, 0.9, 0.1])
    assert best == 2
    assert "'bench'" in box.why


@pytest.mark.parametrize(
    ("how", "better", "worse"),
    [
        ("near", (0.3, 0.4, 0.38, 0.6), (0.0, 0.4, 0.08, 0.6)),
        ("left", (0.2, 0.4, 0.3, 0.6), (0.7, 0.4, 0.8, 0.6)),
        ("right", (0.7, 0.4, 0.8, 0.6), (0.2, 0.4, 0.3, 0.6)),
        ("on", (0.45, 0.2, 0.55, 0.42), (0.45, 0.58, 0.55, 0.8)),
        ("under", (0.45, 0.58, 0.55, 0.8), (0.45, 0.2, 0.55, 0.42)),
        ("inside", (0.45, 0.45, 0.55, 0.55), (0.3, 0.45, 0.42, 0.55)),
        ("front", (0.35, 0.5, 0.5, 0.9), (0.35, 0.2, 0.5, 0.5)),
        ("behind", (0.35, 0.2, 0.5, 0.5), (0.35, 0.5, 0.5, 0.9)),
    ],
)
def test_relations_are_read_from_boxes(
    how: str, better: tuple[float, float, float, float], worse: tuple[float, float, float, float]
) -> None:
    other = (0.4, 0.4, 0.6, 0.6)
    assert 1 >= score_box_relation(how, better, other) > score_box_relation(how, worse, other) >= 0
