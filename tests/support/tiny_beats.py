"""Checkpoints of BEATs in the published form, tiny and random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from alref.audio import audioset
from alref_beats._network import BeatsConfig, BeatsNetwork

CONFIG = {
    "input_patch_size": 16,
    "embed_dim": 8,
    "encoder_layers": 2,
    "encoder_embed_dim": 16,
    "encoder_ffn_embed_dim": 24,
    "encoder_attention_heads": 2,
    "conv_pos": 8,
    "conv_pos_groups": 4,
    "deep_norm": True,
    "relative_position_embedding": True,
    "gru_rel_pos": True,
    "num_buckets": 16,
    "max_distance": 40,
    "finetuned_model": True,
    "predictor_class": 12,
}
OLD = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
LABELS = [*list(audioset.load_class_names())[:11], audioset.SILENCE_ID]
"""The machine ids of the twelve classes, in the order of AudioSet."""


def contents(seed: int = 0, labels: list[str] = LABELS, **config: Any) -> dict[str, Any]:
    """Return what a checkpoint holds; its outputs name ``labels`` in order, and weights are random by ``seed``."""
    described = CONFIG | {"predictor_class": len(labels)} | config
    network = scattered(described, seed)
    weights = {renamed(name): weight for name, weight in network.state_dict().items()}
    return {"cfg": described, "model": weights, "label_dict": dict(enumerate(labels))}


def scattered(config: dict[str, Any], seed: int = 0) -> BeatsNetwork:
    """Make a network with random weights, spread so widely that each is felt in the outputs."""
    network = BeatsNetwork(BeatsConfig.model_validate(config)).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, weight in network.named_parameters():
        spread = 2.5 / weight[0].numel() ** 0.5 if weight.dim() > 1 and "relative" not in name else 0.5
        weight.data.normal_(1.0 if name.endswith(("norm.weight", "grep_a")) else 0.0, spread, generator=generator)
    return network


def renamed(name: str) -> str:
    """Give a weight the name that it has in the published checkpoints."""
    for now, then in OLD.items():
        name = name.replace(now, then)
    return name


def save(path: Path, content: Any) -> Path:
    """Write a checkpoint."""
    torch.save(content, path)
    return path
