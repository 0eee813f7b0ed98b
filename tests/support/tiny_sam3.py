"""A micro model of SAM 3 with random weights, saved to a folder as the real one is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import CLIPTokenizer, Sam3VideoConfig, Sam3VideoModel

WIDTH = 128
"""Memories have 64 channels, which the library fixes, and the width must be a larger multiple of them."""
TOKENS = 32
LETTERS = [chr(place) for place in range(33, 127)]
SOON = {"hotstart_delay": 3, "hotstart_unmatch_thresh": 2, "hotstart_dup_thresh": 2, "recondition_every_nth_frame": 4}
"""Rules of the library that apply within a few frames."""


def save_sam3(folder: Path, image_size: int = 112, seed: int = 0, **config: Any) -> Path:
    """Save a SAM 3 of four million weights; ``image_size`` is a multiple of 14; returns the folder."""
    words = make_clip_tokenizer()
    layers = {"hidden_size": WIDTH, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    detector = {
        "model_type": "sam3",
        "vision_config": _describe_vision(image_size),
        "text_config": _describe_text(words),
        "geometry_encoder_config": layers,
        "detr_encoder_config": layers,
        "detr_decoder_config": {**layers, "num_queries": 8},
        "mask_decoder_config": {"hidden_size": WIDTH, "num_attention_heads": 2},
    }
    made = Sam3VideoConfig(
        detector_config=detector,
        tracker_config=_describe_tracker(image_size),
        low_res_mask_size=image_size // 14 * 4,
        **{**SOON, "det_nms_thresh": 0.6, "new_det_thresh": 0.6, "high_conf_thresh": 0.5, "high_iou_thresh": 0.3, **config},
    )
    torch.manual_seed(seed)
    model = Sam3VideoModel(made).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(1.0 if weight.ndim == 1 and name.endswith("weight") else 0.0, 0.08)
        model.tracker_model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(4.0)
        model.detector_model.detr_decoder.presence_head.layer3.bias.fill_(8.0)
        model.detector_model.dot_product_scoring.query_proj.bias.normal_(0.0, 0.4)
        model.detector_model.dot_product_scoring.query_proj.weight.mul_(4.0)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def make_clip_tokenizer() -> CLIPTokenizer:
    """Make a tokenizer of one token for each letter, inside of a word and at its end."""
    tokens = {
        letter + end: place for place, (letter, end) in enumerate((each, end) for end in ("", "</w>") for each in LETTERS)
    }
    return CLIPTokenizer(vocab=tokens | {"<|startoftext|>": len(tokens), "<|endoftext|>": len(tokens) + 1}, merges=[])


def _describe_vision(image_size: int) -> dict[str, Any]:
    cells = image_size // 14
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
    sizes = [[cells * scale] * 2 for scale in (4, 2, 1)]
    return {
        "model_type": "sam3_vision_model",
        "backbone_config": backbone,
        "fpn_hidden_size": WIDTH,
        "backbone_feature_sizes": sizes,
    }


def _describe_text(words: CLIPTokenizer) -> dict[str, Any]:
    return {
        "model_type": "clip_text_model",
        "vocab_size": len(words),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": TOKENS,
        "projection_dim": 32,
        "bos_token_id": len(words) - 2,
        "eos_token_id": len(words) - 1,
    }


def _describe_tracker(image_size: int) -> dict[str, Any]:
    return {
        "model_type": "sam3_tracker_video",
        "vision_config": _describe_vision(image_size),
        "image_size": image_size,
        "prompt_encoder_config": {"hidden_size": WIDTH, "image_size": image_size, "patch_size": 14},
        "mask_decoder_config": {"hidden_size": WIDTH, "mlp_dim": WIDTH, "num_attention_heads": 2, "iou_head_hidden_dim": WIDTH},
        "memory_attention_rope_feat_sizes": [image_size // 14] * 2,
        "memory_attention_hidden_size": WIDTH,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": WIDTH,
        "memory_encoder_hidden_size": WIDTH,
        "mask_downsampler_embed_dim": WIDTH,
        "memory_fuser_embed_dim": WIDTH,
        "memory_fuser_intermediate_dim": WIDTH,
        "num_maskmem": 4,
        "max_object_pointers_in_encoder": 6,
        "max_cond_frame_num": 2,
    }
