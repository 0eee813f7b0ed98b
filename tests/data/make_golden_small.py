"""Draw the masks of ``golden_small`` and score them by the plain formulas.

``PYTHONPATH=tests python tests/data/make_golden_small.py`` writes them. Blobs drift; a prediction is the truth moved and
resized, with objects lost, added or renumbered.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

import support.reference_metrics as plain

FOLDER = Path(__file__).parent / "golden_small"
Array = npt.NDArray[Any]


def blob(shape: tuple[int, int], center: tuple[float, float], axes: tuple[float, float]) -> npt.NDArray[np.bool_]:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(((rows - center[0]) / axes[0]) ** 2 + ((columns - center[1]) / axes[1]) ** 2 <= 1)


def object_maps(random: np.random.Generator, count: int, frames: int, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Draw true and predicted object numbers (T, H, W); the truth has void around its objects."""
    truth, predicted = np.zeros((2, frames, *shape), np.uint8)
    starts, steps, axes = (
        random.uniform(8, 32, (count, 2)),
        random.uniform(-1.5, 1.5, (count, 2)),
        random.uniform(3, 9, (count, 2)),
    )
    for frame in range(frames):
        for number in range(1, count + 1):
            center, size = starts[number - 1] + frame * steps[number - 1], axes[number - 1]
            truth[frame][blob(shape, tuple(center), tuple(size + 1)) & (truth[frame] == 0)] = 255
            truth[frame][blob(shape, tuple(center), tuple(size))] = number
            moved = center + random.normal(0, 1.5, 2)
            predicted[frame][blob(shape, tuple(moved), tuple(size * random.uniform(0.7, 1.2)))] = number
    return truth, predicted


def davis_cases(random: np.random.Generator) -> dict[str, tuple[Array, Array]]:
    cases = {name: object_maps(random, 2, 9, (40, 60)) for name in ("plain", "swapped", "emptied")}
    truth, predicted = cases["swapped"]
    cases["swapped"] = truth, np.array([0, 2, 1], np.uint8)[predicted]
    cases["emptied"][0][4:] = 0
    cases["emptied"][1][:3] = 0
    return cases


def logits(random: np.random.Generator, truth: Array) -> npt.NDArray[np.int8]:
    """Draw eight times the logits (T, H, W): noise, smooth, higher where the truth is."""
    noise = [cv2.GaussianBlur(random.normal(size=frame.shape), (0, 0), 2) * 40 + 40 * (frame - 0.5) for frame in truth]
    return np.clip(np.round(noise), -100, 100).astype(np.int8)


def sounding(random: np.random.Generator, frames: int, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Draw masks 0 or 1, a third of them empty."""
    masks = [blob(shape, tuple(random.uniform(8, 24, 2)), tuple(random.uniform(3, 9, 2))) for _ in range(frames)]
    return np.array(masks, np.uint8) * (random.uniform(size=(frames, 1, 1)) > 0.33).astype(np.uint8)


def class_maps(random: np.random.Generator, frames: int) -> tuple[Array, Array]:
    truth, predicted = np.zeros((2, frames, 24, 24), np.uint8)
    for label in random.choice(np.arange(1, 71), 3, replace=False):
        for frame in range(frames):
            center, axes = random.uniform(4, 20, 2), random.uniform(2, 7, 2)
            truth[frame][blob((24, 24), tuple(center), tuple(axes))] = label
            predicted[frame][blob((24, 24), tuple(center + random.normal(0, 2, 2)), tuple(axes))] = label
    predicted[0][truth[0] > 0] = 70
    return truth, predicted


def make() -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays by name, and the scores."""
    random = np.random.default_rng(20261122)
    davis = davis_cases(random)
    truths = np.array([sounding(random, 5, (32, 32)) for _ in range(6)])
    truths[2] = 0
    avs = truths, np.array([logits(random, truth) for truth in truths])
    avss = [class_maps(random, frames) for frames in (5, 10, 5)]
    arrays = {"avs-truth": avs[0], "avs-logits": avs[1]}
    for kind, cases in (("davis", davis.items()), ("avss", enumerate(avss))):
        for name, (truth, predicted) in cases:
            arrays |= {f"{kind}-{name}-truth": truth, f"{kind}-{name}-predicted": predicted}
    return arrays, {"davis": score_davis(davis), "masks": score_masks(davis), "avs": score_avs(*avs), "avss": score_avss(avss)}


def score_davis(cases: dict[str, tuple[Array, Array]]) -> dict[str, Any]:
    ways = {"davis17-semi-supervised": plain.davis_semi_supervised, "davis17-unsupervised": plain.davis_unsupervised}
    return {name: {case: way(*maps).tolist() for case, maps in cases.items()} for name, way in ways.items()}


def score_masks(cases: dict[str, tuple[Array, Array]]) -> dict[str, list[float]]:
    """J and F of object 1 as an expression."""
    frames = {name: zip(truth == 1, predicted == 1, strict=True) for name, (truth, predicted) in cases.items()}
    scores = {name: [(plain.region(*pair), plain.boundary(*pair)) for pair in pairs] for name, pairs in frames.items()}
    return {name: np.mean(values, axis=0).tolist() for name, values in scores.items()}


def score_avs(truth: Array, eighths: Array) -> dict[str, Any]:
    clips = list(zip(torch.from_numpy(eighths).float() / 8, torch.from_numpy(truth).float(), strict=True))
    scores = [(plain.mask_iou(*clip), plain.f_measure(torch.sigmoid(clip[0]), clip[1])) for clip in clips]
    frames = [(one[None], true[None]) for clip in clips for one, true in zip(*clip, strict=True)]
    alone = [(plain.mask_iou(*frame), plain.f_measure((frame[0] > 0).float(), frame[1])) for frame in frames]
    return {"avs-avsbench": scores, "avs-alref": np.mean(alone, axis=0).tolist()}


def score_avss(clips: list[tuple[Array, Array]]) -> dict[str, Any]:
    padded = [tuple(np.concatenate([maps, np.zeros((10 - len(maps), 24, 24), np.uint8)]) for maps in clip) for clip in clips]
    return {
        name: [score.tolist() for score in plain.avss(each, batch)]
        for name, each, batch in (("avss-alref", clips, 1), ("avss-avsbench", padded, 4))
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    made, scores = make()
    np.savez_compressed(FOLDER / "masks.npz", **made)
    (FOLDER / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
