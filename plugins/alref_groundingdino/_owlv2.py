"""OWLv2: image features and boxes do not depend on prompts, which are compared with the features at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from alref import Frame
from alref_groundingdino._detector_base import LoadedDetector, compute_probabilities, convert_to_xyxy
from alref_groundingdino.detection import Detections
from alref_groundingdino.preprocessing import ImagePreprocessing, resize_to_square


class OwlImageFeatures(NamedTuple):
    """Output for one image: features (1, P, D) of its P positions, a box (1, P, 4) for each, its longer side in pixels."""

    features: torch.Tensor
    boxes: torch.Tensor
    side: int


class Owlv2Detector(LoadedDetector[torch.Tensor]):
    """A loaded model; results for each image and prompt do not depend on the batch."""

    def __init__(self, model: Any, tokenizer: Any, preprocessing: ImagePreprocessing, dtype: torch.dtype) -> None:
        super().__init__(model, tokenizer, dtype)
        self._preprocessing, self._side = preprocessing, preprocessing.get_side("height")

    @torch.inference_mode()
    def encode_images(self, images: Sequence[Frame]) -> list[OwlImageFeatures]:
        """Encode images, each padded to a square."""
        pixels = torch.from_numpy(self._preprocessing.normalize_images([resize_to_square(each, self._side) for each in images]))
        with self._use_autocast():
            grid, _ = self._model.image_embedder(pixels.to(self._model.device))
            features = grid.flatten(1, 2)
            boxes = self._model.box_predictor(features, grid)
        sides = [max(each.shape[:2]) for each in images]
        return [OwlImageFeatures(features[[row]], boxes[[row]], side) for row, side in enumerate(sides)]

    @torch.inference_mode()
    def detect_boxes(self, image_features: Sequence[OwlImageFeatures], prompts: Sequence[str]) -> list[Detections]:
        """Compare each image with its prompt."""
        read = torch.stack([self._encode_prompt(prompt) for prompt in prompts])
        with self._use_autocast():
            logits, _ = self._model.class_predictor(torch.cat([each.features for each in image_features]), read)
        boxes = convert_to_xyxy(
            torch.cat([each.boxes for each in image_features]), [(each.side, each.side) for each in image_features]
        )
        rows = zip(boxes, compute_probabilities(logits)[..., 0], prompts, strict=True)
        return [Detections(box, score, (prompt,), np.ones((len(score), 1), np.bool_)) for box, score, prompt in rows]

    def _compute_prompt_features(self, prompt: str) -> torch.Tensor:
        """Return the features of one prompt, float (1, D) of length 1; prompts too long for the model are truncated."""
        room = self._model.config.text_config.max_position_embeddings
        settings = {"truncation": True, "max_length": room, "split_special_tokens": True, "return_tensors": "pt"}
        encoded = self._tokenizer(prompt, **settings).to(self._model.device)
        features = self._model.owlv2.get_text_features(**encoded).pooler_output
        return torch.nn.functional.normalize(features, dim=-1)
