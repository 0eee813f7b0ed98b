"""A small data set as somebody else would write one, and a plugin: two squares in each video, in folders of PNG pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from alref.components.dataset import Dataset, DatasetProblem, NameMatcher
from alref.components.scores import Case
from alref.errors import InputError
from alref.media.reader import open_frames
from alref.media.video import Video
from alref.plugins.hookspecs import hookimpl
from alref.records import Reference
from alref.result import Result
from alref.utils.masks import Mask

SIZE = (24, 32)
FRAMES = 3
COLORS = {"red": (220, 30, 30), "blue": (30, 30, 220)}


def draw(root: Path, videos: int = 2) -> Path:
    """Write the data set."""
    for number in range(videos):
        home = root / f"video {number}"
        for index in range(FRAMES):
            picture = np.full((*SIZE, 3), 110, np.uint8)
            for place, (name, color) in enumerate(COLORS.items()):
                mask = np.zeros(SIZE, np.bool_)
                mask[2 + 10 * place : 10 + 10 * place, 4 + 6 * index + number : 14 + 6 * index] = True
                picture[mask] = color
                save(home / name / f"{index}.png", mask.astype(np.uint8) * 255)
            save(home / "frames" / f"{index}.png", picture)
    return root


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def read(path: Path) -> Mask:
    """Read a mask. Raises InputError."""
    try:
        return np.asarray(np.asarray(Image.open(path)) > 0, np.bool_)
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read: {type(error).__name__}") from error


class Squares(Dataset):
    """Two squares that move right; the truth of split test is nobody's business."""

    name = "squares"
    homepage = "https://example.org"
    license = "CC0"
    splits = ("train", "test")
    protocols = ("avs-alref",)
    split_protocols = {"test": ()}

    def list_videos(self) -> list[str]:
        if not list(self.root.glob("video *")):
            raise InputError(f"{self.root}: expected folders called video 0, video 1, …")
        return sorted(path.name for path in self.root.glob("video *"))

    def pictures(self, video: str, kind: str) -> list[Path]:
        return [self.root / self.require_video(video) / kind / f"{index}.png" for index in range(FRAMES)]

    def read_references(self, video: str) -> list[Reference]:
        self.require_video(video)
        return [Reference(id=name, text=f"the {name} square") for name in COLORS]

    def open_video(self, video: str) -> Video:
        return open_frames(self.pictures(video, "frames"), fps=1.0)

    def find_problems(self) -> Iterator[DatasetProblem]:
        for video in self.list_videos():
            for kind in ("frames", *COLORS):
                for path in self.pictures(video, kind):
                    try:
                        read(path)
                    except InputError as error:
                        yield DatasetProblem(str(error), video)

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        for name in COLORS:
            for index, mask in enumerate(result.masks(name)):
                save(folder / video / name / f"{index}.png", mask.astype(np.uint8) * 255)

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        self.require_ground_truth()
        for name in COLORS:
            home = folder / self.require_video(video) / name
            files = [home / f"{index}.png" for index in range(FRAMES)]
            read_back = (read(path) if path.exists() else None for path in files)
            yield Case(name, map(read, self.pictures(video, name)), read_back if home.exists() else None)


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    return [Squares]
