"""ReVOS (Yan et al., ECCV 2024): expressions that refer to objects, or need reasoning to find them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alref.components.dataset import Dataset, NameMatcher
from alref_benchmarks.datasets.base import VideoEntry
from alref_benchmarks.datasets.expressions import MeViSDataset

if TYPE_CHECKING:
    from alref.components.scores import Case
    from alref.result import Result

_TYPES = {"0": "referring", "1": "reasoning"}
_UNKNOWN = "unknown"


class ReVosDataset(MeViSDataset):
    """Referring and reasoning expressions for videos of several datasets, whose names contain the folder of their source."""

    name = "revos"
    homepage = "https://github.com/cilinyan/ReVOS-api"
    license = "see the homepage"
    splits = ("valid", "train")
    protocols = ("revos",)
    split_protocols = {}
    published_counts = {}
    pack_submission = Dataset.pack_submission

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the expressions with their types."""
        entries = super().read_index()
        for video, entry in entries.items():
            named = {name: replace(each, kind=_TYPES.get(each.kind, _UNKNOWN)) for name, each in entry.expressions.items()}
            entries[video] = replace(entry, expressions=named)
        return entries

    def get_expressions_path(self) -> Path:
        """Return the file of the expressions."""
        return self.root / f"meta_expressions_{self.split}_.json"

    def get_image_folder(self) -> Path:
        """Return the folder of the images of all splits."""
        return self.root

    def get_masks_path(self) -> Path:
        """Return the file of the true masks of all splits."""
        return self.root / "mask_dict.json"

    def describe_reference(self, video: str, reference: str) -> dict[str, str]:
        """Return the type of an expression, and the number of its targets."""
        kind = self.find_video_entry(video).expressions[reference].kind
        return {**super().describe_reference(video, reference), "type": kind}

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write 8-bit masks, 0 and 1, which the official program compares with the truth."""
        from alref_benchmarks.datasets.mask_files import write_mask_files

        for reference in self.find_video_entry(video).expressions:
            write_mask_files(self.get_mask_paths(folder, video, reference), result.iterate_masks(reference), foreground=1)

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Yield one case per expression, with its type and the area of all annotated objects on each frame."""
        areas = self._compute_foreground_areas(video)
        for case in super().read_cases(video, folder):
            yield replace(case, kind=self.find_video_entry(video).expressions[case.id].kind, foreground=areas)

    def check_annotations(self, video: str) -> Iterator[str]:
        """Yield what MeViS checks, expressions without a type, and missing masks of the foreground."""
        yield from super().check_annotations(video)
        entry = self.find_video_entry(video)
        for name, said in entry.expressions.items():
            if said.kind == _UNKNOWN:
                yield f"expression {name}: expected type_id 0 or 1, got neither; it will be in no score"
        got = len(self._compute_foreground_areas(video))
        if got < len(entry.frames):
            yield f"expected {len(entry.frames)} masks in mask_dict_foreground.json, got {got}; all scores will be 0"

    def _compute_foreground_areas(self, video: str) -> tuple[int, ...]:
        """Return the area of all annotated objects on each frame, in pixels; none if one is missing."""
        from pycocotools import mask as coco

        runs = self._foreground.get(video, {}).get("masks_rle", ())
        masks = [runs[place] if place < len(runs) else None for place in self.find_video_entry(video).places]
        if None in masks:
            return ()
        stacks: list[Any] = [each if isinstance(each, list) else [each] for each in masks]
        return tuple(int(coco.area(each).sum()) if each else 0 for each in stacks)

    @cached_property
    def _foreground(self) -> dict[str, Any]:
        """The masks of all annotated objects by video, read once."""
        from alref_benchmarks.datasets.index_files import read_json_object

        return read_json_object(self.root / "mask_dict_foreground.json")
