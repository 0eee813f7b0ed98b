"""Propagate the label of one object from frame to frame, and convert labels to masks.

Label propagation over frozen features, after the protocol of space-time correspondence learning (Jabri et al., NeurIPS 2020):
each cell is compared with a window of the previous frame and a memory of the pivot frames. Only labels are propagated; graph
cuts refine the output masks and are never fed back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from alref import Mask
from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import VideoFeatures, resize_image
from alref_baseline.grabcut import ColorModels, find_connected_components, remove_small_components, run_grabcut
from alref_baseline.label_propagation import NEIGHBORS, RADIUS, LabelMemory, combine_labels, find_label_roi
from alref_baseline.linear_probe import score_cells_in_box
from alref_baseline.neighbor_search import Roi, find_neighbors, find_window_neighbors

_MEMORY_CELLS = 1200
_BACKGROUND_RADIUS = 12
"""Width of the background around an object that is stored in the memory, in cells."""
_NUM_BACKGROUNDS, _BACKGROUND_CELLS = 10, 40
"""Number of last frames whose background is stored in the memory, and cells of each."""
_STRANGE_LIKENESS = 0.6
"""Similarity to the object below which a cell at some distance from it is certainly background."""
_SAME_LIKENESS = 0.9
"""Similarity to the object above which a cell at some distance from it is another one of its kind."""
_REACH = 3
"""Cells that an object can move between two frames so that it still touches the place where it was."""
_LOST_SHARE, _MIN_LIKENESS = 0.25, 0.65
"""Share of its last area below which an object may be lost; similarity above which a part is the object nevertheless."""
_BORDER_SIGMA = 4.0
"""Sigma of the blur of a border before the graph cut, in pixels at half the internal size."""


class LabelTracker:
    """One object: its label (rows, columns) in 0..1 on the grid of ``frame``.

    ``seeds`` are the labels of its pivot frames. Call ``start_at`` for one of them before ``move_to``. The memory has cells of
    all seeds, most of the one that tracking started at, and of the background of the last frames, so that the label does not
    leak into what was not visible on a pivot frame. ``rejected`` are the cells of a pivot frame that a person took away.
    """

    frame: int
    label: FloatArray

    def __init__(
        self, video_features: VideoFeatures, seeds: dict[int, FloatArray], rejected: Mapping[int, Mask] | None = None
    ) -> None:
        self._video_features, self._seeds, rejected = video_features, seeds, rejected or {}
        self._banks = {
            frame: sample_memory(video_features.get_features(frame), label, _MEMORY_CELLS, rejected.get(frame))
            for frame, label in seeds.items()
        }
        if rejected:
            self._banks = {
                frame: bank if frame in rejected else self._drop_rejected(bank, rejected) for frame, bank in self._banks.items()
            }

    def _drop_rejected(self, bank: LabelMemory, rejected: Mapping[int, Mask]) -> LabelMemory:
        """Return the memory of a pivot frame without the cells on the object that look like what a person took away."""
        corrected = [(self._video_features.get_features(frame), frame) for frame in rejected]
        wrong = np.concatenate([features[rejected[frame]] for features, frame in corrected])
        right = np.concatenate([features[(self._seeds[frame] > 0.5) & ~rejected[frame]] for features, frame in corrected])
        likeness = [(bank.keys @ keys.T).max(axis=1, initial=-1) for keys in (wrong, right)]
        kept = (bank.labels <= 0.5) | (likeness[0] <= likeness[1])
        return LabelMemory(bank.keys[kept], bank.labels[kept])

    def start_at(self, frame: int) -> None:
        """Start at a pivot frame."""
        share = 1 / len(self._banks)
        banks = [bank if pivot == frame else thin_memory(bank, share) for pivot, bank in self._banks.items()]
        self._memory = LabelMemory(
            np.concatenate([bank.keys for bank in banks]), np.concatenate([bank.labels for bank in banks])
        )
        self._backgrounds: deque[FloatArray] = deque(maxlen=_NUM_BACKGROUNDS)
        self.frame, self.label = frame, self._seeds[frame]
        self._area = int((self.label > 0.5).sum())
        self._window = Roi(0, self._video_features.rows, 0, self._video_features.columns)
        self._features = self._video_features.get_features(frame)

    def move_to(self, frame: int) -> None:
        """Propagate the label to a neighboring frame, in a window around where it is."""
        roi = find_label_roi(self.label, RADIUS + 2)
        window = self._video_features.find_window(roi)
        features = self._video_features.get_window_features(frame, window)
        if not self._window.contains(roi):
            self._window, self._features = window, self._video_features.get_window_features(self.frame, window)
        query = features[roi.shift_into(window).index]
        near, cells = find_window_neighbors(query, roi, self._features, self._window, RADIUS, NEIGHBORS)
        keys = np.concatenate([self._memory.keys, *self._backgrounds])
        known, rows = find_neighbors(query.reshape(roi.area, -1), keys, NEIGHBORS)
        known_labels = np.pad(self._memory.labels, (0, len(keys) - len(self._memory.labels)))[rows]
        similarity = np.concatenate([near, known], axis=1)
        labels = np.concatenate([self.label[self._window.index].ravel()[cells], known_labels], axis=1)
        best = np.argpartition(similarity, -NEIGHBORS, axis=1)[:, -NEIGHBORS:]
        moved = combine_labels(np.take_along_axis(similarity, best, axis=1), np.take_along_axis(labels, best, axis=1))
        label, likeness = np.zeros_like(self.label), np.full_like(self.label, -1)
        label[roi.index] = moved.reshape(roi.bottom - roi.top, -1)
        likeness[roi.index] = np.where(known_labels > 0.5, known, -1).max(axis=1).reshape(roi.bottom - roi.top, -1)
        self.label = self._remove_others(label, likeness)
        strange = (cv2.dilate(self.label, np.ones((5, 5), np.uint8)) < 0.05) & (likeness < _STRANGE_LIKENESS)
        chosen = _sample_evenly(np.flatnonzero(strange[roi.index]), _BACKGROUND_CELLS)
        self._backgrounds.append(query.reshape(roi.area, -1)[chosen])
        self.frame, self._window, self._features = frame, window, features

    def _remove_others(self, label: FloatArray, likeness: FloatArray) -> FloatArray:
        """Remove the parts of a label that are another object, given how similar each cell is to the object on pivot frames.

        While most of the object is where it was, parts elsewhere are others that look like it. If nearly all of it was lost, a
        part counts only if it looks like the object.
        """
        parts, areas = find_connected_components(label > 0.5)
        if len(areas) == 1:
            return label
        before = self.label > 0.5
        reach = cv2.dilate(before.astype(np.uint8), np.ones((2 * _REACH + 1,) * 2, np.uint8)) > 0
        kept = np.bincount(parts[reach], minlength=len(areas)) > 0
        areas[0], kept[0] = 0, False
        if not before.any() or areas[kept].sum() < 0.5 * before.sum():
            kept[1:] = True
        if before.any() and areas[kept].sum() >= _LOST_SHARE * self._area:
            self._area = int(areas[kept].sum())
        else:
            kept[1:] &= [np.median(likeness[parts == part]) >= _MIN_LIKENESS for part in range(1, len(areas))]
        kept[0] = kept.any()
        return label * kept[parts]


def sample_memory(features: FloatArray, label: FloatArray, count: int, rejected: Mask | None = None) -> LabelMemory:
    """Select up to ``count`` evenly spaced cells for the memory: half on the object, half around it.

    Cells of another object that looks the same are left out. They would speak against the object wherever it moves. Cells that
    a person ``rejected`` are in the memory in any case.
    """
    flat, inside = features.reshape(-1, features.shape[2]), label > 0.5
    near = cv2.dilate(inside.astype(np.uint8), np.ones((2 * _BACKGROUND_RADIUS + 1,) * 2, np.uint8)) > 0
    apart = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    cells = _sample_evenly(np.flatnonzero(inside), count // 2)
    others = np.flatnonzero(near & apart)
    alike = (flat[others] @ flat[cells].T).max(axis=1, initial=-1) > _SAME_LIKENESS
    near.ravel()[others[alike]] = False
    certain = np.zeros(0, np.intp) if rejected is None else _sample_evenly(np.flatnonzero(rejected & ~inside), count // 4)
    near.ravel()[certain] = False
    around = _sample_evenly(np.flatnonzero(near & ~inside), count // 2 - len(certain))
    labels = np.concatenate([label.ravel()[np.concatenate([cells, around])], np.zeros(len(certain), np.float32)])
    return LabelMemory(flat[np.concatenate([cells, around, certain])], labels)


def thin_memory(memory: LabelMemory, share: float) -> LabelMemory:
    """Return a share of the cells of a memory, evenly spaced, of the object and of what is around it alike."""
    inside = memory.labels > 0.5
    parts = (np.flatnonzero(inside), np.flatnonzero(~inside))
    chosen = np.concatenate([_sample_evenly(part, round(share * _MEMORY_CELLS / 2)) for part in parts])
    return LabelMemory(memory.keys[chosen], memory.labels[chosen])


def _sample_evenly(numbers: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    if len(numbers) <= count:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, count).astype(np.intp)]


def make_seed_label(video_features: VideoFeatures, mask: Mask) -> FloatArray:
    """Resize a mask of the size of the video to a label; the fullest cell of a tiny object counts as full."""
    label = resize_image(mask.astype(np.float32), video_features.rows, video_features.columns)
    peak = float(label.max())
    return label if peak > 0.5 or peak == 0 else label / np.float32(peak)


def segment_box(video_features: VideoFeatures, frame: int, box: FloatArray, size: tuple[int, int]) -> Mask:
    """Segment the object in ``box`` (xyxy, pixels of a video of ``size`` H, W): a bool mask of that size, never empty."""
    height, width = size
    scale = np.array([video_features.width / width, video_features.height / height] * 2, np.float32)
    chance = score_cells_in_box(video_features, frame, box * scale)
    mask = segment_label(video_features, frame, chance, size)
    left, top, right, bottom = np.round(box).astype(int).clip(0, [width, height] * 2)
    frame_ = np.zeros(size, bool)
    frame_[top : max(bottom, top + 1), left : max(right, left + 1)] = True
    inside = mask & frame_
    return inside if inside.any() else frame_


def segment_label(
    video_features: VideoFeatures, frame: int, label: FloatArray, size: tuple[int, int], models: ColorModels | None = None
) -> Mask:
    """Refine a label by graph cut: a bool mask of ``size`` (H, W). A cut that changes the area too much is rejected.

    The cut decides only in a band along the border of the label, even where the label is certain. ``models`` are the colors of
    the object on the last frame.
    """
    picture = video_features.get_half_image(frame)
    rough = np.asarray(resize_image(label, *picture.shape[:2]) > 0.5)
    soft = np.asarray(cv2.GaussianBlur(rough.astype(np.float32), (0, 0), _BORDER_SIGMA), np.float32)
    cut = run_grabcut(picture, soft, models=models)
    fine = cut if 0.6 * rough.sum() < cut.sum() < 1.6 * rough.sum() else rough
    smooth = cv2.resize(remove_small_components(fine).astype(np.float32), size[::-1])
    return np.asarray(smooth > 0.5)


def compute_confidence(label: FloatArray) -> float:
    """Return the confidence of a label, 0..1: its mean over the cells of the object, 0 if there are none.

    A label is a mean in float32, whose rounding can exceed 1.
    """
    inside = label > 0.5
    return min(float(label[inside].mean()), 1.0) if inside.any() else 0.0
