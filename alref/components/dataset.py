"""A benchmark on disk: its videos with all their references, where predictions go, and what they are scored against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from alref.errors import ConfigError, InputError, suggest_names

if TYPE_CHECKING:
    from alref.components.scores import Case
    from alref.media.video import Video
    from alref.records import Reference
    from alref.result import Result

NameMatcher = Callable[[list[str], list[str]], list[str | None]]
"""Return for each name the word of a vocabulary that means the same, or None: ``alref.components.base.Locator.match_names``."""


@dataclass(frozen=True)
class DatasetProblem:
    """Something wrong with a data set on disk, in one line, and the video that cannot be used because of it, if any."""

    message: str
    video: str = ""


class Dataset(ABC):
    """A data set as it is downloaded, in ``root``, one of its ``splits`` (the first by default).

    ``protocols`` are the names of the ways to score it, the usual one first; ``scored`` those of splits that differ, none where
    the truth is not public. ``counts`` are the published numbers of videos and references by split. Nothing is read before it
    is asked for. Names of videos and references may hold any character. An instance can be pickled.
    """

    name: ClassVar[str]
    homepage: ClassVar[str] = ""
    license: ClassVar[str] = ""
    splits: ClassVar[tuple[str, ...]]
    protocols: tuple[str, ...]
    split_protocols: ClassVar[dict[str, tuple[str, ...]]] = {}
    published_counts: ClassVar[dict[str, tuple[int, int]]] = {}

    def __init__(self, root: Path, split: str = "") -> None:
        """Name the folder. Raises ConfigError for a split that there is not."""
        self.root = root
        self.split = split or self.splits[0]
        if self.split not in self.splits:
            meant = suggest_names(self.split, self.splits)
            raise ConfigError(f"{self.name}: no split {self.split!r}{meant}; splits: {', '.join(self.splits)}")
        self.protocols = self.split_protocols.get(self.split, self.protocols)

    @abstractmethod
    def list_videos(self) -> list[str]:
        """List the names of the videos in the official order. Raises InputError that says what is missing in ``root``."""

    @abstractmethod
    def read_references(self, video: str) -> list[Reference]:
        """Return all references of a video; their ids are those of the data set."""

    @abstractmethod
    def open_video(self, video: str) -> Video:
        """Open the frames of a video, with their sound where there is some. Raises InputError."""

    def list_files(self, video: str) -> Sequence[Path]:
        """Name the files that ``open`` reads: once one has changed, an evaluation does the video again. Default: none."""
        return ()

    def get_index_entry(self, video: str) -> Any:
        """Give what the index says of a video beside its references, as data that JSON can hold; it is watched as files are."""
        return None

    @abstractmethod
    def find_problems(self) -> Iterator[DatasetProblem]:
        """Look through all files: what is missing, cannot be read or does not fit, counts that are not the published ones."""

    @abstractmethod
    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write the masks of one video below ``folder`` in the official layout of results, each file whole."""

    @abstractmethod
    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Give the truth of a video beside the masks below ``folder``, read as they are asked for.

        Raises InputError when this split has no public truth.
        """

    def pack_submission(self, folder: Path, file: Path, videos: Sequence[str]) -> None:
        """Write the archive that the benchmark's server takes.

        Raises InputError that says which masks are missing, ConfigError when no server takes any.
        """
        raise ConfigError(f"{self.name}: no server takes results of this data set; score them here: alref score {self.name}")

    def require_ground_truth(self) -> None:
        """Raise InputError when the truth of this split is not public, and say what can be done."""
        if self.split_protocols.get(self.split) == ():
            open_splits = [split for split in self.splits if self.split_protocols.get(split) != ()]
            raise InputError(
                f"{self.name}: the truth of split {self.split} is not public; "
                f"pack the masks for the server: alref submit, or score split {' or '.join(open_splits)}"
            )

    def require_video(self, video: str) -> str:
        """Return a video's name if there is one. Raises InputError with the nearest."""
        if video not in self.list_videos():
            raise InputError(f"{self.name}: no video {video!r} in split {self.split}{suggest_names(video, self.list_videos())}")
        return video
