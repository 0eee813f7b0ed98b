"""Carries one object's label from frame to frame, and turns labels into masks.

Label propagation over frozen features, after the protocol of space-time correspondence learning (Jabri et al., NeurIPS 2020):
each cell asks a window of the previous frame and a memory of the pivot frames. Only labels are carried on; graph cuts refine
what is given out and are never fed back.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from alref.utils.masks import Mask
from alref_baseline.efficientnet import Floats
from alref_baseline.features import Eye, resized
from alref_baseline.grabcut import graph_cut, without_specks
from alref_baseline.label_propagation import RADIUS, Bank, around, nearest, vote, window
from alref_baseline.linear_probe import inside_box

_BANK = 1200
_NEAR = 12
"""Cells around an object whose background is remembered."""
_BAND = 4.0
"""Softness of a mask's border before it is cut, in pixels at half the internal size."""


class Trace:
    """One object: its label (rows, columns) in 0..1 on the grid of ``frame``.

    ``seeds`` are the labels of its pivot frames; the trace starts from ``start``, and all of them join the memory.
    """

    def __init__(self, eye: Eye, seeds: dict[int, Floats], start: int) -> None:
        self._eye, self._seeds, self.start = eye, seeds, start
        shares = {frame: _BANK if frame == start else _BANK // len(seeds) for frame in seeds}
        banks = [remembered(eye.features(frame), label, shares[frame]) for frame, label in seeds.items()]
        self._bank = Bank(np.concatenate([bank.keys for bank in banks]), np.concatenate([bank.labels for bank in banks]))
        self.restart()

    def restart(self) -> None:
        """Go back to the pivot frame."""
        self.frame, self.label = self.start, self._seeds[self.start]

    def move(self, frame: int) -> None:
        """Carry the label to a neighbouring frame; on a pivot frame it is the pivot's own."""
        self.label = self._seeds[frame] if frame in self._seeds else self._carried(frame)
        self.frame = frame

    def _carried(self, frame: int) -> Floats:
        query, keys = self._eye.features(frame), self._eye.features(self.frame)
        roi = around(self.label, RADIUS + 2)
        recent = nearest(*window(query, keys, self.label, roi, RADIUS))
        cells = query[roi.index].reshape(-1, query.shape[2])
        known = nearest(cells @ self._bank.keys.T, self._bank.labels)
        similar, labels = (np.concatenate(pair, axis=1) for pair in zip(recent, known, strict=True))
        label = np.zeros_like(self.label)
        label[roi.index] = vote(*nearest(similar, labels)).reshape(roi.bottom - roi.top, -1)
        return label


def remembered(features: Floats, label: Floats, count: int) -> Bank:
    """Pick up to ``count`` cells to remember, evenly: half on the object, half around it."""
    inside = label > 0.5
    near = cv2.dilate(inside.astype(np.uint8), np.ones((2 * _NEAR + 1,) * 2, np.uint8)).astype(bool) & ~inside
    chosen = np.concatenate([_evenly(np.flatnonzero(part), count // 2) for part in (inside, near)])
    return Bank(features.reshape(-1, features.shape[2])[chosen], label.ravel()[chosen])


def _evenly(numbers: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    if len(numbers) <= count:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, count).astype(np.intp)]


def seed_of_mask(eye: Eye, mask: Mask) -> Floats:
    """Shrink a mask of the video's size to a label; the fullest cell of a tiny object counts as full."""
    label = resized(mask.astype(np.float32), eye.rows, eye.columns)
    peak = float(label.max())
    return label if peak > 0.5 or peak == 0 else label / np.float32(peak)


def mask_of_box(eye: Eye, frame: int, box: Floats, size: tuple[int, int]) -> Mask:
    """Find the object in ``box`` (xyxy, pixels of the video of ``size`` H, W): a bool mask of that size, never empty."""
    height, width = size
    scale = np.array([eye.width / width, eye.height / height] * 2, np.float32)
    chance = inside_box(eye, frame, box * scale)
    mask = mask_of_label(eye, frame, chance, size)
    left, top, right, bottom = np.round(box).astype(int).clip(0, [width, height] * 2)
    frame_ = np.zeros(size, bool)
    frame_[top : max(bottom, top + 1), left : max(right, left + 1)] = True
    inside = mask & frame_
    return inside if inside.any() else frame_


def mask_of_label(eye: Eye, frame: int, label: Floats, size: tuple[int, int]) -> Mask:
    """Refine a label by graph cut: a bool mask of ``size`` (H, W). A cut that changes the area too much is not taken.

    The cut decides in a band along the border of what the label claims, however sure the label is there.
    """
    picture = eye.half(frame)
    rough = np.asarray(resized(label, *picture.shape[:2]) > 0.5)
    soft = np.asarray(cv2.GaussianBlur(rough.astype(np.float32), (0, 0), _BAND), np.float32)
    cut = graph_cut(picture, soft)
    fine = cut if 0.6 * rough.sum() < cut.sum() < 1.6 * rough.sum() else rough
    smooth = cv2.resize(without_specks(fine).astype(np.float32), size[::-1])
    return np.asarray(smooth > 0.5)


def confidence(label: Floats) -> float:
    """Say how sure a label is of its object: the mean over the cells it claims, 0 when it claims none."""
    inside = label > 0.5
    return float(label[inside].mean()) if inside.any() else 0.0
