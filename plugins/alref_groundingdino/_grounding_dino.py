"""Grounding DINO and models of its architecture: images and prompts are encoded once, and each pair is evaluated separately.

The image and text backbones do not depend on each other, so the outputs of both are cached. They replace the backbones when
the rest of the model, which compares the two, runs on a batch of pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.grounding_dino.modeling_grounding_dino import generate_masks_with_special_tokens_and_transfer_map

from alref import ConfigError, Frame
from alref_groundingdino._detector_base import LoadedDetector, compute_probabilities, convert_to_xyxy
from alref_groundingdino.detection import Detections, Floats
from alref_groundingdino.preprocessing import ImagePreprocessing, resize_to_fit

if TYPE_CHECKING:
    from alref_groundingdino import GroundingOptions


class GroundingImageFeatures(NamedTuple):
    """Output of the image backbone for one image: (features, mask) of each level; (height, width) resized and original."""

    levels: list[tuple[torch.Tensor, torch.Tensor]]
    resized_size: tuple[int, int]
    original_size: tuple[int, int]


class EncodedPrompt(NamedTuple):
    """An encoded prompt: tokens (L,), features (L, D); its words, and the first token of each."""

    tokens: torch.Tensor
    features: torch.Tensor
    words: tuple[str, ...]
    word_starts: list[int]


class FixedOutput(torch.nn.Module):
    """Replaces a backbone and returns a fixed output."""

    output: Any = None

    def forward(self, *_: Any, **__: Any) -> Any:
        """Return ``output`` for any input."""
        return self.output


class GroundingDinoDetector(LoadedDetector[EncodedPrompt]):
    """A loaded model; results for each image and prompt do not depend on the batch."""

    def __init__(
        self, model: Any, tokenizer: Any, preprocessing: ImagePreprocessing, options: GroundingOptions, dtype: torch.dtype
    ) -> None:
        super().__init__(model, tokenizer, dtype)
        self._preprocessing, self._text_threshold = preprocessing, options.text_threshold
        self._sides = preprocessing.get_side("shortest_edge"), options.max_size or preprocessing.get_side("longest_edge")
        inner = model.model
        self._image_backbone, self._image_stub = inner.backbone.conv_encoder, FixedOutput()
        self._text_backbone, self._text_stub = inner.text_backbone, FixedOutput()
        inner.backbone.conv_encoder, inner.text_backbone = self._image_stub, self._text_stub

    @torch.inference_mode()
    def encode_images(self, images: Sequence[Frame]) -> list[GroundingImageFeatures]:
        """Run the image backbone on images of one size. Raises ConfigError if they are too small for the model."""
        pixels = torch.from_numpy(self._preprocessing.normalize_images([resize_to_fit(each, *self._sides) for each in images]))
        pixels = pixels.to(self._model.device)
        with self._use_autocast():
            levels = self._image_backbone(pixels, torch.ones_like(pixels[:, 0], dtype=torch.long))
        self._check_feature_count(levels)
        rows = [[(features[[row]], mask[[row]]) for features, mask in levels] for row in range(len(images))]
        height, width = pixels.shape[2:]
        return [GroundingImageFeatures(row, (height, width), image.shape[:2]) for row, image in zip(rows, images, strict=True)]

    def _check_feature_count(self, levels: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Check that there are at least as many positions as the model returns boxes; each extra level halves the sides."""
        config = self._model.config
        sides = [tuple(features.shape[2:]) for features, _ in levels]
        while len(sides) < config.num_feature_levels:
            sides.append(tuple(-(-side // 2) for side in sides[-1]))
        positions = sum(height * width for height, width in sides)
        if positions < config.num_queries:
            problem = f"images of this size have {positions} feature positions, the model needs {config.num_queries}"
            raise ConfigError(f"{problem}: a larger -o proposer.max_size")

    @torch.inference_mode()
    def detect_boxes(self, image_features: Sequence[GroundingImageFeatures], prompts: Sequence[str]) -> list[Detections]:
        """Compare each image with its prompt. The score of a box is that of the token of the prompt that it matches best."""
        encoded = [self._encode_prompt(prompt) for prompt in prompts]
        tokens = pad_sequence([each.tokens for each in encoded], batch_first=True)
        mask = pad_sequence([torch.ones_like(each.tokens) for each in encoded], batch_first=True)
        features = pad_sequence([each.features for each in encoded], batch_first=True)
        self._text_stub.output = BaseModelOutput(last_hidden_state=features)
        levels = zip(*(each.levels for each in image_features), strict=True)
        self._image_stub.output = [tuple(map(torch.cat, zip(*level, strict=True))) for level in levels]
        pixels = features.new_empty(1).expand(len(image_features), 3, *image_features[0].resized_size)
        with self._use_autocast():
            output = self._model(pixel_values=pixels, input_ids=tokens, attention_mask=mask)
        sides = [(width, height) for height, width in (each.original_size for each in image_features)]
        rows = zip(encoded, convert_to_xyxy(output.pred_boxes, sides), compute_probabilities(output.logits), strict=True)
        return [self._make_detections(*row) for row in rows]

    def _make_detections(self, prompt: EncodedPrompt, boxes: Floats, scores: Floats) -> Detections:
        """Build the detections from boxes (Q, 4) and token scores (Q, 256); scores after the tokens of the prompt are 0."""
        inside = scores[:, 1 : len(prompt.tokens) - 2]
        of_words = np.maximum.reduceat(inside, prompt.word_starts, axis=1) if prompt.word_starts else inside
        return Detections(boxes, scores.max(axis=1), prompt.words, of_words > self._text_threshold)

    def _compute_prompt_features(self, prompt: str) -> EncodedPrompt:
        """Run the text backbone on one prompt, which ends in a full stop; prompts too long for the model are truncated."""
        words = prompt.split()
        names, device = self._tokenizer, self._model.device
        settings = {"is_split_into_words": True, "add_special_tokens": False, "split_special_tokens": True}
        encoded = names(words or [""], truncation=True, max_length=self._model.config.max_text_len - 3, **settings)
        end = [names.convert_tokens_to_ids("."), names.sep_token_id]
        tokens = torch.tensor([[names.cls_token_id, *encoded["input_ids"], *end]], device=device)
        masks, positions = generate_masks_with_special_tokens_and_transfer_map(tokens, self._model.model.special_tokens)
        output = self._text_backbone(tokens, masks[:, None], torch.zeros_like(tokens), positions, return_dict=True)
        word_ids = encoded.word_ids()
        starts = [index for index, word in enumerate(word_ids) if index == 0 or word != word_ids[index - 1]]
        return EncodedPrompt(tokens[0], output.last_hidden_state[0], tuple(words[word_ids[start]] for start in starts), starts)
