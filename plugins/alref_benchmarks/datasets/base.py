"""What all data sets here share: an index that is read once, frames found by their names, and masks in files of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from alref.components.dataset import Dataset, Fault, NameAs
from alref.errors import InputError

if TYPE_CHECKING:
    from alref.components.scores import Case, Map
    from alref.media.video import Video
    from alref.records import Reference
    from alref.result import Result


@dataclass(frozen=True)
class Expression:
    """One reference: its words, empty for the sound alone, what the data set calls the objects meant, its official place."""

    text: str = ""
    objects: tuple[str, ...] = ()
    place: int = 0


@dataclass(frozen=True)
class Clip:
    """What the index says of a video: names of its frames in order, references by id, the folder that it lies in.

    ``wrong`` says why there can be no references, if so.
    """

    frames: tuple[str, ...]
    expressions: Mapping[str, Expression]
    folder: str = ""
    wrong: str = ""


class Benchmark(Dataset):
    """A data set with an index of clips; ``fps`` is the rate of its frames, ``heard`` says that references mean the sound."""

    fps: ClassVar[float]
    heard: ClassVar[bool] = False

    @abstractmethod
    def index(self) -> dict[str, Clip]:
        """Read what there is, in the official order. Raises InputError that names the file that is missing or wrong."""

    @abstractmethod
    def frames(self, video: str) -> list[Path]:
        """Name the pictures of a video."""

    @abstractmethod
    def truths(self, video: str) -> list[Path]:
        """Name the pictures of the true masks of a video; none where they are kept otherwise."""

    def sound(self, video: str) -> Path | None:
        """Name the sound of a video. Default: it has none."""
        return None

    def oddities(self, video: str) -> Iterator[str]:
        """Say what is wrong with a video besides its files. Default: nothing."""
        return iter(())

    @cached_property
    def clips(self) -> dict[str, Clip]:
        """All clips by name, read once. Raises InputError when there is none."""
        clips = self.index()
        if not clips:
            raise InputError(f"{self.root}: lists no video of split {self.split}; splits: {', '.join(self.splits)}")
        return clips

    def clip(self, video: str) -> Clip:
        """Return a clip. Raises InputError with the nearest name."""
        return self.clips.get(video) or self.clips[self.known(video)]

    def videos(self) -> list[str]:
        """List the names in the official order."""
        return list(self.clips)

    def references(self, video: str) -> list[Reference]:
        """Return all references of a video. Raises InputError that says which of them cannot be."""
        from alref.records import Reference

        clip = self.clip(video)
        if clip.wrong:
            raise InputError(clip.wrong)
        return [Reference(id=name, text=each.text, sound=self.heard) for name, each in clip.expressions.items()]

    def open(self, video: str) -> Video:
        """Open the frames of a video, with their sound where there is some."""
        from alref.media.reader import open_frames

        sound = self.sound(video)
        opened = open_frames([found(path) for path in self.frames(video)], fps=self.fps, sound=sound and found(sound))
        opened.name = video
        return opened

    def files(self, video: str) -> list[Path]:
        """Name the pictures and the sound."""
        sound = self.sound(video)
        return [found(path) for path in [*self.frames(video), *([sound] if sound else [])]]

    def entry(self, video: str) -> Clip:
        """Give the clip: which objects are meant decides on scores, and so does an expression's place."""
        return self.clip(video)

    def faults(self) -> Iterator[Fault]:
        """Look through all files."""
        from alref_benchmarks.datasets.file_checks import faults

        return faults(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _same, (type(self), self.root, self.split)


class OneMaskEach(Benchmark):
    """A data set whose results are one mask for each frame and reference, in files of their own."""

    @abstractmethod
    def home(self, video: str) -> Path:
        """Name the folder of a video's predicted masks."""

    @abstractmethod
    def masks(self, folder: Path, video: str, reference: str) -> list[Path]:
        """Name the files of the predicted masks of a reference in a folder of results."""

    @abstractmethod
    def truth(self, video: str, reference: str) -> Iterator[Map]:
        """Read the true masks of a reference."""

    def write(self, result: Result, video: str, folder: Path, name_as: NameAs) -> None:
        """Write 8-bit masks, 0 and 255: the union of the objects of each reference."""
        from alref_benchmarks.datasets.mask_files import write_masks

        for reference in self.clip(video).expressions:
            write_masks(self.masks(folder, video, reference), result.frames_of(reference))

    def cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Give one case for each reference; frames that are not there are None."""
        from alref.components.scores import Case
        from alref_benchmarks.datasets.mask_files import read_mask

        self.need_truth()
        handed_in = (folder / self.home(video)).is_dir()
        for reference, said in self.clip(video).expressions.items():
            files = self.masks(folder, video, reference)
            yield Case(reference, self.truth(video, reference), map(read_mask, files) if handed_in else None, said.place)


def found(path: Path) -> Path:
    """Return a file as it is called on disk, where its suffix may be in upper case; one that may not be looked at, as it is."""
    with suppress(PermissionError):
        shouted = path.with_suffix(path.suffix.upper())
        if not path.exists() and shouted.exists():
            return shouted
    return path


@lru_cache(maxsize=8)
def _same(kind: type[Benchmark], root: Path, split: str) -> Benchmark:
    """Return one instance for all videos that a process is sent, so that it reads the index once."""
    return kind(root, split)
