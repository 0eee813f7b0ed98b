"""The modules of SAM 2 that a session calls, batched over objects; with the differences of EdgeTAM and the SAM 3 tracker.

The computation is that of the video predictor of SAM 2 (Ravi et al. 2024, arXiv 2408.00714): a prompted frame has no
memories, a propagated frame reads features and object pointers, and the best of three masks by predicted IoU is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch.nn.functional import interpolate

from alref_sam2._attention import MemoryAttention
from alref_sam2._images import resize_smoothly
from alref_sam2._memory_bank import MemoryContext
from alref_sam2._transfers import download_tensor, upload_tensor

ABSENT_LOGIT = -1024.0
"""Mask logit of every pixel of an absent object."""
MASK_LOGIT_SCALE, MASK_LOGIT_BIAS = 20.0, -10.0
"""A given mask has logits MASK_LOGIT_BIAS outside and MASK_LOGIT_SCALE + MASK_LOGIT_BIAS inside."""


@dataclass(frozen=True)
class FrameFeatures:
    """Encoder features of one frame: maps (1, C, h, w) from fine to coarse."""

    maps: tuple[torch.Tensor, ...]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(each.nbytes for each in self.maps)

    def to(self, device: torch.device | str) -> FrameFeatures:
        """Return the features on another device."""
        place = torch.device(device)
        if place.type == "cpu":
            return FrameFeatures(tuple(map(download_tensor, self.maps)))
        return FrameFeatures(tuple(upload_tensor(each, place) for each in self.maps))


@dataclass(frozen=True)
class MaskPrediction:
    """Predictions for B objects on one frame: mask logits (B, 1, h, w) at a quarter of the encoder's input size,
    presence logits (B,), pointers (B, D), predicted IoU (B,).
    """  # noqa: D205

    logits: torch.Tensor
    scores: torch.Tensor
    pointers: torch.Tensor
    quality: torch.Tensor


class Sam2Network:
    """A model in eval mode. The ``length`` of a video bounds the distance of pointers."""

    def __init__(self, model: Any) -> None:
        self.model, self.config = model, model.config
        self.image_size: int = model.image_size
        self.mask_size: tuple[int, int] = tuple(model.prompt_encoder.mask_input_size)
        self.device: torch.device = model.no_memory_embedding.device
        self.encoded_count = 0
        self._compresses_memory = hasattr(model, "spatial_perceiver")
        self.attention = MemoryAttention(model.memory_attention)
        self._memory_positions: torch.Tensor | None = None
        self._pointer_positions: tuple[int, torch.Tensor] | None = None

    def encode_image(self, image: torch.Tensor) -> FrameFeatures:
        """Encode an image (1, 3, S, S)."""
        self.encoded_count += 1
        found = self.model.get_image_features(image, return_dict=True)
        sizes = self.model.backbone_feature_sizes
        maps = [each.permute(1, 2, 0).reshape(1, -1, *size) for each, size in zip(found.fpn_hidden_states, sizes, strict=True)]
        if self.device.type == "cuda":  # a CUDA graph writes its next output over this one
            maps = [each.clone() for each in maps]
        return FrameFeatures(tuple(maps))

    def compute_image_mask(self, features: FrameFeatures, corners: torch.Tensor) -> torch.Tensor:
        """Return the mask logits (1, 1, h, w) of a box as the image predictor of SAM 2 gives them, without post-processing."""
        with self._ignore_stability():
            masks, *_ = self._call_mask_decoder(
                features, self._add_no_memory_embedding(features), *self._embed_box(corners), multimask=False
            )
        return masks.float()

    def segment_from_box(self, features: FrameFeatures, corners: torch.Tensor) -> MaskPrediction:
        """Predict one object from a box: ``corners`` (1, 1, 2, 2) in pixels of the encoder's input image."""
        return self._decode_best_masks(
            features, self._add_no_memory_embedding(features), *self._embed_box(corners), multimask=False
        )

    def segment_from_points(
        self, features: FrameFeatures, points: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor | None
    ) -> MaskPrediction:
        """Predict one object from points (1, 1, K, 2), in pixels of the encoder's input image, with labels int32 (1, 1, K).

        A label is 1 on the object, 0 outside, 2 and 3 at the corners of a box. They correct the mask (1, 1, S, S) of 0 and 1,
        if it is given.
        """
        given = None if mask is None else resize_smoothly(mask * MASK_LOGIT_SCALE + MASK_LOGIT_BIAS, self.mask_size)
        config = self.config
        few = config.multimask_min_pt_num <= points.shape[2] <= config.multimask_max_pt_num
        prompt = self._embed_prompt(points, labels, given)
        alone = self._add_no_memory_embedding(features)
        return self._decode_best_masks(features, alone, *prompt, multimask=bool(config.multimask_output_in_sam and few))

    def segment_from_mask(self, features: FrameFeatures, mask: torch.Tensor) -> MaskPrediction:
        """Use the mask (1, 1, S, S) of 0 and 1 as the prediction of one object; the decoder only computes the pointer."""
        given = resize_smoothly(mask * MASK_LOGIT_SCALE + MASK_LOGIT_BIAS, self.mask_size)
        small = self.model.mask_downsample(mask)
        if small.shape[-2:] != self.mask_size:
            small = resize_smoothly(small.float(), self.mask_size)
        seen = self._decode_best_masks(features, features.maps[-1], *self._embed_prompt(masks=small), multimask=False)
        there = mask.flatten(1).any(1).float()
        pointers = self._mask_absent_pointers(seen.pointers, there)
        return MaskPrediction(given, MASK_LOGIT_SCALE * there + MASK_LOGIT_BIAS, pointers, torch.ones_like(there))

    def track_objects(self, features: FrameFeatures, contexts: Sequence[MemoryContext], length: int) -> MaskPrediction:
        """Predict objects from memories of equal shapes."""
        coarse = self._apply_memory_attention(features.maps[-1], contexts, length)
        return self._decode_best_masks(features, coarse, *self._empty_prompt, multimask=self._uses_multimask)

    def encode_memory(self, features: FrameFeatures, prediction: MaskPrediction, prompted: bool) -> torch.Tensor:
        """Return the memory features of objects, (B, N, C); masks of ``prompted`` frames are binarized first."""
        masks = interpolate(prediction.logits, (self.image_size, self.image_size), mode="bilinear")
        wanted = (4 * self.mask_size[0], 4 * self.mask_size[1])
        if masks.shape[-2:] != wanted:
            masks = interpolate(masks, wanted, mode="bilinear")
        masks = (masks > 0).float() if prompted else masks.sigmoid()
        masks = masks * self.config.sigmoid_scale_for_mem_enc + self.config.sigmoid_bias_for_mem_enc
        maps, _ = self.model.memory_encoder(features.maps[-1].expand(len(masks), -1, -1, -1), masks)
        hidden = self.model.occlusion_spatial_embedding_parameter
        if hidden is not None:
            maps = maps + (prediction.scores <= 0).to(maps)[:, None, None, None] * hidden[..., None, None]
        return self._to_tokens(maps)

    def _to_tokens(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps (B, C, h, w) as tokens; EdgeTAM compresses them. Positions are the same for all frames."""
        places = self.model.memory_encoder.position_encoding(maps[:1].shape, self.device, torch.float32)
        if self._compresses_memory:
            each = [self.model.spatial_perceiver(one[None], places.to(one)) for one in maps]
            tokens, places = torch.cat([token for token, _ in each]), each[0][1]
        else:
            tokens, places = maps.to(torch.bfloat16).flatten(2).transpose(1, 2), places.flatten(2).transpose(1, 2)
        self._memory_positions = places[0].float()
        return tokens

    def _apply_memory_attention(self, coarse: torch.Tensor, contexts: Sequence[MemoryContext], length: int) -> torch.Tensor:
        """Return the coarse map (B, D, h, w) after attention to the memories of each object."""
        memories, places = (
            torch.stack(each)
            for each in zip(*(self._collect_memory_tokens(reading, length) for reading in contexts), strict=True)
        )
        frame = coarse.flatten(2).transpose(1, 2) + 0.1 * self._coarse_positions
        pointers = len(contexts[0].pointers) * self._tokens_per_pointer
        if self._compresses_memory:
            found = self._call_library_attention(frame, memories, places, pointers, len(contexts[0].features))
        else:
            found = self.attention(frame, memories, places, pointers)
        return found.transpose(1, 2).reshape(len(contexts), *coarse.shape[1:])

    def _call_library_attention(
        self, frame: torch.Tensor, memories: torch.Tensor, positions: torch.Tensor, pointers: int, frames: int
    ) -> torch.Tensor:
        """Return the output of EdgeTAM's memory attention for a frame, computed by transformers."""
        found: torch.Tensor = self.model.memory_attention(
            current_vision_features=frame.transpose(0, 1).expand(-1, len(memories), -1),
            memory=memories.transpose(0, 1),
            memory_posision_embeddings=positions.transpose(0, 1),
            num_object_pointer_tokens=pointers,
            num_spatial_memory_tokens=frames,
        )
        return found[0]

    def _collect_memory_tokens(self, context: MemoryContext, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return all memory tokens (S, C) of one object, and their spatial and temporal positions."""
        times = self.model.memory_temporal_positional_encoding[:, 0]
        tokens = [features for _, features in context.features]
        places = [self._memory_positions + times[place - 1] for place, _ in context.features]
        if context.pointers:
            distances, pointers = zip(*context.pointers, strict=True)
            tokens.append(torch.stack(pointers).reshape(len(pointers) * self._tokens_per_pointer, -1))
            places += [
                self._get_pointer_positions(length)[distance].expand(self._tokens_per_pointer, -1) for distance in distances
            ]
        return torch.cat([each.float() for each in tokens]), torch.cat(places)

    def _get_pointer_positions(self, length: int) -> torch.Tensor:
        """Return the temporal positions of pointers by distance, (length, C): projected sine embeddings, or zeros.

        They are computed once per video and stay on the device, which avoids synchronization.
        """
        if self._pointer_positions is None or self._pointer_positions[0] != length:
            self._pointer_positions = length, self._encode_distances(torch.arange(length), length)
        return self._pointer_positions[1]

    def _encode_distances(self, distances: torch.Tensor, length: int) -> torch.Tensor:
        if not self.config.enable_temporal_pos_encoding_for_object_pointers:
            return torch.zeros(len(distances), self.model.mem_dim, device=self.device)
        farthest = max(min(length, self.config.max_object_pointers_in_encoder) - 1, 1)
        half = self.model.hidden_dim // 2
        steps = 10000.0 ** (2 * (torch.arange(half) // 2) / half)
        angles = (distances / farthest)[:, None] / steps
        waves = upload_tensor(torch.cat([angles.sin(), angles.cos()], 1), self.device)
        projected: torch.Tensor = self.model.temporal_positional_encoding_projection_layer(waves)
        return projected.float()

    def _decode_best_masks(
        self, features: FrameFeatures, coarse: torch.Tensor, sparse: torch.Tensor, dense: torch.Tensor, multimask: bool
    ) -> MaskPrediction:
        masks, quality, tokens, there = self._call_mask_decoder(features, coarse, sparse, dense, multimask)
        best = quality.argmax(1, keepdim=True)
        scores = there.float().reshape(-1)
        chosen = masks.float().take_along_dim(best[..., None, None], 1)
        logits = chosen.where((scores > 0)[:, None, None, None], ABSENT_LOGIT)
        token = tokens.take_along_dim(best[..., None], 1)[:, 0] if tokens.shape[1] > 1 else tokens[:, 0]
        pointers = self._mask_absent_pointers(self.model.object_pointer_proj(token).float(), (scores > 0).float())
        return MaskPrediction(logits, scores, pointers, quality.float().take_along_dim(best, 1)[:, 0])

    def _call_mask_decoder(
        self, features: FrameFeatures, coarse: torch.Tensor, sparse: torch.Tensor, dense: torch.Tensor, multimask: bool
    ) -> list[torch.Tensor]:
        """Return masks (B, M, h, w), predicted IoU (B, M), tokens (B, M, D) and presence logits (B, 1)."""
        found = self.model.mask_decoder(
            image_embeddings=coarse,
            image_positional_embeddings=self._image_positions.expand(len(coarse), -1, -1, -1),
            sparse_prompt_embeddings=sparse.expand(len(coarse), -1, -1, -1),
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            high_resolution_features=list(features.maps[:-1]),
        )
        return [each[:, 0] for each in found]

    def _add_no_memory_embedding(self, features: FrameFeatures) -> torch.Tensor:
        """Return the coarse map of a frame without memories."""
        alone: torch.Tensor = features.maps[-1] + self.model.no_memory_embedding.reshape(1, -1, 1, 1)
        return alone

    def _embed_box(self, corners: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        labels = upload_tensor(torch.tensor([[[2, 3]]], dtype=torch.int32), corners.device)
        return self._embed_prompt(points=corners, labels=labels)

    def _embed_prompt(
        self, points: torch.Tensor | None = None, labels: torch.Tensor | None = None, masks: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if points is None:
            points = torch.zeros(1, 1, 1, 2, device=self.device)
            labels = -torch.ones(1, 1, 1, dtype=torch.int32, device=self.device)
        sparse, dense = self.model.prompt_encoder(input_points=points, input_labels=labels, input_boxes=None, input_masks=masks)
        return sparse, dense

    def _mask_absent_pointers(self, pointers: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Replace the pointers of absent objects by the no-object pointer."""
        none: torch.Tensor = self.model.no_object_pointer
        return present[:, None] * pointers + (1 - present[:, None]) * none

    @cached_property
    def _empty_prompt(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self._embed_prompt()

    @cached_property
    def _image_positions(self) -> torch.Tensor:
        grid: torch.Tensor = self.model.get_image_wide_positional_embeddings()
        return grid

    @cached_property
    def _coarse_positions(self) -> torch.Tensor:
        """Return the positions of the tokens of the coarse map, (1, h * w, D)."""
        shape = torch.Size((1, 1, *self.model.backbone_feature_sizes[-1]))
        places: torch.Tensor = self.model.vision_encoder.neck.position_encoding(shape, self.device, torch.float32)
        return places.flatten(2).transpose(1, 2)

    @property
    def _uses_multimask(self) -> bool:
        """Return whether a propagated frame takes the best of several masks."""
        several = self.config.multimask_output_in_sam and self.config.multimask_output_for_tracking
        return bool(several and self.config.multimask_min_pt_num == 0)

    @property
    def _tokens_per_pointer(self) -> int:
        """Return the number of tokens per pointer."""
        return int(self.model.hidden_dim // self.model.mem_dim)

    @contextmanager
    def _ignore_stability(self) -> Iterator[None]:
        """Make the decoder return the mask of its first token regardless of stability."""
        decoder = self.model.mask_decoder
        stable, decoder.dynamic_multimask_via_stability = decoder.dynamic_multimask_via_stability, False
        try:
            yield
        finally:
            decoder.dynamic_multimask_via_stability = stable
