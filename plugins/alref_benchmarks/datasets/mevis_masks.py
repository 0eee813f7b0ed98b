"""The true masks of MeViS: run lengths by object id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pycocotools import mask as coco

from alref import Mask
from alref.components.scores import LabelMap
from alref.utils.masks import decode_coco_union
from alref_benchmarks.datasets.frame_cache import FrameCache

if TYPE_CHECKING:
    from alref_benchmarks.datasets.expressions import MeViSDataset


def merge_object_masks(dataset: MeViSDataset, video: str, numbers: Sequence[str], cache: FrameCache) -> Iterator[LabelMap]:
    """Yield the union of the given objects on each frame, bool (H, W).

    If the dataset counts objects, a frame on which they overlap is the number of objects in each pixel, uint8 (H, W).
    """
    objects, size = [dataset.rles[number] for number in numbers], get_mask_size(dataset, video, numbers)
    decode = _count_by_rows if dataset.counts_objects else decode_by_rows
    for place in dataset.find_video_entry(video).places:
        runs = [each[place] for each in objects if each[place]]
        yield cache.read((*numbers, place), partial(decode, runs, size))


def _count_by_rows(runs: Sequence[Any], size: tuple[int, ...]) -> LabelMap:
    """Count the masks in each pixel with 8 bits; bool (H, W) if no pixel has several."""
    if len(runs) < 2:
        return decode_by_rows(runs, size)
    counts = np.sum([decode_by_rows([each], size) for each in runs], axis=0, dtype=np.uint8)
    return np.asarray(counts if counts.max() > 1 else counts.view(np.bool_))


def decode_by_rows(runs: Sequence[Any], size: tuple[int, ...]) -> Mask:
    """Decode the union of masks, bool (H, W), row by row in memory as other masks."""
    by_column = decode_coco_union([_compress(each) for each in runs], size)
    return np.asarray(cv2.transpose(by_column.T.view(np.uint8)), np.uint8).view(np.bool_) if runs else by_column


def get_mask_size(dataset: MeViSDataset, video: str, numbers: Sequence[str]) -> tuple[int, ...]:
    """Return (height, width) of the masks of the given objects, or of the frames if there is none."""
    sizes = _list_sizes([dataset.rles.get(number, []) for number in numbers])
    return next(sizes, None) or dataset.get_frame_size(video)


def find_mask_problems(dataset: MeViSDataset, video: str, numbers: Sequence[str]) -> Iterator[str]:
    """Yield why the official program cannot score the given objects: masks that are missing, too short or of two sizes."""
    count = len(dataset.find_video_entry(video).frames)
    for number in numbers:
        got = len(dataset.rles.get(number, ()))
        if got < count:
            yield f"mask {number}: expected {count} frames in mask_dict.json, got {got}"
    sizes = sorted(set(_list_sizes([dataset.rles.get(number, []) for number in numbers])))
    if len(sizes) > 1:
        listed = " and ".join(f"{width}x{height}" for height, width in sizes)
        yield f"expected masks of one size in mask_dict.json, got {listed}"


def _list_sizes(objects: Sequence[Sequence[Any]]) -> Iterator[tuple[int, int]]:
    return ((runs["size"][0], runs["size"][1]) for each in objects for runs in each if runs)


def _compress(runs: Any) -> Any:
    """Return run lengths in COCO's compressed form, which ``pycocotools`` decodes."""
    return coco.frPyObjects(runs, *runs["size"]) if isinstance(runs["counts"], list) else runs
