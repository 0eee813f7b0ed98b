"""The published measures written down as their formulas say, pixel by pixel, threshold by threshold: slow, to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from math import ceil, hypot
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]
BETA2 = 0.3


def region(truth: Mask, predicted: Mask) -> float:
    """J of one frame."""
    union = np.sum(truth | predicted)
    return 1.0 if union == 0 else float(np.sum(truth & predicted) / union)


def boundary(truth: Mask, predicted: Mask) -> float:
    """F of one frame."""
    radius = ceil(0.008 * hypot(*truth.shape))
    true_line, line = outline(truth), outline(predicted)
    if not line.any() or not true_line.any():
        return 1.0 if line.any() == true_line.any() else 0.0
    precision = np.sum(line & grown(true_line, radius)) / np.sum(line)
    recall = np.sum(true_line & grown(line, radius)) / np.sum(true_line)
    return 0.0 if precision + recall == 0 else float(2 * precision * recall / (precision + recall))


def outline(mask: Mask) -> Mask:
    """Pixels that differ from the next one to the right, below, or both; the frame's last row and column repeat for ever."""
    wide = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    return np.asarray((mask != wide[:-1, 1:]) | (mask != wide[1:, :-1]) | (mask != wide[1:, 1:]))


def grown(mask: Mask, radius: int) -> Mask:
    """Pixels that have a set one within ``radius``."""
    height, width = mask.shape
    wide, result = np.pad(mask, radius), np.zeros_like(mask)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dy * dy + dx * dx <= radius * radius:
                result |= wide[radius + dy : radius + dy + height, radius + dx : radius + dx + width]
    return result


def davis_frame(truth: Array, predicted: Array, number: int, other: int, void: bool) -> list[float]:
    """J and F of true object ``number`` and predicted object ``other``."""
    counts = truth != 255 if void else np.ones_like(truth, np.bool_)
    masks = (truth == number) & counts, (predicted == other) & counts
    return [region(*masks), boundary(*masks)]


def davis_semi_supervised(truth: Array, predicted: Array) -> Array:
    """J and F of every object and frame, (objects, T - 2, 2)."""
    count = np.max(truth[0], where=truth[0] != 255, initial=0)
    frames = list(zip(truth, predicted, strict=True))[1:-1]
    return np.array([[davis_frame(*frame, k, k, False) for frame in frames] for k in range(1, count + 1)])


def davis_unsupervised(truth: Array, predicted: Array) -> Array:
    """J and F of every object and frame, (objects, T, 2), with the best of all ways to match predicted objects."""
    count = int(np.max(truth[0], where=truth[0] != 255, initial=0))
    found = max(int(predicted.max()), count)
    frames = list(zip(truth, predicted, strict=True))
    scores = np.array(
        [[[davis_frame(*frame, g, p, True) for frame in frames] for p in range(1, found + 1)] for g in range(1, count + 1)]
    )
    ways = permutations(range(found), count)
    best = max(ways, key=lambda way: sum(scores[g, p].mean() for g, p in enumerate(way)))
    return np.array([scores[g, p] for g, p in enumerate(best)])


def statistics(values: Array) -> tuple[float, float, float]:
    """Mean, recall and decay of one object, for fewer than 256 frames."""
    corners = [int(np.round(1 + (len(values) - 1) * k / 4 + 1e-10)) - 1 for k in range(5)]
    first, last = values[corners[0] : corners[1] + 1], values[corners[3] : corners[4] + 1]
    return float(values.mean()), float(np.mean(values > 0.5)), float(first.mean() - last.mean())


def mask_iou(logits: torch.Tensor, truth: torch.Tensor, threshold: float = 0.5) -> float:
    """J of AVSBench over the frames of one call, (N, H, W) each."""
    mask, values = (torch.sigmoid(logits) > threshold).float(), []
    for one, true in zip(mask, truth, strict=True):
        if true.sum() == 0:
            values.append((1 - one).sum() / (torch.tensor(float(true.numel())) + 1e-7))
        else:
            values.append((one * true).sum() / (torch.maximum(one, true).sum() + 1e-7))
    return float(torch.stack(values).sum() / len(values))


def f_curve(probability: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """F of one frame at each of the 255 thresholds."""
    values = []
    for threshold in torch.linspace(0, 1 - 1e-10, 255):
        mask = (probability >= threshold).float()
        hit = (mask * truth).sum()
        precision, recall = hit / (mask.sum() + 1e-20), hit / (truth.sum() + 1e-20)
        values.append(torch.nan_to_num((1 + BETA2) * precision * recall / (BETA2 * precision + recall)))
    return torch.stack(values)


def f_measure(probabilities: torch.Tensor, truth: torch.Tensor) -> float:
    """F of AVSBench over the frames of one call: the top of the mean curve of those with an object."""
    curves = [f_curve(one, true) for one, true in zip(probabilities, truth, strict=True) if true.sum() > 0]
    total = torch.zeros(255)
    for curve in curves:
        total = total + curve
    return float((total / max(len(curves), 1)).max())


def avss(clips: Sequence[tuple[Array, Array]], batch: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """IoU and F of each of 71 classes, and in how many frames it is there, of (truth, predicted) clips (T, H, W)."""
    total = torch.zeros(3, 71)
    for start in range(0, len(clips), batch):
        part = torch.zeros(3, 71)
        for truth, predicted in clips[start : start + batch]:
            for frame in zip(truth, predicted, strict=True):
                part += class_scores(*map(torch.from_numpy, frame))
        total += part
    return torch.nan_to_num(total[0] / total[2]), torch.nan_to_num(total[1] / total[2]), total[2]


def class_scores(truth: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
    """IoU, F, and whether it is there, of each class in one frame, (3, 71)."""
    true, found = (torch.histc(each.float(), 71, 0, 70) for each in (truth, predicted))
    common = torch.histc(truth[truth == predicted].float(), 71, 0, 70)
    union = true + found - common
    precision, recall = common / found, common / true
    f_scores = torch.nan_to_num((1 + BETA2) * precision * recall / (BETA2 * precision + recall))
    return torch.stack([common / (union + 2.2e-16), f_scores, (union > 0).float()])


def class_map(colors: Array, palette: Array) -> Array:
    """Class numbers of an RGB picture, by comparing it with each color; 0 where none is equal."""
    return np.argmax([np.all(colors == color, axis=-1) for color in palette.astype(np.int32)], axis=0)
