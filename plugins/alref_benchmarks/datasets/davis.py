"""Ref-DAVIS17 (Khoreva et al., ACCV 2018), in the layout of ReferFormer's converter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alref import NameMatcher
from alref_benchmarks.datasets.base import IndexedDataset, VideoEntry

if TYPE_CHECKING:
    from alref import Case, Result

ANNOTATOR_COUNT = 4


class RefDavis17Dataset(IndexedDataset):
    """DAVIS 2017 with four expressions per object, one by each of four annotators."""

    name = "ref-davis17"
    homepage = "https://davischallenge.org/davis2017/code.html"
    license = "see the homepage"
    splits = ("valid", "train")
    protocols = ("davis17-unsupervised",)
    published_counts = {"valid": (30, 244)}
    fps = 24.0
    annotators = tuple(map(str, range(ANNOTATOR_COUNT)))

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the expressions."""
        from alref_benchmarks.datasets.index_files import read_expressions, require_object_numbers

        return require_object_numbers(self.expressions_path, read_expressions(self.expressions_path))

    @property
    def expressions_path(self) -> Path:
        """The file of the expressions."""
        return self.root / "meta_expressions" / self.split / "meta_expressions.json"

    def find_index_problems(self) -> Iterator[str]:
        """Yield ids of videos and expressions that occur twice."""
        from alref_benchmarks.datasets.index_files import find_repeated_keys

        return find_repeated_keys(self.expressions_path)

    def get_frame_paths(self, video: str) -> list[Path]:
        """Return the image files of a video."""
        folder = self.root / self.split / "JPEGImages" / video
        return [folder / f"{name}.jpg" for name in self.find_video_entry(video).frames]

    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return the files of the true label maps; 255 is void."""
        folder = self.root / self.split / "Annotations" / video
        return [folder / f"{name}.png" for name in self.find_video_entry(video).frames]

    def get_annotator_expressions(self, video: str, annotator: int) -> dict[int, str]:
        """Return the ids of the expressions of one annotator, by object label."""
        expressions = self.find_video_entry(video).expressions
        ids = sorted(expressions, key=lambda name: (len(name), name))[annotator::ANNOTATOR_COUNT]
        return {int(expressions[name].objects[0]): name for name in ids}

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write one label map per annotator and frame.

        Where objects overlap, the one with the highest score on the frame wins, and the lower label among equals. If all
        objects have logits, a pixel belongs to the object with the highest logit above -1, as published.
        """
        from alref.media.write import write_mask_pngs
        from alref_benchmarks.datasets.label_maps import merge_tracks

        for annotator in range(ANNOTATOR_COUNT):
            tracks = {
                number: result.get_tracks(name) for number, name in self.get_annotator_expressions(video, annotator).items()
            }
            maps = (merge_tracks(tracks, frame, result) for frame in range(len(result.video.times)))
            write_mask_pngs(folder / f"anno_{annotator}" / video, maps, self.find_video_entry(video).frames)

    def list_masks(self, video: str) -> list[Path]:
        """List the label maps of all annotators."""
        names = self.find_video_entry(video).frames
        return [Path(f"anno_{annotator}", video, f"{name}.png") for annotator in self.annotators for name in names]

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Yield one case per annotator."""
        from alref import Case
        from alref_benchmarks.datasets.frame_cache import FrameCache
        from alref_benchmarks.datasets.mask_files import read_objects, read_required

        cache = FrameCache()
        for annotator in self.annotators:
            home = folder / f"anno_{annotator}" / video
            files = [home / f"{name}.png" for name in self.find_video_entry(video).frames]
            truth = (cache.read(path, partial(read_required, path, read_objects)) for path in self.get_true_mask_paths(video))
            yield Case(annotator, truth, map(read_objects, files) if home.is_dir() else None)

    def find_reference(self, video: str, case: str, object_name: str) -> str:
        """Return the expression of an annotator, the case, for an object."""
        return self.get_annotator_expressions(video, int(case)).get(int(object_name), "")

    def check_annotations(self, video: str) -> Iterator[str]:
        """Yield a problem if the annotators do not name the same objects."""
        named = [sorted(self.get_annotator_expressions(video, annotator)) for annotator in range(ANNOTATOR_COUNT)]
        if any(each != named[0] for each in named):
            yield f"expected {ANNOTATOR_COUNT} expressions per object, one by each annotator; got objects {named}"
