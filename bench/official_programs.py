"""Transcriptions of three official evaluation programs, as plain as they are: run as processes of their own, to compare with.

``python bench/official_programs.py mevis|davis|avs TRUTH RESULTS`` prints the scores. ``mevis`` is ``tools/eval_mevis.py``
with one worker, ``davis`` the unsupervised task of ``davis2017-evaluation``, ``avs`` the test of AVSBench's single source
part on saved masks. The operations, dtypes and sizes of arrays are theirs; imports for progress bars and tables are left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def region(truth: Array, found: Array, void: Array) -> Array:
    """J of all frames (T, H, W) at once."""
    truth, found, counted = truth.astype(bool), found.astype(bool), np.logical_not(void.astype(bool))
    common = np.sum((found & truth) & counted, axis=(-2, -1))
    union = np.sum((found | truth) & counted, axis=(-2, -1))
    with np.errstate(invalid="ignore"):
        values = common / union
    values[np.isclose(union, 0)] = 1
    return values


def outline(mask: Array) -> Array:
    """Pixels that differ from the one to the right, below, or below to the right."""
    mask = mask.astype(bool)
    right, below, both = np.zeros_like(mask), np.zeros_like(mask), np.zeros_like(mask)
    right[:, :-1], below[:-1], both[:-1, :-1] = mask[:, 1:], mask[1:], mask[1:, 1:]
    found = mask ^ right | mask ^ below | mask ^ both
    found[-1], found[:, -1], found[-1, -1] = mask[-1] ^ right[-1], mask[:, -1] ^ below[:, -1], 0
    return found


def boundary(truth: Array, found: Array, void: Array) -> float:
    """F of one frame."""
    import cv2

    radius = np.ceil(0.008 * np.linalg.norm(found.shape))
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (rows**2 + columns**2 <= radius**2).astype(np.uint8)
    counted = np.logical_not(void)
    lines = [outline(each * counted) for each in (found, truth)]
    near = [cv2.dilate(line.astype(np.uint8), disk) for line in lines]
    hits = [np.sum(lines[0] * near[1]), np.sum(lines[1] * near[0])]
    sizes = [np.sum(line) for line in lines]
    if not all(sizes):
        return float(not any(sizes))
    precision, recall = (hit / float(size) for hit, size in zip(hits, sizes, strict=True))
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def boundaries(truth: Array, found: Array, void: Array) -> Array:
    return np.array([boundary(*each) for each in zip(truth, found, void, strict=True)])


def score_mevis(truth: Path, results: Path) -> list[float]:
    """J and F: one expression after the other, its masks decoded anew."""
    import cv2
    from pycocotools import mask as coco

    videos = json.loads((truth / "meta_expressions.json").read_bytes())["videos"]
    runs = json.loads((truth / "mask_dict.json").read_bytes())
    scores = []
    for video, meta in videos.items():
        for name, expression in meta["expressions"].items():
            home = results / video / name
            first: Any = cv2.imread(str(home / "00000.png"), cv2.IMREAD_GRAYSCALE)
            true, found = (np.zeros((len(meta["frames"]), *first.shape), np.uint8) for _ in range(2))
            for number, frame in enumerate(meta["frames"]):
                for each in expression["anno_id"]:
                    if runs[str(each)][number]:
                        true[number] += coco.decode(runs[str(each)][number])
                found[number] = cv2.imread(str(home / f"{frame}.png"), cv2.IMREAD_GRAYSCALE)
            void = np.zeros_like(found, bool)
            scores.append([region(true, found, void).mean(), boundaries(true, found, void).mean()])
    return np.mean(scores, axis=0).tolist()


def score_davis(truth: Path, results: Path) -> list[float]:
    """J and F of the unsupervised task: planes of float64, every object against every proposal."""
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    scores: list[list[float]] = []
    for folder in sorted(truth.iterdir()):
        files = sorted(folder.glob("*.png"))
        maps = _read_maps(files)
        void = maps == 255
        maps[void] = 0
        true, found = _split(maps, int(maps[0].max())), _read_maps([results / folder.name / file.name for file in files])
        planes = _split(found, int(found.max()))
        if len(planes) < len(true):
            planes = np.concatenate([planes, np.zeros((len(true) - len(planes), *planes.shape[1:]))])
        pairs = np.zeros((2, len(planes), len(true), len(files)))
        for number, one in enumerate(true):
            for other, plane in enumerate(planes):
                pairs[:, other, number] = region(one, plane, void), boundaries(one, plane, void)
        rows, columns = linear_sum_assignment(-pairs.mean(axis=(0, 3)))
        scores += pairs[:, rows, columns].mean(axis=2).T.tolist()
    return np.mean(scores, axis=0).tolist()


def _read_maps(files: list[Path]) -> Array:
    from PIL import Image

    return np.stack([np.array(Image.open(file)) for file in files]).astype(np.float64)


def _split(maps: Array, count: int) -> Array:
    """One plane (T, H, W) of float64 per object."""
    planes = np.ones((count, *maps.shape))
    numbers = np.arange(1, count + 1)[:, None, None, None] * planes
    return (numbers == maps[None]).astype(np.float64)


def score_avs(truth: Path, results: Path) -> list[float]:
    """M_J and M_F, video by video: 255 passes over the images."""
    import torch

    torch.set_num_threads(1)
    regions, measures = [], []
    for one, true in _iterate_clips(truth, results):
        values = torch.sigmoid((one - 0.5) * 100)  # saved masks as the logits that they stand for
        mask = (values > 0.5).float()
        common, union = (mask * true).sum((1, 2)), torch.max(mask, true).sum((1, 2))
        empty = true.sum((1, 2)) == 0
        size = true.shape[1] * true.shape[2]
        common[empty], union[empty] = ((1 - mask) * (1 - true)).sum((1, 2))[empty], float(size)
        regions.append(torch.sum(common / (union + 1e-7)) / len(true))
        total, counted = torch.zeros(255), 0
        for plane, target in zip(values, true, strict=True):
            if target.mean() == 0.0:
                continue
            precision, recall = torch.zeros(255), torch.zeros(255)
            for place, threshold in enumerate(torch.linspace(0, 1 - 1e-10, 255)):
                marked = (plane >= threshold).float()
                hit = (marked * target).sum()
                precision[place], recall[place] = hit / (marked.sum() + 1e-20), hit / (target.sum() + 1e-20)
            curve = 1.3 * precision * recall / (0.3 * precision + recall)
            total, counted = total + torch.nan_to_num(curve), counted + 1
        measures.append((total / max(counted, 1)).max())
    return [float(sum(each, start=torch.zeros(())) / len(each)) for each in (regions, measures)]  # as its running mean


def _iterate_clips(truth: Path, results: Path) -> Iterator[tuple[Any, Any]]:
    import torch
    from PIL import Image

    for folder in sorted(truth.glob("*/*")):
        true = [np.array(Image.open(folder / f"{folder.name}_{second}.png").convert("1")) for second in range(1, 6)]
        home = results / folder.relative_to(truth)
        found = [np.array(Image.open(home / f"{folder.name}_{second}.png").convert("1")) for second in range(5)]
        yield torch.from_numpy(np.stack(found)).float(), torch.from_numpy(np.stack(true)).float()


if __name__ == "__main__":
    programs = {"mevis": score_mevis, "davis": score_davis, "avs": score_avs}
    print(json.dumps(programs[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))))
