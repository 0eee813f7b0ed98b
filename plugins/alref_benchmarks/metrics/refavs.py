"""The measures of Ref-AVS (Wang et al., ECCV 2024): those of AVSBench with settings of their own, and S of the null split."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from alref.components.protocol import Protocol
from alref.components.scores import Case, Part, Table
from alref.components.scores import Map as Frame
from alref_benchmarks.metrics.avs import AvsBench, Counts
from alref_benchmarks.metrics.frame_pairs import foreground, pairs
from alref_benchmarks.metrics.means import mean_in_turn
from alref_benchmarks.metrics.threshold_curve import probabilities

_SIDE = 256
_BATCH = 4
_SURE = 1e4


class RefAvs(AvsBench):
    """J above a probability of 0.4, F over batches of four expressions in the order of ``Case.place``, on 256x256 pixels."""

    name = "ref-avs"
    threshold = 0.4
    side = _SIDE

    def __init__(self, batch: int = _BATCH) -> None:
        """``batch`` is how many expressions one call of the official code scores."""
        super().__init__(batch)

    def count(self, truth: Frame, predicted: Frame) -> Counts:
        """Count the pixels of one frame; a true pixel counts where any of it is foreground, as the official resizing has it."""
        touched = cv2.resize(foreground(truth).astype(np.uint8) * 255, (_SIDE, _SIDE))
        return super().count(touched, _squeezed(predicted))

    def named(self, region: float, f_measure: float) -> Table:
        """Name the scores as the paper does."""
        numbers = {"J&F": (region + f_measure) / 2, "J": region, "F": f_measure}
        return Table(protocol=self.name, main="J&F", numbers=numbers)


class RefAvsNull(Protocol):
    """S for expressions of nothing: root of the share of pixels that are foreground, in batches of four; lower is better."""

    name = "ref-avs-null"

    def parts(self, where: str, case: Case) -> list[Part]:
        """Count the pixels that are foreground in each frame."""
        masks = [_foreground(_squeezed(predicted)) for _, predicted in pairs(where, case, side=_SIDE)]
        marked, pixels = tuple(int(np.count_nonzero(mask)) for mask in masks), tuple(mask.size for mask in masks)
        return [Part(case=case.id, place=case.place, columns={"marked": marked, "pixels": pixels})]

    def table(self, parts: Sequence[Part]) -> Table:
        """Take the mean over batches."""
        shares = [_share(parts[start : start + _BATCH]) for start in range(0, len(parts), _BATCH)]
        return Table(protocol=self.name, main="S", numbers={"S": mean_in_turn(shares)})


def _share(batch: Sequence[Part]) -> np.float32:
    marked, pixels = (sum(sum(part.columns[name]) for part in batch) for name in ("marked", "pixels"))
    return np.float32(np.sqrt(np.float32(marked) / np.float32(pixels)))


def _foreground(predicted: Frame) -> Frame:
    return probabilities(predicted) > np.float32(0.5) if predicted.dtype.kind == "f" else foreground(predicted)


def _squeezed(predicted: Frame) -> Frame:
    """256x256: masks by the nearest pixel, logits linearly, of which infinite ones would have no mean."""
    if predicted.dtype.kind == "f":
        return np.asarray(cv2.resize(predicted.clip(-_SURE, _SURE).astype(np.float32), (_SIDE, _SIDE)))
    return np.asarray(cv2.resize(foreground(predicted).astype(np.uint8), (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST))
