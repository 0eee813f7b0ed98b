"""Pictures on disk: a folder of frames, or a single picture, through Pillow."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageOps

from alref.errors import InputError, barred
from alref.media.audio_decoder import Block, Learnt, listen
from alref.media.draw import resize
from alref.media.frame_source import Source, shrunk
from alref.media.video import Frame

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
FPS = 24.0
_FILTERS = Lock()
EXIF_ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)


class FolderSource(Source):
    """The pictures of a folder in the order of their names, numbers in names counting as numbers, at a steady rate.

    Hidden files and other files are left out. All pictures have one size, upright as EXIF says; 16 bits become 8, palettes and
    greys become RGB, and transparency is dropped. ``sound`` is a file whose second 0 is heard with the first picture.
    """

    def __init__(
        self, paths: list[Path], fps: float | None = None, max_size: int | None = None, sound: Path | None = None
    ) -> None:
        self._paths = paths
        self._sound = sound
        self.fps = FPS if fps is None else fps
        if self.fps <= 0:
            raise InputError(f"fps: expected more than 0 frames a second, got {fps:g}")
        self.times = np.arange(len(paths)) / self.fps
        self.height, self.width = shrunk(*_size_of_all(paths), max_size)

    def read(self, number: int) -> Frame:
        """Return picture ``number``. Raises InputError when it cannot be decoded."""
        frame = read_picture(self._paths[number])
        return frame if frame.shape[:2] == (self.height, self.width) else resize(frame, self.height, self.width)

    def listen(self, rate: int, start: float, end: float, learnt: Learnt) -> Iterator[Block]:
        """Yield the sound of the seconds [start, end) of the sound file beside the pictures, if there is one."""
        return listen(self._sound, rate, 0, (start, end), learnt) if self._sound else iter(())

    def files(self) -> Iterable[Path]:
        """Return the pictures, and the sound file."""
        return [*self._paths, *([self._sound] if self._sound else [])]


def pictures_in(folder: Path) -> list[Path]:
    """List the pictures of a folder in natural order of their names: 2 before 10. Raises InputError when there are none."""
    try:
        found = listed(folder)
    except PermissionError as error:
        raise barred(folder) from error
    if not found:
        raise InputError(f"{folder}: no pictures in this folder; expected {', '.join(sorted(SUFFIXES))} files")
    return found


def listed(folder: Path) -> list[Path]:
    """List what is taken for pictures in a folder, in natural order of their names. Raises OSError."""
    found = [path for path in folder.iterdir() if is_picture(path) and not path.name.startswith(".")]
    return sorted(found, key=lambda path: (_natural(path.name), path.name))


def is_picture(path: Path) -> bool:
    """Whether a file is taken for a single picture, by its suffix in any case."""
    return path.suffix.lower() in SUFFIXES


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out Pillow's remarks on pictures; one thread at a time, since filters of warnings are the process's."""
    with _FILTERS, warnings.catch_warnings(action="ignore"):
        yield


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture without Pillow's remarks on it."""
    with _quiet(), Image.open(path) as image:
        yield image


def read_picture(path: Path) -> Frame:
    """Read a picture file as uint8 (H, W, 3) RGB, upright. Raises InputError when it is damaged."""
    try:
        with open_picture(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                return np.repeat((np.asarray(upright) >> 8).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
            return np.array(upright.convert("RGBA").convert("RGB") if upright.mode == "P" else upright.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from error


def _size_of_all(paths: Sequence[Path]) -> tuple[int, int]:
    """Read (height, width) of pictures of one size. Raises InputError for one that has another."""
    with _quiet():
        first, *others = ((path, *_size(path)) for path in paths)
    for path, height, width in others:
        if (height, width) != first[1:]:
            expected = f"{first[2]}x{first[1]} as in {paths[0].name}"
            raise InputError(f"{path}: expected {expected}, got {width}x{height}; a folder holds the frames of one video")
    return first[1:]


def _size(path: Path) -> tuple[int, int]:
    """Read (height, width) of the upright picture from its header."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (width, height) if image.getexif().get(EXIF_ORIENTATION) in SIDEWAYS else (height, width)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    if isinstance(error, PermissionError):
        return barred(path)
    return InputError(f"{path}: the picture cannot be read ({error}); replace it or take it out of the folder")


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part.casefold()) for part in re.split(r"(\d+)", name)]
