"""AVSBench-object (Zhou et al., ECCV 2022): what sounds, in five frames of five seconds, one each second."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from alref.errors import InputError
from alref_benchmarks.datasets.base import Clip, Expression, OneMaskEach

if TYPE_CHECKING:
    from alref.components.scores import Map

HOMEPAGE = "https://opennlplab.github.io/AVSBench/"
LICENCE = "on request: see the homepage"
SOUND = "sound"
FRAMES = 5


def sounding(count: int, folder: str = "") -> Clip:
    """Return a clip of ``count`` seconds whose one reference is its sound."""
    return Clip(tuple(map(str, range(count))), {SOUND: Expression()}, folder)


class Sounding(OneMaskEach):
    """Clips with one picture for each second, taken towards its end; the reference is the sound. Results count from 0."""

    homepage, licence = HOMEPAGE, LICENCE
    fps = 1.0
    heard = True

    def home(self, video: str) -> Path:
        """Name the folder of a video's predicted masks."""
        return Path(video)

    def masks(self, folder: Path, video: str, reference: str) -> list[Path]:
        """Name the files of the predicted masks."""
        home = folder / self.home(video)
        return [home / f"{video}_{name}.png" for name in self.clip(video).frames]

    def truth(self, video: str, reference: str) -> Iterator[Map]:
        """Read the true masks: what is not black."""
        from alref_benchmarks.datasets.mask_files import read_mask, there

        return (there(path, read_mask(path)) for path in self.truths(video))


class _Object(Sounding):
    """The two parts of AVSBench-object; pictures and true masks count from 1."""

    protocols = ("avs-avsbench", "avs-alref")
    part: ClassVar[str]
    table: ClassVar[str]

    def index(self) -> dict[str, Clip]:
        """Read the rows of this split."""
        from alref_benchmarks.datasets.index_files import plain, read_rows

        path = self.root / self.part / self.table
        rows = [cells for cells, named in read_rows(path, ["split"]) if named["split"] == self.split]
        return {plain(path, cells[0]): sounding(FRAMES, self.category(path, cells)) for cells in rows}

    @abstractmethod
    def category(self, path: Path, cells: list[str]) -> str:
        """Return the folder of a row's clip."""

    def truths(self, video: str) -> list[Path]:
        """Name the pictures of the true masks."""
        home = self.data("gt_masks") / self.clip(video).folder / video
        return [home / f"{video}_{number}.png" for number in range(1, FRAMES + 1)]

    def sound(self, video: str) -> Path:
        """Name the sound of a video."""
        return self.data("audio_wav") / self.clip(video).folder / f"{video}.wav"

    def data(self, kind: str) -> Path:
        """Name the folder of one kind of files of this split."""
        return self.root / self.part / self.table.replace("_meta_data.csv", "_data") / kind / self.split


class S4(_Object):
    """AVSBench-object, single source: one thing sounds in each clip."""

    name = "avsbench-s4"
    splits = ("test", "val")
    counts = {"test": (740, 740), "val": (740, 740)}
    part, table = "Single-source", "s4_meta_data.csv"

    def category(self, path: Path, cells: list[str]) -> str:
        """Return the category, which is the third column."""
        from alref_benchmarks.datasets.index_files import plain

        if len(cells) < 3:
            raise InputError(f"{path}: expected the category in the third column, got {', '.join(cells)}; download it again")
        return plain(path, cells[2])

    def home(self, video: str) -> Path:
        """Name the folder of a video's predicted masks."""
        return Path(self.clip(video).folder, video)

    def frames(self, video: str) -> list[Path]:
        """Name the pictures of a video."""
        home = self.data("visual_frames") / self.clip(video).folder / video
        return [home / f"{video}_{number}.png" for number in range(1, FRAMES + 1)]


class MS3(_Object):
    """AVSBench-object, multiple sources: several things may sound in a clip, together or in turn."""

    name = "avsbench-ms3"
    splits = ("test", "val", "train")
    counts = {"test": (64, 64), "val": (64, 64), "train": (296, 296)}
    part, table = "Multi-sources", "ms3_meta_data.csv"

    def category(self, path: Path, cells: list[str]) -> str:
        """Return nothing: clips are not sorted by category."""
        return ""

    def frames(self, video: str) -> list[Path]:
        """Name the pictures of a video, which are not sorted by split."""
        home = self.data("visual_frames").parent / video
        return [home / f"{video}.mp4_{number}.png" for number in range(1, FRAMES + 1)]
