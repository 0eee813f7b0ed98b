"""The true masks of MeViS, which are run lengths of objects by number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from alref.errors import InputError
from alref.utils.masks import Mask, joined
from alref_benchmarks.datasets.mask_files import blank

if TYPE_CHECKING:
    from alref_benchmarks.datasets.expressions import MeViS


def merged(dataset: MeViS, video: str, numbers: Sequence[str]) -> Iterator[Mask]:
    """Yield the union of the objects ``numbers`` on each frame, bool (H, W). Raises InputError when one is missing."""
    kept = [_of(dataset, video, number) for number in numbers]
    sizes = (tuple(runs["size"]) for each in kept for runs in each if runs)
    size = next(sizes, None) or blank(dataset.frames(video)[0]).shape
    for frame in range(len(dataset.clip(video).frames)):
        yield joined([each[frame] for each in kept if each[frame]], size)


def _of(dataset: MeViS, video: str, number: str) -> list[Any]:
    """Return the run lengths of one object, frame by frame."""
    runs, count = dataset.rles.get(number, []), len(dataset.clip(video).frames)
    if len(runs) != count:
        file = dataset.root / dataset.split / "mask_dict.json"
        raise InputError(f"{file}: expected {count} frames of mask {number} of {video}, got {len(runs)}")
    return runs
