"""Open-vocabulary detectors as proposers: Grounding DINO, MM-Grounding-DINO, LLMDet and OWLv2, using transformers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from alref import HubModelName, HubModelOptions, ModelStage, Proposer, hookimpl
from alref.models import devices
from alref_groundingdino.models import LICENSE, MODEL_FILES, SIZES

if TYPE_CHECKING:
    from alref import Candidates, PivotFrame, Video, Weights
    from alref_groundingdino.detection import AdaptiveBatchSize, Detector


class DetectorOptions(HubModelOptions):
    """Options of all detectors."""

    prompt: Literal["category", "expression"] = Field(
        "category", description="prompt of the detector: the category of the phrase if it has one, or the whole expression"
    )
    box_threshold: float = Field(0.25, ge=0, lt=1, description="minimum score of a box, 0 to 1")
    fallback_threshold: float = Field(
        0.001, ge=0, lt=1, description="minimum score of the best box of the first frame, with fallback: first-frame"
    )
    top_k: int = Field(3, ge=1, description="maximum number of boxes per phrase and frame, best first")
    min_size: float = Field(0, ge=0, description="minimum side of a box in pixels")
    nms_threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="IoU threshold for non-maximum suppression (default: off)",
    )
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="prompts per batch; auto is 1 on the CPU, where more is slower, else 8"
    )


class GroundingOptions(DetectorOptions):
    """Options of Grounding DINO and models with its architecture."""

    text_threshold: float = Field(
        0.25, ge=0, lt=1, description="minimum score of the words that label a box; if none reaches it, the whole phrase"
    )
    max_size: int | None = Field(
        None, ge=32, description="longest side in pixels of the input image (default: that of the model, 1333)"
    )


class GroundingDinoOptions(GroundingOptions):
    """Options of grounding-dino."""

    model: HubModelName = "IDEA-Research/grounding-dino-tiny"


class MMGroundingDinoOptions(GroundingOptions):
    """Options of mm-grounding-dino."""

    model: HubModelName = "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_grit_v3det"


class LLMDetOptions(GroundingOptions):
    """Options of llmdet."""

    model: HubModelName = "iSEE-Laboratory/llmdet_tiny"


class Owlv2Options(DetectorOptions):
    """Options of owlv2."""

    model: HubModelName = "google/owlv2-base-patch16-ensemble"
    box_threshold: float = Field(0.1, ge=0, lt=1, description="minimum score of a box, 0 to 1")


class OpenVocabularyProposer(ModelStage["Detector"], Proposer):
    """Queries a detector with one prompt per phrase, so that phrases do not affect each other."""

    extra = "groundingdino"
    options: DetectorOptions
    _batch_size: AdaptiveBatchSize

    def weights(self) -> list[Weights]:
        """Return the model, with size and license if it is a known one."""
        return [
            replace(weights, size=SIZES[weights.model], license=LICENSE) if weights.model in SIZES else weights
            for weights in super().weights()
        ]

    def load_model(self, folder: Path) -> Detector:
        """Return the detector on the device."""
        from alref_groundingdino._runtime import load_detector
        from alref_groundingdino.detection import AdaptiveBatchSize

        default_size = 1 if devices.resolve_device(self.device) == "cpu" else 8
        batch_size = default_size if self.options.batch_size == "auto" else self.options.batch_size
        self._batch_size = AdaptiveBatchSize(batch_size, self.warnings.append)
        return load_detector(folder, self.options, self.device)

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return the boxes of each phrase, best first, labeled with words of the phrase; none if all scores are too low.

        Each frame is read and encoded once, and each prompt is encoded once. Raises MissingError if memory is too small for a
        single prompt; ``warnings`` reports when the batch was reduced.
        """
        from alref_groundingdino.proposals import propose_boxes

        return propose_boxes(self.model, video, pivots, self.options, self._batch_size)

    def propose_best(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return the same with ``fallback_threshold`` instead of ``box_threshold``."""
        from alref_groundingdino.proposals import propose_boxes

        options = self.options.model_copy(update={"box_threshold": self.options.fallback_threshold})
        return propose_boxes(self.model, video, pivots, options, self._batch_size)


class GroundingDino(OpenVocabularyProposer):
    """Proposes boxes with Grounding DINO (arXiv 2303.05499), tiny or base, the detector of AL-Ref-SAM 2."""

    name = "grounding-dino"
    model_types = ("grounding-dino", "mm-grounding-dino")
    model_files = (*MODEL_FILES, "tokenizer.json|vocab.txt")
    Options: ClassVar[type[GroundingOptions]] = GroundingDinoOptions


class MMGroundingDino(GroundingDino):
    """Proposes boxes with MM-Grounding-DINO (arXiv 2401.02361), the same architecture trained on more data."""

    name = "mm-grounding-dino"
    Options = MMGroundingDinoOptions


class LLMDet(GroundingDino):
    """Proposes boxes with LLMDet (arXiv 2501.18954), MM-Grounding-DINO fine-tuned on long captions of a language model."""

    name = "llmdet"
    Options = LLMDetOptions


class Owlv2(OpenVocabularyProposer):
    """Proposes boxes with OWLv2 (arXiv 2306.09683), for short names of up to 16 tokens."""

    name = "owlv2"
    model_types = ("owlv2",)
    model_files = (*MODEL_FILES, "tokenizer.json|vocab.json")
    Options = Owlv2Options


@hookimpl
def register_proposers() -> list[type[Proposer]]:
    """Register the components."""
    return [GroundingDino, MMGroundingDino, LLMDet, Owlv2]
