"""The audio and text towers of LanguageBind (arXiv 2310.01852): those of CLIP, with wide images, and the published weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPConfig, CLIPModel

from alref import ConfigError

StateDict = Mapping[str, torch.Tensor]
SHARED_KEYS = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "layer_norm_eps")
TEXT_KEYS = (*SHARED_KEYS, "vocab_size", "max_position_embeddings")
AUDIO_KEYS = (*SHARED_KEYS, "num_channels", "patch_size")


class WideEmbeddings(nn.Module):
    """Embeddings of the patches of an image of any shape with their positions: the input of the vision tower of CLIP."""

    def __init__(self, channels: int, width: int, patch: int, patches: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.patch_embedding = nn.Conv2d(channels, width, patch, patch, bias=False)
        self.position_embedding = nn.Embedding(patches + 1, width)

    def forward(self, pixel_values: torch.Tensor, interpolate_pos_encoding: bool = False) -> torch.Tensor:
        """Return float (B, 1 + patches, width) for images (B, C, H, W)."""
        patches = self.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


def load_towers(folder: Path, settings: Mapping[str, Any]) -> CLIPModel:
    """Load both towers of a folder with the configuration ``settings``, on the CPU, in float32.

    Raises ConfigError if the weights do not match the configuration, and the errors of torch and the library for broken files.
    """
    state = merge_lora(_load_state_dict(folder), float(settings["vision_config"].get("lora_alpha", 0)))
    model = _build_empty_model(settings)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    wrong = [
        name for name in sorted({*expected, *state}) if name not in state or expected.get(name) != tuple(state[name].shape)
    ]
    if wrong:
        raise ConfigError(
            f"the weights in {folder} do not match its config.json: {len(wrong)} missing, unexpected or of another shape,"
            f" for example {wrong[0]}; download both from the same model"
        )
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()}, assign=True)
    return model


def merge_lora(state: StateDict, alpha: float) -> dict[str, torch.Tensor]:
    """Return weights under the names of CLIP, with low-rank updates (LoRA, arXiv 2106.09685) of strength ``alpha`` added.

    An update of W is ``alpha / r`` times B A, with A of r rows. Position indices, which older versions stored, are omitted.
    """
    plain = {}
    for name, tensor in state.items():
        if ".lora_" in name or name.endswith("position_ids"):
            continue
        layer = name.removesuffix(".weight").removesuffix(".base_layer")
        down, up = (state.get(f"{layer}.lora_{side}.default.weight") for side in "AB")
        if name.endswith(".weight") and down is not None and up is not None:
            tensor = tensor + alpha / len(down) * (up @ down)
        plain[name.replace(".base_model.model.", ".").replace(".base_layer.", ".")] = tensor
    return plain


def _load_state_dict(folder: Path) -> StateDict:
    if (folder / "model.safetensors").is_file():
        return load_file(folder / "model.safetensors")
    state: StateDict = torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True, mmap=True)
    return state


def _build_empty_model(settings: Mapping[str, Any]) -> CLIPModel:
    """Build both towers without weights."""
    text, sound = ({**settings[f"{name}_config"], **(settings.get(f"{name}_config_dict") or {})} for name in ("text", "vision"))
    config = CLIPConfig(
        text_config={**_select_keys(text, TEXT_KEYS), "eos_token_id": 2},
        vision_config=_select_keys(sound, AUDIO_KEYS),
        projection_dim=settings["projection_dim"],
    )
    bins, frames, patch = sound["num_mel_bins"], sound["target_length"], sound["patch_size"]
    with torch.device("meta"):
        model = CLIPModel(config)
        patches = (bins // patch) * (frames // patch)
        model.vision_model.embeddings = WideEmbeddings(sound["num_channels"], sound["hidden_size"], patch, patches)
    length = config.text_config.max_position_embeddings
    model.text_model.embeddings.position_ids = torch.arange(length).expand((1, -1))
    return model


def _select_keys(settings: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: settings[name] for name in names if name in settings}
