"""DAVIS 2016 and 2017, semi-supervised: the true mask of each object on the first frame is given as a prompt."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from alref import InputError, NameMatcher
from alref_benchmarks.datasets.base import Expression, IndexedDataset, VideoEntry
from alref_benchmarks.datasets.file_names import match_suffix_case

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from alref import Case, Reference, Result

VOID = 255


class _DavisDataset(IndexedDataset):
    homepage = "https://davischallenge.org/davis2017/code.html"
    license = "see the homepage"
    splits: ClassVar[tuple[str, ...]] = ("val", "train")
    protocols = ("davis17-semi-supervised",)
    fps = 24.0

    @abstractmethod
    def find_list(self) -> Path:
        """Return the file that lists the videos of the split."""

    @abstractmethod
    def read_labels(self, path: Path) -> npt.NDArray[np.uint8] | None:
        """Read a label map, uint8 (H, W). None if the file does not exist. Raises InputError."""

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the list of videos; their frames are the files in their folders, their objects those of the first mask."""
        from alref_benchmarks.datasets.index_files import read_listed_videos

        return {video: self._read_entry(video) for video in read_listed_videos(self.find_list())}

    def get_frame_paths(self, video: str) -> list[Path]:
        """Return the image files of a video."""
        return [self.root / "JPEGImages/480p" / video / f"{name}.jpg" for name in self.find_video_entry(video).frames]

    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return the files of the true masks; where the truth is not public, that of the first frame."""
        names = self.find_video_entry(video).frames
        return [self.root / "Annotations/480p" / video / f"{name}.png" for name in (names if self.protocols else names[:1])]

    def read_references(self, video: str) -> list[Reference]:
        """Return one reference per object, its true mask on the first frame. Raises InputError."""
        from alref import Prompt, Reference
        from alref_benchmarks.datasets.mask_files import read_required

        entry = self.find_video_entry(video)
        if entry.problem:
            raise InputError(entry.problem)
        first = self.get_true_mask_paths(video)[0]
        labels = read_required(first, self.read_labels)
        return [Reference(id=name, prompts=(Prompt(mask=labels == int(name)),)) for name in entry.expressions]

    def describe_reference(self, video: str, reference: str) -> dict[str, str]:
        """Return nothing: every reference is one object."""
        return {}

    def check_annotations(self, video: str) -> Iterator[str]:
        """Yield why a video has no references, if it has none."""
        problem = self.find_video_entry(video).problem
        if problem:
            yield problem

    def list_masks(self, video: str) -> list[Path]:
        """List the label maps of a video."""
        return [Path(video, f"{name}.png") for name in self.find_video_entry(video).frames]

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write one label map per frame, as for Ref-DAVIS17 where objects overlap."""
        from alref.media.write import write_mask_pngs
        from alref_benchmarks.datasets.label_maps import merge_tracks

        entry = self.find_video_entry(video)
        tracks = {int(name): result.get_tracks(name) for name in entry.expressions}
        maps = (merge_tracks(tracks, frame, result) for frame in range(len(result.video.times)))
        write_mask_pngs(folder / video, maps, entry.frames)

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Yield the one case of a video, with all its objects."""
        from alref import Case
        from alref_benchmarks.datasets.mask_files import read_required

        self.require_ground_truth()
        truth = (read_required(path, self.read_labels) for path in self.get_true_mask_paths(video))
        predicted = map(self.read_labels, [folder / path for path in self.list_masks(video)])
        yield Case("", truth, predicted if (folder / video).is_dir() else None)

    def pack_submission(self, folder: Path, file: Path, videos: Sequence[str]) -> None:
        """Write the archive of a split that a server scores. Raises InputError that lists masks that it cannot use."""
        from alref_benchmarks.datasets.archive import write_archive
        from alref_benchmarks.datasets.mask_files import make_empty_mask

        if self.protocols:
            super().pack_submission(folder, file, videos)
        sizes = {video: make_empty_mask(self.get_frame_paths(video)[0]).shape for video in videos}
        files = {mask: (width, height) for video, (height, width) in sizes.items() for mask in self.list_masks(video)}
        write_archive(folder, files, file, "")

    def find_reference(self, video: str, case: str, object_name: str) -> str:
        """Return the reference of an object, which is named by its number."""
        return object_name

    def _read_entry(self, video: str) -> VideoEntry:
        folders = [self.root / kind / "480p" / video for kind in ("JPEGImages", "Annotations")]
        files = [path for folder in folders for path in folder.glob("*") if path.suffix.lower() in (".jpg", ".png")]
        frames = tuple(sorted({path.stem for path in files}))
        if not frames:
            return VideoEntry((), {}, problem=f"{folders[0]}: expected the frames of the video, got none; download it again")
        first = match_suffix_case(folders[1] / f"{frames[0]}.png")
        try:
            labels = self.read_labels(first)
        except InputError as error:
            return VideoEntry(frames, {}, problem=str(error))
        numbers = () if labels is None else sorted({*labels.ravel().tolist()} - {0, VOID})
        missing = f"{first}: expected the masks of the objects on the first frame, got none; download it again"
        return VideoEntry(frames, {str(each): Expression() for each in numbers}, problem="" if numbers else missing)


class Davis17Dataset(_DavisDataset):
    """DAVIS 2017: every object of the first frame is followed, given its mask there."""

    name = "davis17"
    splits = ("val", "train", "test-dev", "test-challenge")
    split_protocols = {"test-dev": (), "test-challenge": ()}
    published_counts = {"val": (30, 61), "test-dev": (30, 89), "test-challenge": (30, 90)}

    def find_list(self) -> Path:
        """Return the file that lists the videos of the split."""
        return self.root / "ImageSets/2017" / f"{self.split}.txt"

    def read_labels(self, path: Path) -> npt.NDArray[np.uint8] | None:
        """Read the object numbers of a frame; 255 is void."""
        from alref_benchmarks.datasets.mask_files import read_objects

        return read_objects(path)


class Davis16Dataset(_DavisDataset):
    """DAVIS 2016: all that is annotated is one object, given its mask on the first frame."""

    name = "davis16"
    homepage = "https://davischallenge.org/davis2016/code.html"

    def find_list(self) -> Path:
        """Return the list of DAVIS 2016, or the one in the download of DAVIS 2017."""
        from alref_benchmarks.datasets.index_files import find_first_existing

        return find_first_existing(*(self.root / "ImageSets" / folder / f"{self.split}.txt" for folder in ("480p", "2016")))

    def read_labels(self, path: Path) -> npt.NDArray[np.uint8] | None:
        """Read a mask as object 1: every pixel that is not black."""
        import numpy as np

        from alref_benchmarks.datasets.mask_files import read_mask

        mask = read_mask(path)
        return None if mask is None else mask.astype(np.uint8)
