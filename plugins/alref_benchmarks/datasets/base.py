"""Base classes of the datasets: an index that is read once, frames found by name, and masks in separate files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from alref import Dataset, DatasetProblem, InputError, NameMatcher
from alref_benchmarks.datasets.file_names import match_suffix_case

if TYPE_CHECKING:
    from alref import Case, Reference, Result, Video
    from alref.components.scores import LabelMap
    from alref_benchmarks.datasets.frame_cache import FrameCache


@dataclass(frozen=True)
class Expression:
    """One reference: its text (empty for audio), the labels of its target objects, its official position, its kind.

    ``has_truth`` is False if the dataset does not say what the targets are.
    """

    text: str = ""
    objects: tuple[str, ...] = ()
    position: int = 0
    has_truth: bool = True
    kind: str = ""


@dataclass(frozen=True)
class VideoEntry:
    """The index entry of a video: names of its frames in order, references by id, its folder.

    ``places`` are the places of the frames in the official list, which can be in another order. ``problem`` is the reason
    why the video cannot have references, if any. ``size`` is (height, width), if the index tells it.
    """

    frames: tuple[str, ...]
    expressions: Mapping[str, Expression]
    folder: str = ""
    problem: str = ""
    places: tuple[int, ...] = ()
    size: tuple[int, int] | None = None


class IndexedDataset(Dataset):
    """A dataset with an index of clips; ``fps`` is the frame rate, ``uses_audio`` is True if references are audio."""

    fps: ClassVar[float]
    uses_audio: ClassVar[bool] = False

    @abstractmethod
    def read_index(self) -> dict[str, VideoEntry]:
        """Read the index in the official order. Raises InputError that names the missing or invalid file."""

    @abstractmethod
    def get_frame_paths(self, video: str) -> list[Path]:
        """Return the image files of a video."""

    @abstractmethod
    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return the image files of the true masks of a video; empty if they are stored in another form."""

    def get_audio_path(self, video: str) -> Path | None:
        """Return the audio file of a video. Default: None."""
        return None

    def find_index_problems(self) -> Iterator[str]:
        """Yield problems of the index that belong to no video. Default: none."""
        return iter(())

    def check_annotations(self, video: str) -> Iterator[str]:
        """Yield problems of a video other than its files. Default: none."""
        return iter(())

    @cached_property
    def video_entries(self) -> dict[str, VideoEntry]:
        """Clips by name, read once. Raises InputError if there is none."""
        clips = self.read_index()
        if not clips:
            raise InputError(f"{self.root}: split {self.split} has no videos; splits: {', '.join(self.splits)}")
        return clips

    def find_video_entry(self, video: str) -> VideoEntry:
        """Return a clip. Raises InputError that suggests the nearest name."""
        return self.video_entries.get(video) or self.video_entries[self.require_video(video)]

    def list_videos(self) -> list[str]:
        """List the names in the official order."""
        return list(self.video_entries)

    def read_references(self, video: str) -> list[Reference]:
        """Return all references of a video. Raises InputError for an invalid one."""
        from alref import Reference

        clip = self.find_video_entry(video)
        if clip.problem:
            raise InputError(clip.problem)
        return [Reference(id=name, text=each.text, sound=self.uses_audio) for name, each in clip.expressions.items()]

    def open_video(self, video: str) -> Video:
        """Open the frames of a video, with audio if available."""
        from alref import open_frames

        sound = self.get_audio_path(video)
        opened = open_frames(
            [match_suffix_case(path) for path in self.get_frame_paths(video)],
            fps=self.fps,
            audio=sound and match_suffix_case(sound),
        )
        opened.name = video
        return opened

    def list_files(self, video: str) -> list[Path]:
        """Return the image files and the audio file."""
        sound = self.get_audio_path(video)
        return [match_suffix_case(path) for path in [*self.get_frame_paths(video), *([sound] if sound else [])]]

    def get_index_entry(self, video: str) -> VideoEntry:
        """Return the clip, because target objects and positions of expressions affect the scores."""
        return self.find_video_entry(video)

    def describe_reference(self, video: str, reference: str) -> dict[str, str]:
        """Return the number of targets of an expression, if it is known."""
        said = self.find_video_entry(video).expressions[reference]
        return {"targets": str(len(said.objects))} if said.text and said.has_truth else {}

    def find_problems(self) -> Iterator[DatasetProblem]:
        """Check all files."""
        from alref_benchmarks.datasets.file_checks import check_dataset

        return check_dataset(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _get_shared_dataset, (type(self), self.root, self.split), {"annotators": self.annotators}


class MaskFileDataset(IndexedDataset):
    """A dataset whose results are one mask file per frame and reference."""

    @abstractmethod
    def get_mask_folder(self, video: str) -> Path:
        """Return the folder of the predicted masks of a video."""

    @abstractmethod
    def get_mask_paths(self, folder: Path, video: str, reference: str) -> list[Path]:
        """Return the files of the predicted masks of a reference in a folder of results."""

    @abstractmethod
    def read_true_masks(self, video: str, reference: str, cache: FrameCache) -> Iterator[LabelMap]:
        """Read the true masks of a reference; ``cache`` is that of the video."""

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write 8-bit masks, 0 and 255: the union of the objects of each reference."""
        from alref_benchmarks.datasets.mask_files import write_mask_files

        for reference in self.find_video_entry(video).expressions:
            write_mask_files(self.get_mask_paths(folder, video, reference), result.iterate_masks(reference))

    def list_masks(self, video: str) -> list[Path]:
        """List the mask files of all references of a video."""
        return [
            path
            for reference in self.find_video_entry(video).expressions
            for path in self.get_mask_paths(Path(), video, reference)
        ]

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Yield one case per reference; missing frames are None."""
        from alref import Case
        from alref_benchmarks.datasets.frame_cache import FrameCache

        self.require_ground_truth()
        cache = FrameCache()
        for reference, said in self.find_video_entry(video).expressions.items():
            predicted = self.read_results(video, reference, folder)
            yield Case(reference, self.read_true_masks(video, reference, cache), predicted, said.position)

    def read_results(self, video: str, reference: str, folder: Path) -> Iterator[LabelMap | None] | None:
        """Read the predicted masks of a reference below a folder of results; None if there are none of the video."""
        handed_in = (folder / self.get_mask_folder(video)).is_dir()
        files = self.get_mask_paths(folder, video, reference)
        return self.read_predicted_masks(video, reference, files) if handed_in else None

    def read_predicted_masks(self, video: str, reference: str, files: Sequence[Path]) -> Iterator[LabelMap | None]:
        """Read predicted masks; foreground is everything that is not black, and a file that does not exist is None."""
        from alref_benchmarks.datasets.mask_files import read_mask

        return map(read_mask, files)


@lru_cache(maxsize=8)
def _get_shared_dataset(dataset_class: type[IndexedDataset], root: Path, split: str) -> IndexedDataset:
    """Return one instance per process, so that the index is read once."""
    return dataset_class(root, split)
