"""Datasets scored by a server: Ref-YouTube-VOS (Seo et al., ECCV 2020), MeViS (Ding et al., ICCV 2023)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from alref_benchmarks.datasets.base import MaskFileDataset, VideoEntry

if TYPE_CHECKING:
    from alref.components.scores import LabelMap
    from alref_benchmarks.datasets.frame_cache import FrameCache

_RLES_LOCK = Lock()


class ServerScoredDataset(MaskFileDataset):
    """Masks are ``<video>/<expression>/<frame>.png``, also in the archive, below ``archive_prefix``."""

    fps = 6.0
    archive_prefix: ClassVar[str]

    @abstractmethod
    def get_expressions_path(self) -> Path:
        """Return the file of the expressions of this split."""

    def find_index_problems(self) -> Iterator[str]:
        """Yield ids of videos and expressions that occur twice."""
        from alref_benchmarks.datasets.index_files import find_repeated_keys

        return find_repeated_keys(self.get_expressions_path())

    def get_frame_paths(self, video: str) -> list[Path]:
        """Return the image files of a video."""
        folder = self.get_image_folder() / "JPEGImages" / video
        return [folder / f"{name}.jpg" for name in self.find_video_entry(video).frames]

    def get_image_folder(self) -> Path:
        """Return the folder of the images of this split."""
        return self.root / self.split

    def get_frame_size(self, video: str) -> tuple[int, ...]:
        """Return (height, width) of the frames of a video. Raises InputError."""
        from alref_benchmarks.datasets.mask_files import make_empty_mask

        return make_empty_mask(self.get_frame_paths(video)[0]).shape

    def get_mask_folder(self, video: str) -> Path:
        """Return the folder of the predicted masks of a video."""
        return Path(video)

    def get_mask_paths(self, folder: Path, video: str, reference: str) -> list[Path]:
        """Return the files of the predicted masks of an expression."""
        own = folder / video / reference
        return [own / f"{name}.png" for name in self.find_video_entry(video).frames]

    def pack_submission(self, folder: Path, file: Path, videos: Sequence[str]) -> None:
        """Write the archive. Raises InputError that lists masks that are missing or that the server cannot use."""
        from alref_benchmarks.datasets.archive import write_archive

        sizes = {video: self.get_frame_size(video) for video in videos}
        files = {mask: (width, height) for video, (height, width) in sizes.items() for mask in self.list_masks(video)}
        write_archive(folder, files, file, self.archive_prefix)


class RefYouTubeVosDataset(ServerScoredDataset):
    """YouTube-VOS with expressions; the truth of both parts of its validation set is not public."""

    name = "ref-youtube-vos"
    homepage = "https://youtube-vos.org/dataset/rvos/"
    license = "see the homepage"
    splits = ("valid", "test", "train")
    protocols = ("ref-youtube-vos",)
    split_protocols = {"valid": (), "test": ()}
    published_counts = {"valid": (202, 834), "train": (3471, 12913)}
    archive_prefix = "Annotations/"

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the expressions. The file of split valid also lists the videos of split test."""
        from alref_benchmarks.datasets.index_files import read_expressions, require_object_numbers

        path = self.get_expressions_path()
        clips = read_expressions(path)
        if self.protocols:
            return require_object_numbers(path, clips)
        others = set(read_expressions(path.parents[1] / "test" / path.name)) if self.split == "valid" else set()
        return {video: clip for video, clip in clips.items() if video not in others}

    def get_expressions_path(self) -> Path:
        """Return the file of the expressions."""
        return self.root / "meta_expressions" / self.split / "meta_expressions.json"

    def get_image_folder(self) -> Path:
        """Return the folder of the images: those of split test are in ``test``, or with those of split valid."""
        own = self.root / self.split
        return self.root / "valid" if self.split == "test" and not own.is_dir() else own

    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return the files of the true label maps."""
        if not self.protocols:
            return []
        folder = self.root / self.split / "Annotations" / video
        return [folder / f"{name}.png" for name in self.find_video_entry(video).frames]

    def read_true_masks(self, video: str, reference: str, cache: FrameCache) -> Iterator[LabelMap]:
        """Read the masks of the target object from the label maps."""
        from alref_benchmarks.datasets.mask_files import read_objects, read_required

        number = int(self.find_video_entry(video).expressions[reference].objects[0])
        return (
            cache.read(path, partial(read_required, path, read_objects)) == number for path in self.get_true_mask_paths(video)
        )


class MeViSDataset(ServerScoredDataset):
    """Videos whose objects are distinguished by motion; an expression may refer to several objects, or none."""

    name = "mevis"
    homepage = "https://henghuiding.com/MeViS/"
    license = "CC BY-NC-SA 4.0"
    splits: ClassVar[tuple[str, ...]] = ("valid", "valid_u", "train")
    protocols = ("mevis",)
    split_protocols = {"valid": ()}
    published_counts = {"valid": (140, 2236), "valid_u": (50, 793), "train": (1662, 23051)}
    archive_prefix = ""
    expression_files: ClassVar[tuple[str, ...]] = ("meta_expressions.json",)
    counts_objects: ClassVar[bool] = False
    """True if a true mask has the number of objects in each pixel, as the official program of ReVOS computes."""

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the expressions, next to the images or in a separate folder."""
        from alref_benchmarks.datasets.index_files import read_expressions

        return read_expressions(self.get_expressions_path(), by_mask=True)

    def get_expressions_path(self) -> Path:
        """Return the file of the expressions."""
        from alref_benchmarks.datasets.index_files import find_first_existing

        folders = (self.root / self.split, self.root / "meta_expressions" / self.split)
        return find_first_existing(*(folder / file for file in self.expression_files for folder in folders))

    def get_masks_path(self) -> Path:
        """Return the file of the true masks."""
        return self.root / self.split / "mask_dict.json"

    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return an empty list: the true masks are in ``mask_dict.json``."""
        return []

    def read_true_masks(self, video: str, reference: str, cache: FrameCache) -> Iterator[LabelMap]:
        """Merge the masks of the target objects, frame by frame; none if the official program would drop the expression."""
        from alref_benchmarks.datasets.mevis_masks import find_mask_problems, merge_object_masks

        expression = self.find_video_entry(video).expressions[reference]
        if not expression.has_truth or any(find_mask_problems(self, video, expression.objects)):
            return iter(())
        return merge_object_masks(self, video, expression.objects, cache)

    def read_predicted_masks(self, video: str, reference: str, files: Sequence[Path]) -> Iterator[LabelMap | None]:
        """Read predicted masks as officially, by their 8-bit gray values.

        None stands for what the official program stops at: a file that is missing, cannot be decoded or has another size.
        """
        from alref_benchmarks.datasets.mask_files import read_gray_mask
        from alref_benchmarks.datasets.mevis_masks import get_mask_size

        size = get_mask_size(self, video, self.find_video_entry(video).expressions[reference].objects)
        masks = map(read_gray_mask, files)
        return (None if mask is None or mask.shape != size else mask for mask in masks)

    def check_annotations(self, video: str) -> Iterator[str]:
        """Yield expressions without a target, and masks that are missing, have too few frames or another size."""
        from alref_benchmarks.datasets.mevis_masks import find_mask_problems

        if not self.protocols:
            return
        expressions = self.find_video_entry(video).expressions
        for name, said in expressions.items():
            if not said.has_truth:
                yield f"expression {name}: expected a list anno_id of its masks, got none; its scores will be dropped"
        numbers = dict.fromkeys(each for said in expressions.values() for each in said.objects)
        yield from find_mask_problems(self, video, list(numbers))

    @property
    def rles(self) -> dict[str, list[Any]]:
        """The masks of all objects by id: compressed COCO run lengths or null for each frame, read once."""
        with _RLES_LOCK:
            return self._cached_rles

    @cached_property
    def _cached_rles(self) -> dict[str, list[Any]]:
        from alref_benchmarks.datasets.index_files import read_run_lengths

        return read_run_lengths(self.get_masks_path())


class MeViSv2Dataset(MeViSDataset):
    """MeViS as extended in 2025, beside the files of MeViS: more expressions, some of which refer to nothing."""

    name = "mevis-v2"
    protocols = ("mevis-v2",)
    expression_files = ("meta_expressions_v2.json", "meta_expressions_v2_release.json", "meta_expressions.json")
    published_counts = {"valid": (140, 2523), "valid_u": (50, 907), "train": (1662, 27502)}
