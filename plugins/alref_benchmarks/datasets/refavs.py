"""Ref-AVS (Wang et al., ECCV 2024): objects that text and sound together point at, in ten frames of ten seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alref_benchmarks.datasets.base import Clip, Expression, OneMaskEach

if TYPE_CHECKING:
    from alref.components.scores import Map

FRAMES = tuple(map(str, range(10)))
NULL = "test_n"


class RefAvs(OneMaskEach):
    """Expressions such as "the object that makes the loudest sound"; those of split test_n mean nothing that is there."""

    name = "ref-avs"
    homepage = "https://gewu-lab.github.io/Ref-AVS/"
    licence = "MIT (expressions); see the homepage"
    splits = ("test_s", "test_u", NULL, "val", "train")
    protocols = ("ref-avs",)
    scored = {NULL: ("ref-avs-null",)}
    counts = {"test_s": (273, 2288), "test_u": (269, 1656), NULL: (257, 1028), "val": (257, 1349), "train": (2767, 14113)}
    fps = 1.0
    heard = True

    def index(self) -> dict[str, Clip]:
        """Read the rows of this split. An id that comes twice is told apart by a number."""
        from alref_benchmarks.datasets.index_files import plain, read_rows

        path = self.root / "metadata.csv"
        rows = [row for _, row in read_rows(path, ["uid", "split", "fid", "exp"]) if row["split"] == self.split]
        said: dict[str, dict[str, Expression]] = {}
        times = Counter[str]()
        for place, row in enumerate(rows):
            uid = plain(path, row["uid"])
            times[uid] += 1
            name = f"{uid} ({times[uid]})" if times[uid] > 1 else uid
            video = plain(path, uid.rsplit("_", 2)[0])
            said.setdefault(video, {})[name] = Expression(row["exp"], (plain(path, row["fid"]),), place)
        return {video: Clip(FRAMES, of_video) for video, of_video in said.items()}

    def frames(self, video: str) -> list[Path]:
        """Name the pictures of a video."""
        folder = self.root / "media" / video / "frames"
        return [folder / f"{name}.jpg" for name in FRAMES]

    def sound(self, video: str) -> Path:
        """Name the sound of a video."""
        return self.root / "media" / video / "audio.wav"

    def truths(self, video: str) -> list[Path]:
        """Name the pictures of the true masks of all objects that are meant; those of split test_n are empty."""
        meant = dict.fromkeys(said.objects[0] for said in self.clip(video).expressions.values())
        return [] if self.split == NULL else [path for number in meant for path in self.of_object(video, number)]

    def of_object(self, video: str, number: str) -> list[Path]:
        """Name the pictures of the true masks of one object."""
        folder = self.root / "gt_mask" / video / f"fid_{number}"
        return [folder / f"0000{name}.png" for name in FRAMES]

    def home(self, video: str) -> Path:
        """Name the folder of a video's predicted masks."""
        return Path(video)

    def masks(self, folder: Path, video: str, reference: str) -> list[Path]:
        """Name the files of the predicted masks of an expression."""
        own = folder / video / reference
        return [own / f"{name}.png" for name in FRAMES]

    def truth(self, video: str, reference: str) -> Iterator[Map]:
        """Read the true masks of an expression."""
        from alref_benchmarks.datasets.mask_files import blank, read_mask, there

        if self.split == NULL:
            return (blank(path) for path in self.frames(video))
        files = self.of_object(video, self.clip(video).expressions[reference].objects[0])
        return (there(path, read_mask(path)) for path in files)
