"""Videos with expressions that a server scores: Ref-YouTube-VOS (Seo et al., ECCV 2020), MeViS (Ding et al., ICCV 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from alref_benchmarks.datasets.base import Clip, OneMaskEach

if TYPE_CHECKING:
    from alref.components.scores import Map

_READING = Lock()


class _Served(OneMaskEach):
    """Masks are ``<video>/<expression>/<frame>.png``, and so is the archive, below ``top``."""

    fps = 6.0
    top: ClassVar[str]

    def frames(self, video: str) -> list[Path]:
        """Name the pictures of a video."""
        folder = self.pictures() / "JPEGImages" / video
        return [folder / f"{name}.jpg" for name in self.clip(video).frames]

    def pictures(self) -> Path:
        """Name the folder that holds the pictures of this split."""
        return self.root / self.split

    def home(self, video: str) -> Path:
        """Name the folder of a video's predicted masks."""
        return Path(video)

    def masks(self, folder: Path, video: str, reference: str) -> list[Path]:
        """Name the files of the predicted masks of an expression."""
        own = folder / video / reference
        return [own / f"{name}.png" for name in self.clip(video).frames]

    def pack(self, folder: Path, file: Path, videos: Sequence[str]) -> None:
        """Write the archive. Raises InputError that says which masks are missing."""
        from alref_benchmarks.datasets.archive import pack

        files = [mask for video in videos for name in self.clip(video).expressions for mask in self.masks(Path(), video, name)]
        pack(folder, files, file, self.top)


class RefYouTubeVos(_Served):
    """YouTube-VOS with expressions; the truth of both parts of its validation set is the server's."""

    name = "ref-youtube-vos"
    homepage = "https://youtube-vos.org/dataset/rvos/"
    licence = "see the homepage"
    splits = ("valid", "test", "train")
    protocols = ("ref-youtube-vos",)
    scored = {"valid": (), "test": ()}
    counts = {"valid": (202, 834), "train": (3471, 12913)}
    top = "Annotations/"

    def index(self) -> dict[str, Clip]:
        """Read the expressions. The file of split valid lists the videos of split test as well."""
        from alref_benchmarks.datasets.index_files import numbered, read_expressions

        lists = {split: self.root / "meta_expressions" / split / "meta_expressions.json" for split in self.splits}
        clips = read_expressions(lists[self.split])
        if self.protocols:
            return numbered(lists[self.split], clips)
        others = set(read_expressions(lists["test"])) if self.split == "valid" else set()
        return {video: clip for video, clip in clips.items() if video not in others}

    def pictures(self) -> Path:
        """Name the folder of the pictures: those of split test lie in ``test``, or with those of split valid."""
        own = self.root / self.split
        return self.root / "valid" if self.split == "test" and not own.is_dir() else own

    def truths(self, video: str) -> list[Path]:
        """Name the maps of true objects."""
        if not self.protocols:
            return []
        folder = self.root / self.split / "Annotations" / video
        return [folder / f"{name}.png" for name in self.clip(video).frames]

    def truth(self, video: str, reference: str) -> Iterator[Map]:
        """Pick the object that is meant from the maps."""
        from alref_benchmarks.datasets.mask_files import read_objects, there

        number = int(self.clip(video).expressions[reference].objects[0])
        return (there(path, read_objects(path)) == number for path in self.truths(video))


class MeViS(_Served):
    """Videos in which motion tells objects apart; an expression may mean several of them, or none."""

    name = "mevis"
    homepage = "https://henghuiding.com/MeViS/"
    licence = "CC BY-NC-SA 4.0"
    splits = ("valid", "valid_u", "train")
    protocols = ("mevis",)
    scored = {"valid": ()}
    counts = {"valid": (140, 2236), "valid_u": (50, 793), "train": (1662, 23051)}
    top = ""

    def index(self) -> dict[str, Clip]:
        """Read the expressions, beside the pictures or in a folder of their own."""
        from alref_benchmarks.datasets.index_files import first_of, read_expressions

        file = "meta_expressions.json"
        return read_expressions(first_of(self.root / self.split / file, self.root / "meta_expressions" / self.split / file))

    def truths(self, video: str) -> list[Path]:
        """Name none: the true masks are in ``mask_dict.json``."""
        return []

    def truth(self, video: str, reference: str) -> Iterator[Map]:
        """Merge the masks that are meant, frame by frame."""
        from alref_benchmarks.datasets.mevis_masks import merged

        return merged(self, video, self.clip(video).expressions[reference].objects)

    def oddities(self, video: str) -> Iterator[str]:
        """Say which masks are missing or have too few frames."""
        if not self.protocols:
            return
        clip, kept = self.clip(video), self.rles
        for number in dict.fromkeys(each for said in clip.expressions.values() for each in said.objects):
            got = len(kept.get(number, ()))
            if got != len(clip.frames):
                yield f"mask {number}: expected {len(clip.frames)} frames in mask_dict.json, got {got}"

    @property
    def rles(self) -> dict[str, list[Any]]:
        """The masks of all objects by number: COCO's compressed run lengths or null for each frame, read once."""
        with _READING:
            return self._rles

    @cached_property
    def _rles(self) -> dict[str, list[Any]]:
        from alref_benchmarks.datasets.index_files import loads

        return loads(self.root / self.split / "mask_dict.json")
