"""Memory attention of SAM 2 and of the SAM 3 tracker, with the weights of the transformers modules.

Results that do not depend on the object are computed once per frame: the first self-attention, and the sum of memories and
position embeddings. Rotary embeddings (RoPE) are applied as one complex multiplication.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention


class MemoryAttention:
    """Runs the layers of a transformers ``memory_attention`` module."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __call__(self, frame: torch.Tensor, memories: torch.Tensor, positions: torch.Tensor, pointers: int) -> torch.Tensor:
        """Return the tokens of a frame (1, N, D) after attention to the memories of B objects, (B, N, D).

        ``memories`` and their ``positions`` are (B, S, C); the last ``pointers`` of the S tokens have no position in the image.
        """
        keys, seen = memories + positions, frame
        for layer in self._module.layers:
            tokens = layer.layer_norm1(seen)
            seen = seen + self._apply_attention(layer.self_attn, tokens, tokens, tokens, 0)
            seen = seen + self._apply_attention(layer.cross_attn_image, layer.layer_norm2(seen), keys, memories, pointers)
            seen = seen + layer.linear2(layer.activation(layer.linear1(layer.layer_norm3(seen))))
        last: torch.Tensor = self._module.layer_norm(seen)
        return last

    def _apply_attention(
        self, attention: Any, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, pointers: int
    ) -> torch.Tensor:
        count = max(len(queries), len(keys))
        heads = (attention.q_proj(queries), attention.k_proj(keys), attention.v_proj(values))
        query, key, value = (each.unflatten(-1, (attention.num_attention_heads, -1)).transpose(1, 2) for each in heads)
        query, key = self._rotate_tokens(query, 0), self._rotate_tokens(key, pointers)
        query = query.expand(count, -1, -1, -1)
        found = scaled_dot_product_attention(query, key, value, scale=attention.scaling)
        projected: torch.Tensor = attention.o_proj(found.transpose(1, 2).flatten(2))
        return projected

    def _rotate_tokens(self, tokens: torch.Tensor, pointers: int) -> torch.Tensor:
        """Apply rotary embeddings to tokens (B, heads, S, E): whole frames followed by pointers."""
        whole = tokens.float()
        pairs = torch.view_as_complex(whole.view(*whole.shape[:-1], -1, 2))
        frames = pairs[:, :, : pairs.shape[2] - pointers]
        frames.view(*frames.shape[:2], -1, *self._rotations.shape).mul_(self._rotations)
        return whole.to(tokens.dtype)

    @cached_property
    def _rotations(self) -> torch.Tensor:
        """Return complex numbers of magnitude 1, (N, E / 2)."""
        cos, sin = self._module.rotary_emb(self._module.layer_norm.weight, self._module.position_ids)
        return torch.complex(cos[0, :, ::2].contiguous(), sin[0, :, ::2].contiguous())
