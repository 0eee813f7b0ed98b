"""Fill holes and remove sprinkles of mask logits on their device, without waiting for it."""

from __future__ import annotations

import torch
from torch.nn.functional import max_pool2d

FILLED_LOGIT = 0.1
"""Logit of the pixels of a filled hole, as in the authors' code; those of a removed sprinkle have its negative."""


def clean_logits(logits: torch.Tensor, max_hole_area: int, max_sprinkle_area: int) -> torch.Tensor:
    """Return mask logits (B, 1, h, w) whose holes of at most ``max_hole_area`` pixels are filled, and then their components of
    at most ``max_sprinkle_area`` pixels removed; 0 disables a step. Connectivity is 8.
    """  # noqa: D205
    if max_hole_area:
        logits = logits.masked_fill(find_small_components(logits <= 0, max_hole_area), FILLED_LOGIT)
    if max_sprinkle_area:
        logits = logits.masked_fill(find_small_components(logits > 0, max_sprinkle_area), -FILLED_LOGIT)
    return logits


def find_small_components(masks: torch.Tensor, max_area: int) -> torch.Tensor:
    """Return the components of at most ``max_area`` pixels of masks (B, 1, h, w), bool of the same shape.

    Each pixel takes the largest number within ``max_area`` steps. A small component then has one number, and no more pixels
    than ``max_area`` carry it. In a larger one, each number is carried by more pixels or stands next to a larger number.
    """
    numbers = torch.arange(1.0, masks[0].numel() + 1, device=masks.device).reshape(masks[0].shape) * masks
    for _ in range(max_area):
        numbers = max_pool2d(numbers, 3, stride=1, padding=1) * masks
    grows = (max_pool2d(numbers, 3, stride=1, padding=1) * masks) > numbers
    places = numbers.flatten(1).long()
    counts = torch.where(grows, max_area + 1, 1).flatten(1)
    areas = torch.zeros(len(masks), masks[0].numel() + 1, dtype=torch.long, device=masks.device).scatter_add_(1, places, counts)
    return (areas.gather(1, places) <= max_area).reshape(masks.shape) & masks
