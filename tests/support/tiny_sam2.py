"""Micro models of SAM 2, EdgeTAM and the tracker of SAM 3 with random weights, saved to folders as the real ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    EdgeTamVideoConfig,
    EdgeTamVideoModel,
    Sam2VideoConfig,
    Sam2VideoModel,
    Sam3TrackerVideoConfig,
    Sam3TrackerVideoModel,
)

WIDTH = 128

HIERA = {
    "model_type": "sam2_hiera_det_model",
    "hidden_size": 16,
    "blocks_per_stage": [1, 1, 2, 1],
    "embed_dim_per_stage": [16, 32, 64, 128],
    "num_attention_heads_per_stage": [1, 1, 2, 4],
    "window_size_per_stage": [4, 4, 4, 4],
    "global_attention_blocks": [3],
}
MEMORY = {
    "memory_attention_hidden_size": WIDTH,
    "memory_attention_num_layers": 2,
    "memory_encoder_hidden_size": WIDTH,
    "mask_downsampler_embed_dim": WIDTH,
    "memory_fuser_embed_dim": WIDTH,
    "memory_fuser_intermediate_dim": WIDTH,
}
"""Memories have 64 channels, which the library fixes, and the width must be a larger multiple of them."""


def save_sam2(folder: Path, image_size: int = 128, seed: int = 0, **config: Any) -> Path:
    """Save a SAM 2.1 of one million weights that works on squares of ``image_size`` pixels; returns the folder."""
    made = Sam2VideoConfig(
        vision_config={"model_type": "sam2_vision_model", **_vision(image_size)},
        memory_attention_feed_forward_hidden_size=WIDTH,
        enable_occlusion_spatial_embedding=True,
        enable_temporal_pos_encoding_for_object_pointers=True,
        **_shared(image_size),
        **config,
    )
    return _save(Sam2VideoModel, made, folder, seed)


def save_edgetam(folder: Path, image_size: int = 128, seed: int = 0, **config: Any) -> Path:
    """Save an EdgeTAM whose backbone is that of SAM 2, since its own needs timm; returns the folder."""
    made = EdgeTamVideoConfig(
        vision_config={"model_type": "sam2_vision_model", **_vision(image_size)},
        memory_attention_mlp_hidden_size=WIDTH,
        memory_attention_rope_k_sizes=[4, 4],
        perceiver_resampler_num_latents=16,
        perceiver_resampler_num_latents_2d=16,
        **_shared(image_size),
        **config,
    )
    return _save(EdgeTamVideoModel, made, folder, seed)


def save_sam3_tracker(folder: Path, image_size: int = 112, seed: int = 0, **config: Any) -> Path:
    """Save a tracker of SAM 3; ``image_size`` is a multiple of 14; returns the folder."""
    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": image_size,
        "pretrain_image_size": 56,
        "window_size": 4,
        "global_attn_indexes": [1],
    }
    vision = {"model_type": "sam3_vision_model", "backbone_config": backbone, "fpn_hidden_size": WIDTH}
    shared = _shared(image_size, patch=14)
    made = Sam3TrackerVideoConfig(vision_config=vision, memory_attention_feed_forward_hidden_size=WIDTH, **shared, **config)
    return _save(Sam3TrackerVideoModel, made, folder, seed)


def _vision(image_size: int) -> dict[str, Any]:
    return {
        "backbone_config": {**HIERA, "image_size": [image_size, image_size]},
        "backbone_channel_list": [128, 64, 32, 16],
        "backbone_feature_sizes": [[image_size // step] * 2 for step in (4, 8, 16)],
        "fpn_hidden_size": WIDTH,
    }


def _shared(image_size: int, patch: int = 16) -> dict[str, Any]:
    head = {"hidden_size": WIDTH, "mlp_dim": WIDTH, "num_attention_heads": 2, "iou_head_hidden_dim": WIDTH}
    return {
        "image_size": image_size,
        "prompt_encoder_config": {"hidden_size": WIDTH, "image_size": image_size, "patch_size": patch},
        "mask_decoder_config": head,
        "memory_attention_rope_feat_sizes": [image_size // patch] * 2,
        **MEMORY,
    }


def _save(kind: Any, config: Any, folder: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    model = kind(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(1.0 if weight.ndim == 1 and name.endswith("weight") else 0.0, 0.08)
        model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(4.0)
    model.save_pretrained(folder)
    return folder
