"""BEATs (arXiv 2212.09058): a transformer over patches of a spectrogram. Module names match the published weights."""

from __future__ import annotations

import math
from typing import Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812
from pydantic import BaseModel, ConfigDict, PositiveInt
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class BeatsConfig(BaseModel):
    """The configuration of a network, with the names of the published checkpoints. Constants are the same in all of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    input_patch_size: PositiveInt = 16
    embed_dim: PositiveInt = 512
    conv_bias: Literal[False] = False
    encoder_layers: PositiveInt = 12
    encoder_embed_dim: PositiveInt = 768
    encoder_ffn_embed_dim: PositiveInt = 3072
    encoder_attention_heads: PositiveInt = 12
    activation_fn: Literal["gelu"] = "gelu"
    layer_norm_first: Literal[False] = False
    deep_norm: bool = False
    conv_pos: PositiveInt = 128
    conv_pos_groups: PositiveInt = 16
    relative_position_embedding: Literal[True]
    gru_rel_pos: Literal[True]
    num_buckets: PositiveInt = 320
    max_distance: PositiveInt = 1280
    finetuned_model: bool = False
    predictor_class: PositiveInt = 527


def compute_distance_buckets(length: int, count: int, max_distance: int) -> Tensor:
    """Return the bucket of the distance between each pair of patches: int64 (L, L) in 0..count-1.

    Half of the buckets are for later patches. Short distances have one bucket each, longer ones share buckets by their
    logarithm, and all from ``max_distance`` on have the last one.
    """
    half, near = count // 2, count // 4
    positions = torch.arange(length)
    ahead = positions[None, :] - positions[:, None]
    apart = ahead.abs()
    far = near + (torch.log(apart.clamp(min=1).float() / near) / math.log(max_distance / near) * (half - near)).long()
    return (ahead > 0) * half + torch.where(apart < near, apart, far.clamp(max=half - 1))


class GatedAttention(nn.Module):
    """Self-attention in which each query scales the position bias of the keys with two gates."""

    def __init__(self, config: BeatsConfig, relative: nn.Embedding) -> None:
        super().__init__()
        width, self.heads = config.encoder_embed_dim, config.encoder_attention_heads
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        self.grep_linear = nn.Linear(width // self.heads, 8)
        self.grep_a = nn.Parameter(torch.ones(1, self.heads, 1, 1))
        self.relative_attention_bias = relative

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Map (B, L, D) to the same shape; ``bias`` (H, L, L) is the position bias, the same in all layers."""
        query, key, value = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        gates = self.grep_linear(query).unflatten(-1, (2, 4)).sum(-1).sigmoid()
        update, reset = gates.chunk(2, dim=-1)
        gate = update * (reset * self.grep_a - 1) + 2
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=(gate * bias).to(query.dtype))
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out


class BeatsLayer(nn.Module):
    """Attention and two linear maps, each normalized after its residual, which is scaled by DeepNorm (arXiv 2203.00555)."""

    def __init__(self, config: BeatsConfig, relative: nn.Embedding) -> None:
        super().__init__()
        width, inner = config.encoder_embed_dim, config.encoder_ffn_embed_dim
        self.self_attn = GatedAttention(config, relative)
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self._scale = (2 * config.encoder_layers) ** 0.25 if config.deep_norm else 1.0

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Map (B, L, D) to the same shape."""
        x = self.self_attn_layer_norm(x * self._scale + self.self_attn(x, bias))
        out: Tensor = self.final_layer_norm(x * self._scale + self.fc2(F.gelu(self.fc1(x))))
        return out


class BeatsEncoder(nn.Module):
    """A convolution that encodes positions, and the layers, which share the position bias."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        width, kernel = config.encoder_embed_dim, config.conv_pos
        convolution = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=config.conv_pos_groups)
        self.pos_conv = nn.Sequential(weight_norm(convolution, dim=2))
        self.layer_norm = nn.LayerNorm(width)
        self._bucket_settings = (config.num_buckets, config.max_distance)
        relative = nn.Embedding(config.num_buckets, config.encoder_attention_heads)
        self.layers = nn.ModuleList(BeatsLayer(config, relative) for _ in range(config.encoder_layers))

    def forward(self, x: Tensor) -> Tensor:
        """Map patches (B, L, D) to the same shape."""
        length = x.shape[1]
        x = self.layer_norm(x + F.gelu(self.pos_conv(x.transpose(1, 2))[..., :length]).transpose(1, 2))
        numbers = compute_distance_buckets(length, *self._bucket_settings).to(x.device)
        bias = cast(BeatsLayer, self.layers[0]).self_attn.relative_attention_bias(numbers).permute(2, 0, 1)
        for layer in self.layers:
            x = layer(x, bias)
        return x


class BeatsNetwork(nn.Module):
    """The fine-tuned network: the logits of the whole are the mean of those of the patches."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.patch = config.input_patch_size
        self.patch_embedding = nn.Conv2d(1, config.embed_dim, self.patch, stride=self.patch, bias=False)
        self.layer_norm = nn.LayerNorm(config.embed_dim)
        self.post_extract_proj = nn.Linear(config.embed_dim, config.encoder_embed_dim)
        self.encoder = BeatsEncoder(config)
        self.predictor = nn.Linear(config.encoder_embed_dim, config.predictor_class)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Return logits (B, T // patch, classes) for each time step of log-mel spectrograms (B, T, 128)."""
        patches = self.patch_embedding(spectrogram[:, None])
        x = self.post_extract_proj(self.layer_norm(patches.flatten(2).transpose(1, 2)))
        steps = self.encoder(x).unflatten(1, patches.shape[2:]).mean(dim=2)
        logits: Tensor = self.predictor(steps)
        return logits
