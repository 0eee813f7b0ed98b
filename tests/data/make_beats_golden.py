"""Write beats_golden.npz: what SpeechBrain's BEATs makes of random weights and sounds, for comparison.

Needs speechbrain and torchaudio (and what they import) beside torch: python tests/data/make_beats_golden.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from speechbrain.lobes.models import beats

CONFIG = {
    "input_patch_size": 16,
    "embed_dim": 16,
    "conv_bias": False,
    "encoder_layers": 3,
    "encoder_embed_dim": 24,
    "encoder_ffn_embed_dim": 32,
    "encoder_attention_heads": 3,
    "activation_fn": "gelu",
    "layer_norm_first": False,
    "deep_norm": True,
    "conv_pos": 8,
    "conv_pos_groups": 4,
    "relative_position_embedding": True,
    "num_buckets": 16,
    "max_distance": 40,
    "gru_rel_pos": True,
    "finetuned_model": True,
    "predictor_class": 6,
}
SPREAD = 2.5
"""How widely weights are spread: enough that each of them is felt in the outputs."""
OLD = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
"""Names that torch's weight norm has now, and had when the published checkpoints were written."""


def made(config: dict[str, Any]) -> beats.BEATs:
    """Make SpeechBrain's network in the shape of ``config`` with every weight random."""
    shape = beats.BEATsConfig(config)
    with mock.patch.object(beats, "BEATsConfig", return_value=shape):
        network = beats.BEATs()
    generator = torch.Generator().manual_seed(0)
    for name, weight in network.named_parameters():
        spread = SPREAD / weight[0].numel() ** 0.5 if weight.dim() > 1 and "relative" not in name else 0.5
        center = 1.0 if name.endswith(("norm.weight", "grep_a")) else 0.0
        weight.data.normal_(center, spread, generator=generator)
    return network


def published(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give weights the names that they have in the published checkpoints."""
    for now, then in OLD.items():
        weights = {name.replace(now, then): weight for name, weight in weights.items()}
    return weights


def sounds() -> np.ndarray[Any, Any]:
    """Make two sounds of 0.6 s at 16 kHz, int16 (2, N): a falling tone in noise, and noise that swells."""
    time = np.arange(9600) / 16_000
    noise = np.random.default_rng(0).normal(0, 1000, (2, len(time)))
    noise[0] = noise[0] / 10 + 8000 * np.sin(2 * np.pi * (1200 - 600 * time) * time)
    noise[1] *= time
    return noise.astype(np.int16)


def main() -> None:
    """Write the file beside this script."""
    network = made(CONFIG)
    samples = torch.from_numpy(sounds().astype(np.float32) / 2**15)
    with torch.no_grad():
        features, scores, _ = network.extract_features(samples, torch.ones(2))
        spectrogram = network.preprocess(samples)
    np.savez_compressed(
        Path(__file__).with_name("beats_golden.npz"),
        config=json.dumps(CONFIG),
        samples=sounds(),
        spectrogram=spectrogram.numpy(),
        features=features.numpy(),
        scores=scores.numpy(),
        **{f"weight:{name}": weight.numpy() for name, weight in published(network.state_dict()).items()},
    )


if __name__ == "__main__":
    main()
