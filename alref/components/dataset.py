"""Base of datasets: the videos of a benchmark with all their references, the paths of predictions, and the ground truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from alref.errors import AlrefError, ConfigError, InputError, suggest_names

if TYPE_CHECKING:
    from alref.components.scores import Case
    from alref.media.video import Video
    from alref.records import Reference
    from alref.result import Result

NameMatcher = Callable[[list[str], list[str]], list[str | None]]
"""Return for each name the word of a vocabulary that means the same, or None: ``alref.components.base.Locator.match_names``."""


@dataclass(frozen=True)
class DatasetProblem:
    """A problem of a dataset on disk, in one line, and the video that it makes unusable, if any.

    ``in_subset`` is True for what a deliberate part of the dataset lacks: counts as published, all files of a video.
    """

    message: str
    video: str = ""
    in_subset: bool = False


class Dataset(ABC):
    """A dataset as it is downloaded, in ``root``, and one of its ``splits`` (the first by default).

    ``protocols`` are the names of its protocols, the usual one first; ``split_protocols`` those of splits that differ, empty if
    the ground truth is not public. ``published_counts`` are the published numbers of videos and references by split. Files are
    read lazily. Names of videos and references may contain any character. An instance can be pickled. ``annotators`` are the
    names of annotators with a result each, if any. ``result_file`` is the name of a file that can hold the results of all
    videos, instead of the files of ``list_masks``; empty if there is none.
    """

    name: ClassVar[str]
    homepage: ClassVar[str] = ""
    license: ClassVar[str] = ""
    splits: ClassVar[tuple[str, ...]]
    protocols: tuple[str, ...]
    split_protocols: ClassVar[dict[str, tuple[str, ...]]] = {}
    published_counts: ClassVar[dict[str, tuple[int, int]]] = {}
    annotators: tuple[str, ...] = ()
    result_file: ClassVar[str] = ""
    on_checked: Callable[[str], object] | None = None
    """Called by ``find_problems`` with each video that is checked, if it is set."""

    def __init__(self, root: Path, split: str = "") -> None:
        """Set the folder and the split. Raises ConfigError for an unknown split."""
        self.root = root
        self.split = split or self.splits[0]
        if self.split not in self.splits:
            meant = suggest_names(self.split, self.splits)
            raise ConfigError(f"{self.name}: no split {self.split!r}{meant}; splits: {', '.join(self.splits)}")
        self.protocols = self.split_protocols.get(self.split, self.protocols)

    def select_annotator(self, name: str) -> None:
        """Use the expressions of one annotator only. Raises ConfigError if there is no such annotator."""
        if name not in self.annotators:
            raise ConfigError(f"{self.name}: no annotator {name!r}; annotators: {', '.join(self.annotators) or 'none'}")
        self.annotators = (name,)

    @abstractmethod
    def list_videos(self) -> list[str]:
        """List the names of the videos in the official order. Raises InputError that lists what is missing in ``root``."""

    @abstractmethod
    def read_references(self, video: str) -> list[Reference]:
        """Return all references of a video; their ids are those of the dataset."""

    @abstractmethod
    def open_video(self, video: str) -> Video:
        """Open the frames of a video, with their audio if there is any. Raises InputError."""

    def list_files(self, video: str) -> Sequence[Path]:
        """List the files that ``open_video`` reads: when one changes, an evaluation runs the video again. Default: none."""
        return ()

    def get_index_entry(self, video: str) -> Any:
        """Return the index entry of a video without its references, as JSON data; if it changes, the video runs again."""
        return None

    @abstractmethod
    def find_problems(self) -> Iterator[DatasetProblem]:
        """Check all files: list missing, unreadable and inconsistent ones, and counts that differ from the published ones."""

    @abstractmethod
    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write the masks of one video below ``folder`` in the official layout of results; each file is written atomically."""

    def list_masks(self, video: str) -> Sequence[Path]:
        """List the files that ``write_masks`` writes for a video, relative to its folder. Default: none, not checked."""
        return ()

    @abstractmethod
    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Yield the ground truth of a video with the masks below ``folder``, read lazily.

        Raises InputError when the ground truth of this split is not public.
        """

    def find_reference(self, video: str, case: str, object_name: str) -> str:
        """Return the reference that a case, or one of its objects, belongs to. Default: the id of the case."""
        return case

    def describe_reference(self, video: str, reference: str) -> dict[str, str]:
        """Return what the dataset says of a reference, by attribute, such as its category. Default: nothing."""
        return {}

    def count_references(self, videos: Iterable[str]) -> int:
        """Count the references of videos; a video whose references cannot be read, which ``find_problems`` names, has none."""
        count = 0
        for video in videos:
            with suppress(AlrefError):
                count += len(self.read_references(video))
        return count

    def pack_submission(self, folder: Path, file: Path, videos: Sequence[str]) -> None:
        """Write the archive that the benchmark's evaluation server accepts.

        Raises InputError that lists missing masks, ConfigError when there is no server.
        """
        raise ConfigError(f"{self.name}: this dataset has no evaluation server; score locally: alref score {self.name}")

    def require_ground_truth(self) -> None:
        """Raise InputError with the next step when the ground truth of this split is not public."""
        if self.split_protocols.get(self.split) == ():
            open_splits = [split for split in self.splits if self.split_protocols.get(split) != ()]
            raise InputError(
                f"{self.name}: the truth of split {self.split} is not public; "
                f"pack the masks for the server: alref submit, or score split {' or '.join(open_splits)}"
            )

    def require_video(self, video: str) -> str:
        """Return the name of a video. Raises InputError with the most similar name if it is unknown."""
        if video not in self.list_videos():
            raise InputError(f"{self.name}: no video {video!r} in split {self.split}{suggest_names(video, self.list_videos())}")
        return video
