"""Load a complete detector from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from transformers import AutoModelForZeroShotObjectDetection, AutoTokenizer

from alref.models import devices
from alref.models.transformers_loading import load_complete_model, translate_model_errors
from alref_groundingdino._grounding_dino import GroundingDinoDetector
from alref_groundingdino._owlv2 import Owlv2Detector
from alref_groundingdino.detection import Detector
from alref_groundingdino.preprocessing import read_preprocessing

if TYPE_CHECKING:
    from alref_groundingdino import DetectorOptions, GroundingOptions


def load_detector(folder: Path, options: DetectorOptions, device: str) -> Detector:
    """Load the model of a folder onto a device. Raises ConfigError or MissingError if it is incomplete or does not fit."""
    resolved = devices.resolve_device(device)
    dtype = devices.resolve_dtype(options.dtype, resolved)
    prepared = read_preprocessing(folder)
    with translate_model_errors(folder, resolved, alternative="-o proposer.model=NAME", smaller="a smaller proposer.model"):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = load_complete_model(AutoModelForZeroShotObjectDetection, folder, exact=True)
        devices.convert_weights(model, dtype)
        model = model.to(resolved)
    if model.config.model_type == "owlv2":
        return Owlv2Detector(model, tokenizer, prepared, dtype)
    return GroundingDinoDetector(model, tokenizer, prepared, cast("GroundingOptions", options), dtype)
