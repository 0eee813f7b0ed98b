"""Short ways to ask a detector, and the plain way of the library to compare it with."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from transformers import (
    AutoModelForZeroShotObjectDetection,
    AutoTokenizer,
    BertTokenizer,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
)
from transformers.utils import logging

from alref.media.video import Frame, Video
from alref.records import Candidates, Phrase, PivotFrame
from alref_groundingdino import GroundingDino, OpenVocabularyProposer
from alref_groundingdino.detection import AdaptiveBatchSize
from alref_groundingdino.preprocessing import read_preprocessing, resize_to_square

Boxes = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
AT_LOAD = {"text_threshold", "max_size", "dtype"}
EVERYTHING = {"box_threshold": 0.0, "top_k": 1000, "dtype": "float32"}


def component(folder: Path | str, cls: type[OpenVocabularyProposer] = GroundingDino, **given: Any) -> OpenVocabularyProposer:
    return cls(cls.Options(model=str(folder), **given), "cpu")


def loaded(folder: Path | str, cls: type[OpenVocabularyProposer] = GroundingDino, **given: Any) -> OpenVocabularyProposer:
    proposer = component(folder, cls, **given)
    proposer.load()
    return proposer


def ready(folder: Path | str, cls: type[OpenVocabularyProposer] = GroundingDino, **given: Any) -> OpenVocabularyProposer:
    """Return a loaded proposer; the model is shared by all that load it alike, since loading takes longer than asking."""
    proposer = component(folder, cls, **given)
    loaded = _detector(folder, cls, **{name: given[name] for name in AT_LOAD & given.keys()})
    proposer.shared_model.acquire(proposer, lambda: loaded)
    proposer._batch_size = AdaptiveBatchSize(given.get("batch_size", 1), proposer.warnings.append)
    return proposer


@lru_cache
def _detector(folder: Path | str, cls: type[OpenVocabularyProposer], **given: Any) -> Any:
    return loaded(folder, cls, **given).model


def pivot(frame: int | None, text: str, category: str = "") -> PivotFrame:
    found = {} if frame is not None else {"finding": "absent"}
    return PivotFrame(phrase=Phrase(reference="1", text=text, category=category), frame=frame, **found)


def boxes(found: Candidates) -> Boxes:
    return found.xyxy, found.scores


def plain(folder: Path, picture: Frame, prompt: str, **size: int) -> Boxes:
    """Ask the library one prompt about one picture, in one call of the model; boxes as a proposer would return them."""
    model = _model(folder)
    with torch.no_grad():
        asked = (
            _owl(folder, picture, prompt) if model.config.model_type == "owlv2" else _grounding(folder, picture, prompt, size)
        )
        said = model(**asked)
    height, width = picture.shape[:2]
    sides = [max(height, width)] * 4 if model.config.model_type == "owlv2" else [width, height] * 2
    center, half = said.pred_boxes[0, :, :2], said.pred_boxes[0, :, 2:] / 2
    found = (torch.cat([center - half, center + half], 1) * torch.tensor(sides)).numpy()
    found = found.clip(0, [width, height, width, height])
    scores = said.logits[0].sigmoid().max(-1).values.numpy()
    order = [place for place in np.argsort(-scores, kind="stable") if (found[place, 2:] > found[place, :2]).all()]
    return found[order], scores[order]


def _grounding(folder: Path, picture: Frame, prompt: str, size: dict[str, int]) -> Any:
    pictures = GroundingDinoImageProcessorPil.from_pretrained(folder, **({"size": size} if size else {}))
    processor = GroundingDinoProcessor(pictures, BertTokenizer.from_pretrained(folder))
    return processor(images=Image.fromarray(picture), text=f"{prompt}.", return_tensors="pt")


def _owl(folder: Path, picture: Frame, prompt: str) -> Any:
    words = AutoTokenizer.from_pretrained(folder)
    read = words(prompt, padding="max_length", max_length=16, truncation=True, return_tensors="pt")
    return {
        **read,
        "pixel_values": torch.from_numpy(read_preprocessing(folder).normalize_images([resize_to_square(picture, 96)])),
    }


@lru_cache
def _model(folder: Path) -> Any:
    logging.disable_progress_bar()
    model = AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval()
    logging.enable_progress_bar()
    return model


def noise(frames: int = 3, size: tuple[int, int] = (96, 128)) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (frames, *size, 3), np.uint8)


class Counted(Video):
    """A video that keeps which of its frames were read."""

    def __init__(self, video: Video) -> None:
        self._video, self.read = video, list[int]()
        self.name, self.path, self.fps = video.name, None, video.fps
        self.height, self.width, self.times = video.height, video.width, video.times

    def read_frame(self, index: int) -> Frame:
        self.read.append(index)
        return self._video.read_frame(index)

    def read_audio(self, rate: int) -> None:
        return None

    @property
    def fingerprint(self) -> str:
        return self._video.fingerprint
