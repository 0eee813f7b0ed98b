from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alref.errors import RecordError
from alref.records import (
    WITHOUT_PROVENANCE,
    Audio,
    Candidates,
    FrameMasks,
    ObjectTrack,
    Phrase,
    PivotBox,
    PivotFrame,
    Prompt,
    Record,
    Reference,
    StageEvent,
    Track,
    TrackChange,
    list_object_phrases,
)
from alref.utils.masks import Rle, decode_mask, encode_mask

DOG = Phrase(reference="1", text="the dog", category="dog", heard=((0.5, 1.0),), warnings=("unsure",))
PIVOT = PivotFrame(phrase=DOG, frame=3, why="clear", source="model", raw="frame 3")
MASK = np.eye(4, 5, dtype=np.bool_)
RECORDS = [
    DOG,
    PIVOT,
    PivotFrame(phrase=DOG, finding="absent", why="nowhere"),
    Audio(samples=np.array([0.5, -0.5]), rate=16000, start=1.5),
    Reference(id="1", text="the dog"),
    Reference(id="1", prompts=(Prompt(mask=MASK, frame=2, points=[[1, 2]], labels=[False]), Prompt(frame=3, absent=True))),
    PivotBox(pivot=PIVOT, points=[[1, 2], [3, 3]], point_labels=[True, False]),
    Candidates(
        pivot=PIVOT, xyxy=[[0, 0, 2, 2], [1, 1, 3, 3]], scores=[0.5, 0.5], labels=("a", "b"), masks=np.stack([MASK, ~MASK])
    ),
    Candidates(pivot=PIVOT, xyxy=[], scores=[]),
    PivotBox(pivot=PIVOT, xyxy=[0, 0, 2, 2], mask=MASK, score=0.5),
    FrameMasks(frame=0, masks=MASK[None], scores=[0.5]),
    Track(phrase=DOG, rles=(encode_mask(MASK),), scores=(1.0,)),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_json_goes_both_ways(record: Record) -> None:
    again = type(record).model_validate_json(record.model_dump_json())
    assert again.model_dump_json() == record.model_dump_json()


WRONG: dict[str, tuple[type[Record], dict[str, Any], str]] = {
    "empty text": (Phrase, {"reference": "1", "text": ""}, "Phrase: text: String should have at least 1 character, got ''"),
    "unknown field": (
        Phrase,
        {"reference": "1", "text": "x", "color": "red"},
        "color: Extra inputs are not permitted, got 'red'",
    ),
    "field left out": (Phrase, {"text": "x"}, "reference: Field required"),
    "wrong type": (PivotFrame, {"phrase": DOG, "frame": "soon"}, "frame: Input should be a valid integer"),
    "negative frame": (PivotFrame, {"phrase": DOG, "frame": -1}, "greater than or equal to 0, got -1"),
    "found nowhere": (PivotFrame, {"phrase": DOG}, "PivotFrame: frame: expected a number with finding 'found', got None"),
    "no box": (PivotBox, {"pivot": PIVOT}, "xyxy: expected a box, a mask or points on a pivot frame with finding"),
    "three corners": (PivotBox, {"pivot": PIVOT, "xyxy": [1, 2, 3]}, "xyxy: expected shape (4), got (3)"),
    "flat box": (PivotBox, {"pivot": PIVOT, "xyxy": [1, 2, 1, 4]}, "expected x1 > x0 and y1 > y0, got [1, 2, 1, 4]"),
    "low box": (PivotBox, {"pivot": PIVOT, "xyxy": [1, 2, 3, 2]}, "expected x1 > x0 and y1 > y0"),
    "not a number": (PivotBox, {"pivot": PIVOT, "xyxy": [1, 2, np.nan, 4]}, "expected finite numbers"),
    "words": (Audio, {"samples": ["a"], "rate": 1}, "samples: expected finite numbers"),
    "rate of nothing": (Audio, {"samples": [0.0], "rate": 0}, "rate: Input should be greater than 0, got 0"),
    "worst first": (Candidates, {"pivot": PIVOT, "xyxy": [[0, 0, 2, 2]] * 2, "scores": [0.1, 0.2]}, "expected best first"),
    "a score missing": (
        Candidates,
        {"pivot": PIVOT, "xyxy": [[0, 0, 2, 2]], "scores": []},
        "scores: expected 1, one for each box, got 0",
    ),
    "a label too many": (
        Candidates,
        {"pivot": PIVOT, "xyxy": [[0, 0, 2, 2]], "scores": [1], "labels": ("a", "b")},
        "labels: expected 1, one for each box, got 2",
    ),
    "a mask too many": (
        Candidates,
        {"pivot": PIVOT, "xyxy": [[0, 0, 2, 2]], "scores": [1], "masks": np.stack([MASK, MASK])},
        "masks: expected 1, one for each box, got 2",
    ),
    "gray masks": (FrameMasks, {"frame": 0, "masks": np.zeros((1, 2, 2)), "scores": [1]}, "expected dtype bool, got float64"),
    "flat masks": (FrameMasks, {"frame": 0, "masks": MASK, "scores": [1]}, "expected shape (N, N, N), got (4, 5)"),
    "too few scores": (
        FrameMasks,
        {"frame": 0, "masks": MASK[None], "scores": []},
        "scores: expected 1, one for each mask, got 0",
    ),
    "points at nothing": (
        Reference,
        {"id": "1", "text": "  "},
        "sound or prompts, got none of them",
    ),
    "nothing given": (Prompt, {"frame": 3}, "expected a box, a mask, points or absent, got none of them"),
    "box and mask": (Prompt, {"box": [0, 0, 1, 1], "mask": MASK}, "got box, mask"),
    "absent at a point": (Prompt, {"points": [[1, 2]], "absent": True}, "got points, absent"),
    "a label missing": (Prompt, {"points": [[1, 2], [3, 4]], "labels": [True]}, "labels: expected one for each of 2 points"),
    "labels of nothing": (Prompt, {"box": [0, 0, 1, 1], "labels": [True]}, "labels: are those of points"),
    "no point": (Prompt, {"points": []}, "at least one"),
    "words for labels": (Prompt, {"points": [[1, 2]], "labels": ["yes"]}, "labels: expected true or false"),
    "two prompts on a frame": (
        Reference,
        {"id": "1", "prompts": [{"points": [[1, 2]]}, {"absent": True}]},
        "at most one on each frame",
    ),
    "nothing but absent": (Reference, {"id": "1", "prompts": [{"absent": True}]}, "got only frames without the object"),
    "unlabeled points": (PivotBox, {"pivot": PIVOT, "points": [[1, 2]]}, "point_labels: expected one for each of 1 points"),
    "endless text": (Reference, {"id": "1", "text": "a" * 2001}, "text: String should have at most 2000 characters"),
    "a score that is no number": (PivotBox, {"pivot": PIVOT, "xyxy": [1, 2, 3, 4], "score": float("nan")}, "score: "),
    "no id": (Reference, {"id": "", "text": "a"}, "id: String should have at least 1 character"),
}


@pytest.mark.parametrize(("kind", "fields", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_says_what_was_expected_and_what_came(kind: type[Record], fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError) as caught:
        kind(**fields)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{kind.__name__}: ")


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(RecordError) as caught:
        PivotFrame(phrase=DOG, frame=-1, source="guess")
    assert str(caught.value).startswith("PivotFrame: source: ")
    assert re.search(r"; frame: .*-1", str(caught.value))


def test_a_message_says_no_more_than_it_has_to() -> None:
    with pytest.raises(RecordError) as caught:
        Candidates.model_validate({"pivot": {"phrase": {"text": "x"}, "frame": 0}, "xyxy": [[0, 0, 1, 1]], "scores": [1]})
    assert str(caught.value).startswith("Phrase: reference: ")
    with pytest.raises(RecordError) as caught:
        PivotBox(pivot=PIVOT)
    assert re.fullmatch("PivotBox: xyxy: .*'found'.*None", str(caught.value))
    with pytest.raises(RecordError) as caught:
        Reference(id="1")
    assert str(caught.value).startswith("Reference: ")
    with pytest.raises(RecordError) as caught:
        PivotBox(pivot=PIVOT, xyxy=[1, 2, 3])
    assert re.fullmatch(r"PivotBox: xyxy: .*\(4\).*\(3\)", str(caught.value))
    with pytest.raises(RecordError) as caught:
        Phrase.model_validate(3)
    assert re.fullmatch(r"Phrase: .*\b3", str(caught.value))
    with pytest.raises(RecordError) as caught:
        Track(phrase=DOG, rles=({"size": (1, 1), "counts": 3},), scores=())
    assert re.fullmatch(r"Track: rles\.0\.counts: .*\b3", str(caught.value))


@pytest.mark.parametrize(("length", "shown"), [(78, "'" + "y" * 78 + "'"), (79, "'" + "y" * 78 + "…")])
def test_a_wrong_value_is_shown_up_to_eighty_characters(length: int, shown: str) -> None:
    with pytest.raises(RecordError) as caught:
        Phrase(reference="1", text="x", score="y" * length)
    assert str(caught.value).endswith(f"got {shown}")


def test_array_records_are_hashed_apart() -> None:
    boxes = [PivotBox(pivot=PIVOT, xyxy=[0, 0, 2, 2]) for _ in range(2)]
    assert len({hash(box) for box in boxes}) == 2


def test_a_long_wrong_value_is_cut() -> None:
    with pytest.raises(RecordError) as caught:
        Phrase(reference="1", text="x", score="y" * 500)
    assert len(str(caught.value)) < 250
    assert "…" in str(caught.value)


def test_records_and_their_arrays_cannot_be_changed() -> None:
    box = PivotBox(pivot=PIVOT, xyxy=[0, 0, 2, 2], mask=MASK.copy())
    with pytest.raises(ValueError, match="frozen"):
        box.score = 1.0
    assert box.xyxy is not None
    assert box.mask is not None
    for array in (box.xyxy, box.mask):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_record_does_not_freeze_the_array_it_was_given() -> None:
    mine = MASK.copy()
    PivotBox(pivot=PIVOT, xyxy=[0, 0, 2, 2], mask=mine)
    mine[0, 0] = False
    assert not mine[0, 0]


def test_phrases_compare_by_value_and_array_records_by_identity() -> None:
    assert DOG.model_copy() == DOG
    assert len({DOG, DOG.model_copy(), PIVOT.phrase}) == 1
    box = PivotBox(pivot=PIVOT, xyxy=[0, 0, 2, 2])
    assert box != PivotBox(pivot=PIVOT, xyxy=[0, 0, 2, 2])
    assert box in {box}


def test_candidates_count_their_boxes() -> None:
    assert [len(record) for record in RECORDS if isinstance(record, Candidates)] == [2, 0]


@pytest.mark.parametrize(
    ("fields", "given"),
    [({"text": "x"}, False), ({"sound": True}, False), ({"prompts": [{"points": [[0, 1]]}]}, True)],
)
def test_a_reference_knows_whether_anything_is_left_to_reason(fields: dict[str, Any], given: bool) -> None:
    assert Reference(id="1", **fields).has_prompt is given


def test_objects_are_distinct_phrases_in_order_of_their_first_box() -> None:
    cat = DOG.model_copy(update={"text": "the cat"})
    boxes = [PivotBox(pivot=PivotFrame(phrase=phrase, frame=0), xyxy=[0, 0, 2, 2]) for phrase in (cat, DOG, cat)]
    assert list_object_phrases(boxes) == [cat, DOG]


def test_an_event_is_json_without_its_output() -> None:
    event = StageEvent(video="clip", stage="proposer", method="propose", component="x", done=1, total=2, output=[object()])
    assert event.model_dump(mode="json") == {
        "video": "clip",
        "stage": "proposer",
        "method": "propose",
        "component": "x",
        "done": 1,
        "total": 2,
        "seconds": 0.0,
        "cached": False,
        "note": "",
    }


@given(arrays(np.bool_, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_run_length_encoding_keeps_every_pixel(mask: np.ndarray) -> None:
    rle = encode_mask(mask)
    assert (decode_mask(rle) == mask).all()
    assert rle.area == mask.sum()
    assert rle.size == mask.shape


def test_a_track_gives_the_mask_of_a_frame() -> None:
    track = Track(phrase=DOG, rles=(encode_mask(~MASK), encode_mask(MASK)), scores=(0.1, 0.9))
    assert (track.decode_mask(1) == MASK).all()


def test_the_text_of_a_track_does_not_grow_with_its_frames() -> None:
    rles, scores = (encode_mask(MASK),) * 300, (0.5,) * 300
    tracks = [
        Track(phrase=DOG, rles=rles, scores=scores),
        ObjectTrack(id=1, noun="dog", score=0.5, rles=rles, scores=scores),
        TrackChange(track=0, frames=tuple(range(300)), rles=rles, scores=scores),
    ]
    assert all(len(str(track)) < 100 and len(repr(track)) < 100 for track in tracks)


def test_rle_is_the_format_of_coco() -> None:
    assert encode_mask(np.array([[False, True], [False, True]])) == Rle(size=(2, 2), counts="22")


def test_the_provenance_of_nested_decisions_may_be_left_out() -> None:
    pivot = PivotFrame(phrase=Phrase(reference="1", text="dog"), frame=3, why="sharp", source="model", raw="[1]")
    other = pivot.model_copy(update={"why": "large", "source": "cache", "raw": "[2]"})
    boxes = [PivotBox(pivot=each, xyxy=[0, 0, 4, 4], score=0.5, why=each.why) for each in (pivot, other)]
    assert boxes[0].model_dump_json() != boxes[1].model_dump_json()
    first, second = (box.model_dump(mode="json", context=WITHOUT_PROVENANCE) for box in boxes)
    assert first == second
    assert (first["xyxy"], first["pivot"]["frame"], first["finding"]) == ([0, 0, 4, 4], 3, "found")
