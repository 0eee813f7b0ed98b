"""AVSBench-semantic (Zhou et al., IJCV 2024): what sounds and what it is, in 70 classes; and its new clips without classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from alref.components.dataset import NameAs
from alref.errors import InputError
from alref_benchmarks.datasets.avsbench import FRAMES, SOUND, Sounding, sounding
from alref_benchmarks.datasets.base import Clip

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from alref.components.scores import Case
    from alref.records import Track
    from alref.result import Result

NEW, NEW_FRAMES = "v2", 10
SUBSETS = {"v1s": FRAMES, "v1m": FRAMES, NEW: NEW_FRAMES}


class _Semantic(Sounding):
    """The folder ``AVSBench_semantic``, or the folder in which it lies; pictures and true masks count from 0."""

    subsets: ClassVar[tuple[str, ...]]

    def index(self) -> dict[str, Clip]:
        """Read the rows of this split."""
        from alref_benchmarks.datasets.index_files import plain, read_rows

        path = self.base() / "metadata.csv"
        clips = {}
        for _, row in read_rows(path, ["uid", "split", "label"]):
            if row["label"] not in SUBSETS:
                raise InputError(f"{path}: {row['uid']}: expected a label of {', '.join(SUBSETS)}, got {row['label']!r}")
            if row["split"] == self.split and row["label"] in self.subsets:
                clips[plain(path, row["uid"])] = sounding(SUBSETS[row["label"]], row["label"])
        return clips

    def base(self) -> Path:
        """Name the folder that holds the table."""
        inner = self.root / "AVSBench_semantic"
        return inner if inner.is_dir() else self.root

    def frames(self, video: str) -> list[Path]:
        """Name the pictures of a video."""
        clip = self.clip(video)
        folder = self.base() / clip.folder / video / "frames"
        return [folder / f"{name}.jpg" for name in clip.frames]

    def truths(self, video: str) -> list[Path]:
        """Name the true maps of classes, by colour."""
        clip = self.clip(video)
        folder = self.base() / clip.folder / video / "labels_rgb"
        return [folder / f"{name}.png" for name in clip.frames]

    def sound(self, video: str) -> Path:
        """Name the sound of a video."""
        return self.base() / self.clip(video).folder / video / "audio.wav"


class Avss(_Semantic):
    """AVSBench-semantic: a map of 70 classes of what sounds, in clips of five or ten seconds."""

    name = "avsbench-avss"
    splits = ("test", "val")
    protocols = ("avss-avsbench", "avss-alref")
    counts = {"test": (1554, 1554), "val": (1304, 1304)}
    subsets = tuple(SUBSETS)

    def write(self, result: Result, video: str, folder: Path, name_as: NameAs) -> None:
        """Paint the objects in their order, in the colours of their classes; what is of no class is left out."""
        from alref.media.write import write_mask_pngs

        tracks = _classed(result.tracks_of(SOUND), name_as)
        maps = (_painted(tracks, frame, result) for frame in range(len(result.video.times)))
        write_mask_pngs(folder / self.home(video), maps, [path.stem for path in self.masks(folder, video, SOUND)])

    def cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Give the one case of a clip: class numbers."""
        from alref.components.scores import Case
        from alref_benchmarks.datasets.mask_files import read_classes, there

        files = self.masks(folder, video, SOUND)
        handed_in = (folder / self.home(video)).is_dir()
        truth = (there(path, read_classes(path)) for path in self.truths(video))
        yield Case(SOUND, truth, map(read_classes, files) if handed_in else None)


class V2Binary(_Semantic):
    """The clips of ten seconds that are new in AVSBench-semantic; any class is foreground."""

    name = "avsbench-v2-binary"
    splits = ("test", "val")
    protocols = ("avs-alref", "avs-avsbench")
    counts = {"test": (750, 750)}
    subsets = (NEW,)


def _classed(tracks: list[Track], name_as: NameAs) -> list[tuple[int, Track]]:
    """Pair tracks with the numbers of their classes."""
    from alref.audio.vocabulary import named

    classes = list(named("avsbench"))
    names = name_as([track.phrase.text for track in tracks], classes) if tracks else []
    return [(classes.index(name) + 1, track) for name, track in zip(names, tracks, strict=True) if name]


def _painted(tracks: list[tuple[int, Track]], frame: int, result: Result) -> npt.NDArray[np.uint8]:
    import numpy as np

    labels = np.zeros((result.video.height, result.video.width), np.uint8)
    for number, track in tracks:
        labels[track.mask(frame)] = number
    return labels
