"""Loading a detector from a folder, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoModelForZeroShotObjectDetection, AutoTokenizer

from alref.models import devices
from alref.models.transformers_loading import loading, whole
from alref_groundingdino import DetectorOptions, GroundingOptions
from alref_groundingdino._grounding_dino import Grounding
from alref_groundingdino._owlv2 import Owl
from alref_groundingdino.detection import Detector
from alref_groundingdino.preprocessing import look


def load(folder: Path, options: DetectorOptions, device: str) -> Detector:
    """Load the model of a folder onto a device. Raises ConfigError or MissingError when it is not whole or does not fit."""
    place = devices.chosen(device)
    prepared = look(folder)
    with loading(folder, place, other="-o proposer.model=NAME", smaller="a smaller proposer.model"):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = whole(AutoModelForZeroShotObjectDetection, folder, exact=True).to(place)
    dtype = devices.dtype(options.dtype, place)
    if isinstance(options, GroundingOptions):
        return Grounding(model, tokenizer, prepared, options, dtype)
    return Owl(model, tokenizer, prepared, dtype)
