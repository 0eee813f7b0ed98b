"""How ``rules`` names nouns and picks tracks: by place, order, color, motion and number, and over time."""

from __future__ import annotations

import numpy as np
import pytest

from alref.media.video import Video
from alref.records import Concept, ExistenceAudit, ObjectTrack, Phrase, PivotFrame, TrackCandidates, TrackChoice
from alref.testing import ArrayVideo, TrackReasonerContract
from alref.utils.masks import encode_mask
from alref_baseline.concepts import name_concept
from alref_baseline.reasoners import RulesReasoner
from alref_baseline.track_rules import choose_frames
from alref_baseline.vision import ClassEvidenceProposer

HEIGHT, WIDTH, FRAMES = 96, 160, 12
RED, BLUE = (210, 30, 30), (40, 70, 210)
Spot = tuple[float, float, tuple[int, int, int]]
"""Start and end of a square from left, in pixels, and its color."""


def make_scene(*spots: Spot) -> tuple[Video, list[np.ndarray]]:
    """Return a video of squares that move evenly on a textured ground, and the true masks of each."""
    ground = np.random.default_rng(0).integers(90, 130, (HEIGHT, WIDTH, 1), np.uint8).repeat(3, 2)
    frames, masks = np.stack([ground] * FRAMES), [np.zeros((FRAMES, HEIGHT, WIDTH), bool) for _ in spots]
    for number, (start, end, color) in enumerate(spots):
        for frame in range(FRAMES):
            left = round(start + (end - start) * frame / (FRAMES - 1))
            masks[number][frame, 36:60, left : left + 24] = True
            frames[frame][masks[number][frame]] = color
    return ArrayVideo(frames), masks


def make_track(number: int, masks: np.ndarray, score: float = 0.8) -> ObjectTrack:
    rles = tuple(encode_mask(mask) for mask in masks)
    return ObjectTrack(id=number, noun="car", score=score, rles=rles, scores=(0.9,) * len(masks))


def pick(text: str, *spots: Spot, seen: dict[int, range] | None = None, scores: tuple[float, ...] = ()) -> list[TrackChoice]:
    """Return the choices about squares; ``seen`` limits the frames of a track."""
    video, masks = make_scene(*spots)
    for number, frames in (seen or {}).items():
        masks[number][[frame for frame in range(FRAMES) if frame not in frames]] = False
    given = scores or (0.8,) * len(spots)
    tracks = [make_track(number, mask, score) for number, (mask, score) in enumerate(zip(masks, given, strict=True), 1)]
    phrase = Phrase(reference="1", text=text)
    return RulesReasoner(RulesReasoner.Options()).pick_tracks(video, [TrackCandidates(phrase=phrase, tracks=tuple(tracks))])


THREE: tuple[Spot, ...] = ((10, 10, RED), (70, 70, BLUE), (130, 130, RED))
CHOSEN = {
    "the left car": [1],
    "the car on the right": [3],
    "the second car from the left": [2],
    "the blue car": [2],
    "the cars": [1, 2, 3],
    "both red cars": [1, 3],
    "every car": [1, 2, 3],
}


@pytest.mark.parametrize(("text", "chosen"), CHOSEN.items(), ids=CHOSEN)
def test_words_choose_among_tracks(text: str, chosen: list[int]) -> None:
    choices = pick(text, *THREE)
    assert [each.track for each in choices if each.choice == "accept"] == chosen
    assert [each.track for each in choices] == [1, 2, 3]
    assert all(each.why for each in choices)
    assert "uncertain" not in {each.choice for each in choices}


def test_motion_over_the_video_chooses() -> None:
    spots: tuple[Spot, ...] = ((10, 10, RED), (40, 100, RED))
    assert [each.choice for each in pick("the moving car", *spots)] == ["reject", "accept"]
    assert [each.choice for each in pick("the car that moves right", *spots)] == ["reject", "accept"]


def test_no_track_of_the_named_color_rejects_all() -> None:
    assert {each.choice for each in pick("the green car", *THREE)} == {"reject"}


def test_a_rank_beyond_the_number_of_tracks_is_ambiguous() -> None:
    assert {(each.choice, each.finding) for each in pick("the fourth car from the left", *THREE)} == {("reject", "ambiguous")}


def test_without_other_words_the_best_scored_track_is_taken() -> None:
    assert [each.choice for each in pick("the car", *THREE, scores=(0.5, 0.9, 0.6))] == ["reject", "accept", "reject"]


def test_the_same_object_at_another_time_is_taken_too() -> None:
    halves = {0: range(6), 1: range(6, FRAMES)}
    choices = pick("the car", *THREE[:2], seen=halves, scores=(0.8, 0.7))
    assert [each.choice for each in choices] == ["accept", "accept"]
    weak = pick("the car", *THREE[:2], seen=halves, scores=(0.8, 0.2))
    assert [each.choice for each in weak] == ["accept", "reject"]


def test_tracks_are_compared_where_most_are_seen_and_each_at_least_once() -> None:
    _, masks = make_scene(*THREE)
    masks[0][4:] = False
    masks[1][:2] = masks[1][4:] = False
    masks[2][:10] = False
    frames = choose_frames([make_track(number, mask) for number, mask in enumerate(masks, 1)])
    assert set(frames) == {2, 3, 11}


def name(text: str, *failed: Concept, **more: object) -> Concept | None:
    phrase = Phrase.model_validate({"reference": "1", "text": text, **more})
    return name_concept(phrase, [phrase], [each.model_copy(update={"phrase": phrase}) for each in failed])


def make_failed(noun: str) -> Concept:
    return Concept(phrase=Phrase(reference="1", text="x"), noun=noun)


def test_the_head_noun_is_named_and_then_another_word_for_it() -> None:
    first = name("the small frog on the left of the cup")
    assert first is not None
    assert (first.noun, first.broader, first.finding) == ("frog", "", "found")
    second = name("the small frog on the left of the cup", make_failed("frog"))
    assert second is not None
    assert second.noun == "toad"
    assert name("the zebra", make_failed("zebra")) is None


def test_a_color_stands_for_a_noun_without_a_class() -> None:
    concept = name("the red one")
    assert concept is not None
    assert concept.noun == "red object"


def test_words_that_are_not_understood_are_ambiguous_and_not_tracked() -> None:
    concept = name("der Frosch")
    assert concept is not None
    assert concept.finding == "ambiguous"


def test_a_sound_is_the_object_that_makes_it() -> None:
    bark, wind = name("Bark", sound=True), name("Wind", sound=True)
    assert bark is not None
    assert wind is not None
    assert (bark.noun.lower(), wind.finding) == ("dog", "absent")


def test_a_general_sound_is_the_particular_object_beside_it() -> None:
    phrases = [Phrase(reference="1", text=text, sound=True) for text in ("Animal", "Bark")]
    nouns = [concept.noun.lower() for phrase in phrases if (concept := name_concept(phrase, phrases, []))]
    assert nouns == ["dog", "dog"]


def audit(text: str, **options: object) -> list[ExistenceAudit]:
    video, masks = make_scene(*THREE)
    asked = TrackCandidates(phrase=Phrase(reference="1", text=text), tracks=(make_track(1, masks[0]),))
    return RulesReasoner(RulesReasoner.Options.model_validate(options)).audit_existence(video, [asked])


def test_the_audit_is_absent_with_the_evidence_of_the_classifier() -> None:
    (absent,) = audit("the zebra")
    assert (absent.finding, absent.criterion) == ("absent", "category")
    assert "evidence 0.0" in absent.why


def test_what_the_classifier_sees_is_not_absent() -> None:
    (seen,) = audit("the red one")
    assert seen.finding in ("found", "ambiguous")
    assert seen.confidence is not None


def test_the_audit_uses_what_was_surely_seen_when_the_objects_were_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    video, masks = make_scene(*THREE)
    pivots = [PivotFrame(phrase=Phrase(reference="1", text="every red object"), frame=frame) for frame in range(8)]
    ClassEvidenceProposer(ClassEvidenceProposer.Options()).propose(video, pivots)
    track = make_track(1, masks[0]).model_copy(update={"noun": "red object"})
    asked = TrackCandidates(phrase=Phrase(reference="1", text="the red object on the left"), tracks=(track,))
    monkeypatch.setattr("alref_baseline.grounding.gather_evidence", lambda *given: pytest.fail("searched again"))
    with pytest.raises(pytest.fail.Exception, match="searched again"):
        RulesReasoner(RulesReasoner.Options()).audit_existence(video, [asked])
    monkeypatch.setattr("alref_baseline.track_rules.FOUND_CONFIDENCE", 0.0)
    (seen,) = RulesReasoner(RulesReasoner.Options()).audit_existence(video, [asked])
    assert seen.confidence is not None


def test_other_detectors_are_not_audited_by_the_classifier() -> None:
    assert audit("the zebra", pivot="middle") == []


class TestRulesTracks(TrackReasonerContract):
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look at small images."""
        monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 96)

    def make_component(self) -> RulesReasoner:
        return RulesReasoner(RulesReasoner.Options())
