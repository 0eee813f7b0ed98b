"""Per-class mIoU and F of AVSBench-semantic (Zhou et al., IJCV 2024) on maps of class numbers 0..70."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from alref.components.protocol import Protocol
from alref.components.scores import Case, Part, Table, VideoScores
from alref.components.scores import Map as Frame
from alref.errors import InputError
from alref_benchmarks.metrics.frame_pairs import map_of, pairs
from alref_benchmarks.metrics.means import Values, mean32
from alref_benchmarks.metrics.palette import CLASSES

_BETA2 = 0.3
_PADDED = 10
Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]


class RealFrames(Protocol):
    """The published system's test: the frames that a clip has, each squeezed to a square."""

    name = "avss-alref"

    def __init__(self, side: int = 224, batch: int = 1) -> None:
        """``side`` is the square's, in pixels; the official code adds up ``batch`` clips before adding them to the rest."""
        self.side, self.batch = side, batch

    def parts(self, where: str, case: Case) -> list[Part]:
        """Count the pixels of every class in every frame. Raises InputError for other numbers than 0..70."""
        both = pairs(where, case, side=self.side)
        frames = [_counted(self._squeezed(where, truth), self._squeezed(where, found)) for truth, found in both]
        rows = np.concatenate(frames).T
        names = ("label", "common", "predicted", "truth")
        columns = {name: tuple(row.tolist()) for name, row in zip(names, rows, strict=True)}
        return [Part(case=case.id, place=case.place, columns={"classes": tuple(len(frame) for frame in frames), **columns})]

    def table(self, parts: Sequence[Part]) -> Table:
        """Divide the sums of each class by the number of frames that show or predict it; a class never seen scores 0."""
        total = np.zeros((3, len(CLASSES)), np.float32)
        for start in range(0, len(parts), self.batch):
            total += _sums(parts[start : start + self.batch])
        frames = total[2]
        region, f_measure = total[:2] / np.maximum(frames, 1)
        numbers = {**_means("mIoU", region, frames > 0), **_means("F", f_measure, frames > 0)}
        rows = zip(CLASSES, region.tolist(), f_measure.tolist(), frames.tolist(), strict=True)
        groups = {name: {"IoU": iou, "F": f, "frames": count} for name, iou, f, count in rows}
        return Table(protocol=self.name, main="mIoU", numbers=numbers, groups=groups)

    def terms(self, scores: VideoScores) -> tuple[Values, Values]:
        """Return the IoU sums and the frame counts of each class."""
        sums = _sums(scores.parts).astype(np.float64)
        return sums[0], sums[2]

    def _squeezed(self, where: str, frame: Frame) -> Frame:
        highest = len(CLASSES) - 1
        image = Image.fromarray(map_of(f"class numbers 0..{highest}", where, frame, highest))
        return np.asarray(image.resize((self.side, self.side), Image.Resampling.NEAREST))


class Padded(RealFrames):
    """The official test: every clip has ten frames; those that it lacks are background."""

    name = "avss-avsbench"

    def __init__(self, side: int = 224, batch: int = 4) -> None:
        """As above; the official test takes four clips at a time."""
        super().__init__(side, batch)

    def parts(self, where: str, case: Case) -> list[Part]:
        """Count as above; the result may also have its own answer for the frames that the clip lacks."""
        truth, predicted = list(case.truth), None if case.predicted is None else list(case.predicted)
        if len(truth) > _PADDED:
            raise InputError(f"{where}: expected up to {_PADDED} frames, got {len(truth)}; score longer clips with avss-alref")
        blank: list[Frame] = [np.zeros_like(frame) for frame in truth[:1]] * (_PADDED - len(truth))
        whole = [*predicted, *blank] if predicted and len(predicted) == len(truth) else predicted
        return super().parts(where, Case(case.id, truth + blank, whole, case.place))


def _counted(truth: Frame, predicted: Frame) -> Counts:
    """Rows of class, common, predicted and true pixels, for the classes that one of them has."""
    count = len(CLASSES)
    found, true = np.bincount(predicted.ravel(), minlength=count), np.bincount(truth.ravel(), minlength=count)
    common = np.bincount(truth[truth == predicted], minlength=count)
    rows = np.stack([np.arange(count), common, found, true], axis=1)
    return rows[(found + true) > 0]


def _sums(parts: Sequence[Part]) -> Floats:
    """Add up IoU, F and 1 of each class, one frame after the other, (3, 71)."""
    sums = np.zeros((3, len(CLASSES)), np.float32)
    for part in parts:
        label = np.array(part.columns["label"], np.int64)
        common, predicted, truth = (np.array(part.columns[name], np.float32) for name in ("common", "predicted", "truth"))
        for column, scores in zip(label, _scores(common, predicted, truth).T, strict=True):
            sums[:, column] += scores
    return sums


def _scores(common: Floats, predicted: Floats, truth: Floats) -> Floats:
    """IoU, F and 1 of each row, (3, N)."""
    region = common / (predicted + truth - common)
    precision, recall = common / np.maximum(predicted, 1), common / np.maximum(truth, 1)
    above, below = (1 + _BETA2) * precision * recall, _BETA2 * precision + recall
    return np.stack([region, np.divide(above, below, out=np.zeros_like(above), where=common > 0), np.ones_like(region)])


def _means(name: str, scores: Floats, seen: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Take means over all classes, over all but the background as published (it drops the last) and right, over those seen."""
    return {
        name: mean32(scores),
        f"{name}-noBg-published": mean32(scores[:-1]),
        f"{name}-noBg": mean32(scores[1:]),
        f"{name}-seen": mean32(scores[seen]),
    }
