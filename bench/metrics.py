"""What scoring costs: ``PYTHONPATH=tests python bench/metrics.py``, CPU time of one thread, masks in memory unless said.

Each protocol scores the same masks as a plain program does that follows the published formula: for J and F on whole frames with
OpenCV's dilation, for AVSBench threshold by threshold in PyTorch, for AVSS color by color. ``vos-benchmark`` and the official
``davis2017`` are compared, PNG files read, where they are installed. The last column is the largest difference between the two
programs' scores.

The second table times ``alref score`` from files beside transcriptions of the official programs: whole processes with their
start.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from math import ceil, hypot
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console
from rich.table import Table
from whole_programs import draw_objects, measure_programs

import support.reference_metrics as plain
from alref_benchmarks.datasets.mask_files import read_objects
from alref_benchmarks.metrics import Case, EvaluationProtocol, get_metric
from alref_benchmarks.metrics.palette import PALETTE, convert_colors_to_labels, convert_labels_to_colors

Array = npt.NDArray[Any]
Scores = list[float]
ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One comparison: what it is, what both programs score, how many frames."""

    name: str
    frames: int
    ours: Callable[[], Scores]
    peer: Callable[[], Scores]


def whole_frame(truth: plain.Mask, predicted: plain.Mask) -> Scores:
    """J and F of one object on whole frames."""
    radius = ceil(0.008 * hypot(*truth.shape))
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (rows**2 + columns**2 <= radius**2).astype(np.uint8)
    lines = [plain.outline(mask) for mask in (truth, predicted)]
    near = [cv2.dilate(line.astype(np.uint8), disk) > 0 for line in lines]
    recall, precision = np.sum(lines[0] & near[1]) / lines[0].sum(), np.sum(lines[1] & near[0]) / lines[1].sum()
    return [plain.region(truth, predicted), float(2 * precision * recall / max(precision + recall, 1e-9))]


def scored(way: EvaluationProtocol, names: tuple[str, ...], truth: Array, predicted: Array) -> Scores:
    numbers = way.summarize_scores([way.score_video("", [Case("", truth, predicted)])]).metrics
    return [numbers[name] for name in names]


def video_rows() -> Iterator[Row]:
    truth, predicted = draw_objects(30, 480, 854, 2)
    pairs = list(zip(truth, predicted, strict=True))
    masks = truth == 1, predicted == 1
    names = ("J", "F")

    def semi() -> Scores:
        each = [[whole_frame(one == k, other == k) for one, other in pairs[1:-1]] for k in (1, 2)]
        return np.mean(each, axis=(0, 1)).tolist()

    def unsupervised() -> Scores:
        each = np.array([[[whole_frame(one == k, other == p) for one, other in pairs] for k in (1, 2)] for p in (1, 2)])
        straight, crossed = (each[0, 0] + each[1, 1]) / 2, (each[0, 1] + each[1, 0]) / 2
        return max(straight.mean(axis=0), crossed.mean(axis=0), key=np.sum).tolist()

    def expression() -> Scores:
        return np.mean([whole_frame(*pair) for pair in zip(*masks, strict=True)], axis=0).tolist()

    davis = {"davis17-semi-supervised": semi, "davis17-unsupervised": unsupervised}
    for name, peer in davis.items():
        yield Row(f"{name}, 2 objects, 480x854", 30, lambda name=name: scored(get_metric(name), names, truth, predicted), peer)
    yield Row("mevis, 480x854", 30, lambda: scored(get_metric("mevis"), names, *masks), expression)


def sound_rows() -> Iterator[Row]:
    import torch

    torch.set_num_threads(1)
    truth, _ = draw_objects(5, 224, 224, 1)
    noise = [cv2.GaussianBlur(np.random.default_rng(k).normal(size=(224, 224)), (0, 0), 8) * 60 for k in range(5)]
    logits = (np.array(noise) + 6 * truth - 3).astype(np.float32)
    tensors = torch.from_numpy(logits), torch.from_numpy(truth).float()
    names = ("M_J", "M_F")

    def bench() -> Scores:
        return [plain.mask_iou(*tensors), plain.f_measure(torch.sigmoid(tensors[0]), tensors[1])]

    def published() -> Scores:
        frames = [(mask[None].float(), true[None]) for mask, true in zip(tensors[0] > 0, tensors[1], strict=True)]
        each = [[plain.mask_iou(mask - 0.5, true), plain.f_measure(mask, true)] for mask, true in frames]
        return np.mean(each, axis=0).tolist()

    yield Row("avs-avsbench, logits, 224x224", 5, lambda: scored(get_metric("avs-avsbench"), names, truth, logits), bench)
    yield Row("avs-alref, masks, 224x224", 5, lambda: scored(get_metric("avs-alref"), names, truth, logits > 0), published)


def class_row() -> Row:
    truth, predicted = (convert_labels_to_colors(maps * 10) for maps in draw_objects(10, 224, 224, 4))

    def ours() -> Scores:
        maps = [np.array([convert_colors_to_labels(frame)[0] for frame in colors]) for colors in (truth, predicted)]
        return scored(get_metric("avss-avsbench"), ("mIoU", "F"), *maps)

    def peer() -> Scores:
        maps = [np.array([plain.class_map(frame, PALETTE) for frame in colors]) for colors in (truth, predicted)]
        return [float(each.mean()) for each in plain.avss([(maps[0], maps[1])])[:2]]

    return Row("avss-avsbench, RGB, 224x224", 10, ours, peer)


def package_rows(root: Path) -> Iterator[Row]:
    """Official packages, as far as they are installed; all programs read the same PNG files."""
    truth, predicted = root / "Annotations" / "480p", root / "predicted"
    for home, maps in zip((truth, predicted), draw_objects(30, 480, 854, 2), strict=True):
        save(home / "clip", maps)
    semi, unsupervised = "davis17-semi-supervised", "davis17-unsupervised"

    def ours(name: str) -> Scores:
        maps = [map(read_objects, sorted((home / "clip").iterdir())) for home in (truth, predicted)]
        return scored(get_metric(name), ("J", "F"), *maps)  # type: ignore[arg-type]

    if find_spec("vos_benchmark"):
        yield Row(f"vos-benchmark: {semi}, PNG", 30, partial(ours, semi), partial(vos_benchmark, truth, predicted))
    for name in (semi, unsupervised) if find_spec("davis2017") else ():
        yield Row(f"davis2017: {name}, PNG", 30, partial(ours, name), partial(davis2017, root, name.removeprefix("davis17-")))


def vos_benchmark(truth: Path, predicted: Path) -> Scores:
    """J and F of the package of that name, which has no unsupervised task."""
    from vos_benchmark.benchmark import VideoEvaluator

    _, region, boundary = VideoEvaluator(str(truth), str(predicted))("clip")
    return [float(np.mean(list(each.values()))) / 100 for each in (region, boundary)]


def davis2017(root: Path, task: str) -> Scores:
    """J and F of the official evaluator, the package of davis2017-evaluation."""
    from davis2017.evaluation import DAVISEvaluation

    (root / "ImageSets" / "2017").mkdir(parents=True, exist_ok=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("clip", encoding="utf-8")
    if not (root / "Annotations_unsupervised").exists():
        (root / "Annotations_unsupervised").symlink_to("Annotations")
    found = DAVISEvaluation(str(root), task, "val", codalab=True).evaluate(str(root / "predicted"))
    return [float(np.mean(found[measure]["M"])) for measure in ("J", "F")]


def save(folder: Path, maps: Array) -> None:
    folder.mkdir(parents=True)
    for number, frame in enumerate(maps):
        image = Image.fromarray(frame)
        image.putpalette(PALETTE.tobytes())
        image.save(folder / f"{number:05d}.png")


def seconds(work: Callable[[], Scores]) -> tuple[float, Scores]:
    """CPU seconds of the quickest of a few rounds, and what was scored."""
    times = []
    for _ in range(ROUNDS):
        started = process_time()
        found = work()
        times.append(process_time() - started)
    return min(times), found


def main() -> None:
    cv2.setNumThreads(1)
    table = Table("protocol", "ms/frame", "other ms/frame", "times", "difference")
    with tempfile.TemporaryDirectory() as folder:
        for row in (*video_rows(), *sound_rows(), class_row(), *package_rows(Path(folder))):
            (ours, found), (peer, expected) = seconds(row.ours), seconds(row.peer)
            apart = max(abs(one - other) for one, other in zip(found, expected, strict=True))
            shown = [f"{1000 * each / row.frames:.3f}" for each in (ours, peer)]
            table.add_row(row.name, *shown, f"{peer / ours:.1f}", f"{apart:.1e}")
        Console(width=110).print(table)
        table = Table("whole processes, from files", "images", "s", "official s", "times", "difference")
        for cells in measure_programs(Path(folder)):
            table.add_row(*cells)
        Console(width=110).print(table)


if __name__ == "__main__":
    main()
