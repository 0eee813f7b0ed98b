"""The true masks of MeViS: run lengths by object id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from alref.errors import InputError
from alref.utils.masks import Mask, decode_coco_union
from alref_benchmarks.datasets.mask_files import make_empty_mask

if TYPE_CHECKING:
    from alref_benchmarks.datasets.expressions import MeViSDataset


def merge_object_masks(dataset: MeViSDataset, video: str, numbers: Sequence[str]) -> Iterator[Mask]:
    """Yield the union of the given objects on each frame, bool (H, W). Raises InputError if one is missing."""
    rles = [_get_object_rles(dataset, video, number) for number in numbers]
    sizes = (tuple(runs["size"]) for each in rles for runs in each if runs)
    size = next(sizes, None) or make_empty_mask(dataset.get_frame_paths(video)[0]).shape
    for frame in range(len(dataset.find_video_entry(video).frames)):
        yield decode_coco_union([each[frame] for each in rles if each[frame]], size)


def _get_object_rles(dataset: MeViSDataset, video: str, number: str) -> list[Any]:
    """Return the run lengths of one object, frame by frame."""
    runs, count = dataset.rles.get(number, []), len(dataset.find_video_entry(video).frames)
    if len(runs) != count:
        file = dataset.root / dataset.split / "mask_dict.json"
        raise InputError(f"{file}: expected {count} frames of mask {number} of {video}, got {len(runs)}")
    return runs
