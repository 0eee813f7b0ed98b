"""Convert original SAM 2 checkpoints (such as ``sam2.1_hiera_tiny.pt``) to transformers models.

The size and version of a model are derived from its tensors, so no configuration file is needed. Tensor names are translated
by rules; a missing, unexpected or misshapen tensor is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig

from alref import ConfigError
from alref.errors import sanitize_line

Tensors = dict[str, torch.Tensor]

TRUNK_PREFIX = "image_encoder.trunk."
EDGETAM_PREFIX = f"{TRUNK_PREFIX}body."
DOWNSAMPLER_PREFIX = "memory_encoder.mask_downsampler.layers."
POINT_EMBEDDINGS_PREFIX = "sam_prompt_encoder.point_embeddings."
GAUSSIAN_MATRIX = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
GAUSSIAN_TARGETS = ("shared_image_embedding.positional_embedding", "prompt_encoder.shared_embedding.positional_embedding")
BLOCK_PATTERN = re.escape(TRUNK_PREFIX) + r"blocks\.\d+\.norm2\.weight"
FETCH_AGAIN_HINT = "Fetch it again: alref models pull"


@dataclass(frozen=True)
class ModelSize:
    """One size of SAM 2: ``width`` and ``blocks``, which identify it, and settings that tensor shapes do not show."""

    name: str
    width: int
    blocks: tuple[int, int, int, int]
    heads: int
    global_blocks: tuple[int, int, int]
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    background: int = 7


SIZES = (
    ModelSize("tiny", 96, (1, 2, 7, 2), 1, (5, 7, 9)),
    ModelSize("small", 96, (1, 2, 11, 2), 1, (7, 10, 13)),
    ModelSize("base-plus", 112, (2, 3, 16, 3), 2, (12, 16, 20), background=14),
    ModelSize("large", 144, (2, 6, 36, 4), 2, (23, 33, 43), windows=(8, 4, 16, 8)),
)

# original and transformers tensor names, in the order in which the rules apply
RENAME_RULES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^maskmem_tpos_enc$", "memory_temporal_positional_encoding"),
        (r"^no_mem_embed$", "no_memory_embedding"),
        (r"^no_mem_pos_enc$", "no_memory_positional_encoding"),
        (r"^no_obj_ptr$", "no_object_pointer"),
        (r"^no_obj_embed_spatial$", "occlusion_spatial_embedding_parameter"),
        (r"^obj_ptr_proj\.", "object_pointer_proj."),
        (r"^obj_ptr_tpos_proj\.", "temporal_positional_encoding_projection_layer."),
        (r"^image_encoder\.trunk\.patch_embed\.proj\.", "vision_encoder.backbone.patch_embed.projection."),
        (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
        (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
        (r"^sam_prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
        (r"^sam_prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
        (r"^sam_prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
        (r"^sam_prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
        (r"^sam_prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
        (r"^sam_prompt_encoder\.", "prompt_encoder."),
        (r"^sam_mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
        (r"^sam_mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
        (r"^sam_mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
        (r"^sam_mask_decoder\.", "mask_decoder."),
        (r"^memory_encoder\.mask_downsampler\.encoder\.12\.", "memory_encoder.mask_downsampler.final_conv."),
        *((rf"^memory_encoder\.mask_downsampler\.encoder\.{3 * n}\.", f"{DOWNSAMPLER_PREFIX}{n}.conv.") for n in range(4)),
        *(
            (rf"^memory_encoder\.mask_downsampler\.encoder\.{3 * n + 1}\.", f"{DOWNSAMPLER_PREFIX}{n}.layer_norm.")
            for n in range(4)
        ),
        (r"^memory_encoder\.pix_feat_proj\.", "memory_encoder.feature_projection."),
        (r"^memory_encoder\.out_proj\.", "memory_encoder.projection."),
        (r"^memory_encoder\.fuser\.", "memory_encoder.memory_fuser."),
        (r"\.gamma$", ".scale"),
        (r"\.dwconv\.", ".depthwise_conv."),
        (r"\.pwconv(\d)\.", r".pointwise_conv\1."),
        (r"\.out_proj\.", ".o_proj."),
        (r"\.norm(\d?)\.", r".layer_norm\1."),
        (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
        (r"\.mlp\.layers\.0\.", ".mlp.proj_in."),
        (r"\.mlp\.layers\.1\.", ".mlp.proj_out."),
        (r"(_mlps\.\d+|_head|_pointer_proj)\.layers\.0\.", r"\1.proj_in."),
        (r"(_mlps\.\d+|_head|_pointer_proj)\.layers\.1\.", r"\1.layers.0."),
        (r"(_mlps\.\d+|_head|_pointer_proj)\.layers\.2\.", r"\1.proj_out."),
    )
)


def load_original(path: Path) -> Sam2VideoModel:
    """Load an original checkpoint as a float32 model in eval mode. Raises ConfigError if it is not usable."""
    config, tensors = read_checkpoint(path)
    model = Sam2VideoModel(config).eval()
    load_tensors(model, tensors, path)
    return model


def read_checkpoint(path: Path) -> tuple[Sam2VideoConfig, Tensors]:
    """Return the configuration of an original checkpoint, and its tensors under their transformers names.

    Raises ConfigError if the file cannot be read, is not a checkpoint of SAM 2 or SAM 2.1, or has an unknown size.
    """
    tensors = read_tensors(path)
    return build_config(detect_size(tensors, path), is_sam21(tensors)), rename_tensors(tensors)


def load_tensors(model: Sam2VideoModel, tensors: Tensors, path: Path) -> None:
    """Load tensors into a model. Raises ConfigError if one is missing, unexpected or misshapen."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    if wrong:
        first = f"{wrong[0]} should be {wanted.get(wrong[0], 'absent')} and is {given.get(wrong[0], 'absent')}"
        raise ConfigError(f"{path} does not fit SAM 2: {len(wrong)} of {len(wanted)} tensors differ, for example {first}")
    model.load_state_dict(tensors)


def read_tensors(path: Path) -> Tensors:
    """Read the tensors of a checkpoint under their original names. Raises ConfigError if it has none of SAM 2."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, UnpicklingError) as error:
        reason = sanitize_line(str(error), 120) or type(error).__name__
        raise ConfigError(f"{path} cannot be read as a checkpoint ({reason}): is it whole? {FETCH_AGAIN_HINT}") from None
    held: Any = content.get("model", content) if isinstance(content, dict) else {}
    tensors: Tensors = held if isinstance(held, dict) else {}
    names = tensors.keys()
    if any(str(name).startswith(EDGETAM_PREFIX) for name in names):
        raise ConfigError(f"{path} is a checkpoint of EdgeTAM; use EdgeTAM in transformers format: --propagator edgetam")
    if not {f"{TRUNK_PREFIX}pos_embed", "maskmem_tpos_enc"} <= names:
        raise ConfigError(f"{path} is not a checkpoint of SAM 2 or SAM 2.1: expected an original .pt file. {FETCH_AGAIN_HINT}")
    return tensors


def detect_size(tensors: Tensors, path: Path) -> ModelSize:
    """Return the size with the given width of the first stage and blocks per stage. Raises ConfigError for an unknown one."""
    width = tensors[f"{TRUNK_PREFIX}pos_embed"].shape[1]
    widths = [tensor.shape[0] for name, tensor in tensors.items() if re.fullmatch(BLOCK_PATTERN, name)]
    blocks = tuple(widths.count(width << stage) for stage in range(4))
    for size in SIZES:
        if (size.width, size.blocks) == (width, blocks) and sum(blocks) == len(widths):
            return size
    known = ", ".join(size.name for size in SIZES)
    raise ConfigError(
        f"{path} has an unknown size: expected one of {known}, got {blocks} blocks the first {width} channels wide"
    )


def is_sam21(tensors: Tensors) -> bool:
    """Return whether a checkpoint is of SAM 2.1, which has an embedding for absent objects, rather than SAM 2."""
    return "no_obj_embed_spatial" in tensors


def build_config(size: ModelSize, sam21: bool) -> Sam2VideoConfig:
    """Return the transformers configuration of a size at 1024 pixels; ``sam21`` selects SAM 2.1."""
    widths = [size.width << stage for stage in range(4)]
    trunk = Sam2HieraDetConfig(
        hidden_size=size.width,
        num_attention_heads=size.heads,
        blocks_per_stage=list(size.blocks),
        embed_dim_per_stage=widths,
        num_attention_heads_per_stage=[size.heads << stage for stage in range(4)],
        window_size_per_stage=list(size.windows),
        global_attention_blocks=list(size.global_blocks),
        window_positional_embedding_background_size=[size.background] * 2,
    )
    eye = Sam2VisionConfig(backbone_config=trunk, backbone_channel_list=widths[::-1])
    return Sam2VideoConfig(
        vision_config=eye,
        enable_occlusion_spatial_embedding=sam21,
        enable_temporal_pos_encoding_for_object_pointers=sam21,
    )


def rename_tensors(tensors: Tensors) -> Tensors:
    """Return tensors under their transformers names: four point embeddings are merged, random Fourier features duplicated."""
    points = [
        tensors[f"{POINT_EMBEDDINGS_PREFIX}{kind}.weight"]
        for kind in range(4)
        if f"{POINT_EMBEDDINGS_PREFIX}{kind}.weight" in tensors
    ]
    named = {
        translate_name(name): tensor
        for name, tensor in tensors.items()
        if not name.startswith(POINT_EMBEDDINGS_PREFIX) and name != GAUSSIAN_MATRIX
    }
    if points:
        named["prompt_encoder.point_embed.weight"] = torch.cat(points)
    if GAUSSIAN_MATRIX in tensors:
        named |= dict.fromkeys(GAUSSIAN_TARGETS, tensors[GAUSSIAN_MATRIX])
    return named


def translate_name(name: str) -> str:
    """Translate the name of one tensor."""
    for pattern, replacement in RENAME_RULES:
        name = pattern.sub(replacement, name)
    return name
