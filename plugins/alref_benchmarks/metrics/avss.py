"""Per-class mIoU and F of AVSBench-semantic (Zhou et al., IJCV 2024) on maps of class numbers 0..70."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from alref import Case, EvaluationProtocol, InputError, ObjectScores, ScoreTable, VideoScores
from alref.components.scores import LabelMap as Frame
from alref_benchmarks.metrics.frame_pairs import iterate_frame_pairs, to_label_map
from alref_benchmarks.metrics.means import Values, compute_torch_mean
from alref_benchmarks.metrics.palette import CLASSES

_BETA2 = 0.3
_PADDED_LENGTH = 10
Floats = npt.NDArray[np.float32]
ClassCounts = npt.NDArray[np.int64]


class AvssUnpaddedMetric(EvaluationProtocol):
    """The test of AL-Ref-SAM 2: the frames of a clip, each resized to a square."""

    name = "avss-alref"

    def __init__(self, side: int = 224, batch_size: int = 1) -> None:
        """``side`` is the side of the square in pixels; the official code sums ``batch_size`` clips at a time."""
        self.side, self.batch_size = side, batch_size

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Count the pixels of every class in every frame. Raises InputError for labels outside 0..70."""
        both = iterate_frame_pairs(where, case, side=self.side)
        frames = [
            _count_class_pixels(self._resize_labels(where, truth), self._resize_labels(where, found)) for truth, found in both
        ]
        rows = np.concatenate(frames).T
        names = ("label", "common", "predicted", "truth")
        columns = {name: tuple(row.tolist()) for name, row in zip(names, rows, strict=True)}
        return [
            ObjectScores(
                case=case.id, position=case.position, columns={"classes": tuple(len(frame) for frame in frames), **columns}
            )
        ]

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Divide the sums of each class by the number of frames with true or predicted pixels; unseen classes score 0."""
        total = np.zeros((3, len(CLASSES)), np.float32)
        for start in range(0, len(parts), self.batch_size):
            total += _sum_class_scores(parts[start : start + self.batch_size])
        frames = total[2]
        region, f_measure = total[:2] / np.maximum(frames, 1)
        numbers = {**_compute_means("mIoU", region, frames > 0), **_compute_means("F", f_measure, frames > 0)}
        rows = zip(CLASSES, region.tolist(), f_measure.tolist(), frames.tolist(), strict=True)
        groups = {name: {"IoU": iou, "F": f, "frames": count} for name, iou, f, count in rows}
        return ScoreTable(protocol=self.name, main_metric="mIoU", metrics=numbers, groups=groups)

    def compute_terms(self, scores: VideoScores) -> tuple[Values, Values]:
        """Return the IoU sums and the frame counts of each class."""
        sums = _sum_class_scores(scores.objects).astype(np.float64)
        return sums[0], sums[2]

    def _resize_labels(self, where: str, frame: Frame) -> Frame:
        highest = len(CLASSES) - 1
        image = Image.fromarray(to_label_map(f"class numbers 0..{highest}", where, frame, highest))
        return np.asarray(image.resize((self.side, self.side), Image.Resampling.NEAREST))


class AvssPaddedMetric(AvssUnpaddedMetric):
    """The official test: every clip has ten frames; missing ones are background."""

    name = "avss-avsbench"

    def __init__(self, side: int = 224, batch_size: int = 4) -> None:
        """Set the batch of the official test, four clips."""
        super().__init__(side, batch_size)

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Count as in the base class; the result may have predictions for the frames that the clip lacks."""
        truth, predicted = list(case.truth), None if case.predicted is None else list(case.predicted)
        if len(truth) > _PADDED_LENGTH:
            raise InputError(
                f"{where}: expected up to {_PADDED_LENGTH} frames, got {len(truth)}; score longer clips with avss-alref"
            )
        blank: list[Frame] = [np.zeros_like(frame) for frame in truth[:1]] * (_PADDED_LENGTH - len(truth))
        whole = [*predicted, *blank] if predicted and len(predicted) == len(truth) else predicted
        return super().score_case(where, Case(case.id, truth + blank, whole, case.position))


def _count_class_pixels(truth: Frame, predicted: Frame) -> ClassCounts:
    """Return rows of class, common, predicted and true pixels, for the classes with pixels."""
    count = len(CLASSES)
    found, true = np.bincount(predicted.ravel(), minlength=count), np.bincount(truth.ravel(), minlength=count)
    common = np.bincount(truth[truth == predicted], minlength=count)
    rows = np.stack([np.arange(count), common, found, true], axis=1)
    return rows[(found + true) > 0]


def _sum_class_scores(parts: Sequence[ObjectScores]) -> Floats:
    """Sum IoU, F and 1 of each class over frames, (3, 71)."""
    sums = np.zeros((3, len(CLASSES)), np.float32)
    for part in parts:
        label = np.array(part.columns["label"], np.int64)
        common, predicted, truth = (np.array(part.columns[name], np.float32) for name in ("common", "predicted", "truth"))
        for column, scores in zip(label, _compute_class_scores(common, predicted, truth).T, strict=True):
            sums[:, column] += scores
    return sums


def _compute_class_scores(common: Floats, predicted: Floats, truth: Floats) -> Floats:
    """Return IoU, F and 1 of each row, (3, N)."""
    region = common / (predicted + truth - common)
    precision, recall = common / np.maximum(predicted, 1), common / np.maximum(truth, 1)
    above, below = (1 + _BETA2) * precision * recall, _BETA2 * precision + recall
    return np.stack([region, np.divide(above, below, out=np.zeros_like(above), where=common > 0), np.ones_like(region)])


def _compute_means(name: str, scores: Floats, present: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return means over all classes, over those except the last (as published) or the background, and over seen classes."""
    return {
        name: compute_torch_mean(scores),
        f"{name}-noBg-published": compute_torch_mean(scores[:-1]),
        f"{name}-noBg": compute_torch_mean(scores[1:]),
        f"{name}-seen": compute_torch_mean(scores[present]),
    }
