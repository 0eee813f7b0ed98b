"""Long-RVOS (Liang et al., CVPR 2026): expressions for videos of a minute, one true mask per object and frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alref import Dataset
from alref_benchmarks.datasets.base import VideoEntry
from alref_benchmarks.datasets.expressions import ServerScoredDataset

if TYPE_CHECKING:
    from alref import Mask
    from alref.components.scores import LabelMap
    from alref_benchmarks.datasets.frame_cache import FrameCache


class LongRvosDataset(ServerScoredDataset):
    """Static, dynamic and hybrid expressions; an object can be absent for long, and then has no true mask."""

    name = "long-rvos"
    homepage = "https://isee-laboratory.github.io/Long-RVOS/"
    license = "see the homepage"
    splits = ("valid", "test", "train")
    protocols = ("long-rvos",)
    archive_prefix = ""
    pack_submission = Dataset.pack_submission

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the expressions."""
        from alref_benchmarks.datasets.index_files import read_expressions, require_object_numbers

        path = self.get_expressions_path()
        return require_object_numbers(path, read_expressions(path))

    def get_expressions_path(self) -> Path:
        """Return the file of the expressions."""
        return self.root / self.split / "meta_expressions.json"

    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return an empty list: a frame without the object has no file."""
        return []

    def describe_reference(self, video: str, reference: str) -> dict[str, str]:
        """Return the type of the expression: static, dynamic or hybrid."""
        kind = self.find_video_entry(video).expressions[reference].kind
        return {"type": kind} if kind else {}

    def read_true_masks(self, video: str, reference: str, cache: FrameCache) -> Iterator[LabelMap]:
        """Read the masks of the target object; frames without a file are empty."""
        entry = self.find_video_entry(video)
        folder = self.root / self.split / "Annotations" / video / entry.expressions[reference].objects[0]
        for name in entry.frames:
            yield cache.read(folder / name, partial(self._read_or_empty, folder / f"{name}.png", video))

    def read_predicted_masks(self, video: str, reference: str, files: Sequence[Path]) -> Iterator[LabelMap | None]:
        """Read predicted masks as officially: a missing one is empty, but the first one is needed, and all of one size."""
        from alref_benchmarks.datasets.mask_files import make_empty_mask, read_gray_mask

        empty = make_empty_mask(self.get_frame_paths(video)[0])
        for place, path in enumerate(files):
            mask = read_gray_mask(path)
            missing = empty if place and not path.exists() else None
            yield missing if mask is None or mask.shape != empty.shape else mask

    def _read_or_empty(self, path: Path, video: str) -> Mask:
        from alref_benchmarks.datasets.mask_files import make_empty_mask, read_gray_mask

        mask = read_gray_mask(path)
        return make_empty_mask(self.get_frame_paths(video)[0]) if mask is None else mask
