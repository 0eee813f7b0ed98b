"""ReVOS (Yan et al., ECCV 2024): expressions that refer to objects, or need reasoning to find them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from alref import Dataset, NameMatcher
from alref_benchmarks.datasets.base import VideoEntry
from alref_benchmarks.datasets.expressions import MeViSDataset

if TYPE_CHECKING:
    from alref import Case, Result

_UNKNOWN = "unknown"


class TypedExpressionsDataset(MeViSDataset):
    """Expressions of two types, which are scored apart, for masks in ``mask_dict.json``."""

    split_protocols = {}
    published_counts = {}
    counts_objects = True
    pack_submission = Dataset.pack_submission
    types: ClassVar[tuple[str, str]]
    """The names of the types, by their number."""

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the expressions with their types."""
        types = {str(number): name for number, name in enumerate(self.types)}
        entries = super().read_index()
        for video, entry in entries.items():
            named = {name: replace(each, kind=types.get(each.kind, _UNKNOWN)) for name, each in entry.expressions.items()}
            entries[video] = replace(entry, expressions=named)
        return entries

    def get_masks_path(self) -> Path:
        """Return the file of the true masks of all splits."""
        return self.root / "mask_dict.json"

    def describe_reference(self, video: str, reference: str) -> dict[str, str]:
        """Return the type of an expression, and the number of its targets."""
        kind = self.find_video_entry(video).expressions[reference].kind
        return {**super().describe_reference(video, reference), "type": kind}

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Yield one case per expression, with its type."""
        for case in super().read_cases(video, folder):
            yield replace(case, kind=self.find_video_entry(video).expressions[case.id].kind)

    def check_annotations(self, video: str) -> Iterator[str]:
        """Yield what MeViS checks, and expressions without a type."""
        yield from super().check_annotations(video)
        for name, said in self.find_video_entry(video).expressions.items():
            if said.kind == _UNKNOWN:
                yield f"expression {name}: expected type_id 0 or 1, got neither; it will be in no score"


class ReVosDataset(TypedExpressionsDataset):
    """Referring and reasoning expressions for videos of several datasets, whose names contain the folder of their source."""

    name = "revos"
    homepage = "https://github.com/cilinyan/ReVOS-api"
    license = "see the homepage"
    splits = ("valid", "train")
    protocols = ("revos",)
    types = ("referring", "reasoning")

    def get_expressions_path(self) -> Path:
        """Return the file of the expressions."""
        return self.root / f"meta_expressions_{self.split}_.json"

    def get_image_folder(self) -> Path:
        """Return the folder of the images of all splits."""
        return self.root

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write 8-bit masks, 0 and 1, which the official program compares with the truth."""
        from alref_benchmarks.datasets.mask_files import write_mask_files

        for reference in self.find_video_entry(video).expressions:
            write_mask_files(self.get_mask_paths(folder, video, reference), result.iterate_masks(reference), foreground=1)

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Yield one case per expression, with its type and the area of all annotated objects on each frame."""
        areas = self._compute_foreground_areas(video)
        return (replace(case, foreground=areas) for case in super().read_cases(video, folder))

    def check_annotations(self, video: str) -> Iterator[str]:
        """Yield what MeViS checks, expressions without a type, and missing masks of the foreground."""
        yield from super().check_annotations(video)
        expected, got = len(self.find_video_entry(video).frames), len(self._compute_foreground_areas(video))
        if got < expected:
            yield f"expected {expected} masks in {self._foreground_path.name}, got {got}; all scores will be 0"

    def _compute_foreground_areas(self, video: str) -> tuple[int, ...]:
        """Return the area of all annotated objects on each frame, in pixels; none if one is missing."""
        from pycocotools import mask as coco

        from alref_benchmarks.datasets.index_files import check_run_lengths

        runs = self._foreground.get(video, {}).get("masks_rle", ())
        masks = [runs[place] if place < len(runs) else None for place in self.find_video_entry(video).places]
        if None in masks:
            return ()
        stacks: list[Any] = [each if isinstance(each, list) else [each] for each in masks]
        for number, stack in enumerate(stacks):
            check_run_lengths(self._foreground_path, f"{video}, frame {number}", stack)
        return tuple(int(coco.area(each).sum()) if each else 0 for each in stacks)

    @property
    def _foreground_path(self) -> Path:
        return self.root / "mask_dict_foreground.json"

    @cached_property
    def _foreground(self) -> dict[str, Any]:
        """The masks of all annotated objects by video, read once."""
        from alref_benchmarks.datasets.index_files import read_json_object

        return read_json_object(self._foreground_path)
