"""Images on disk, read with Pillow: a folder of frames, or a single image."""

from __future__ import annotations

import re
import struct
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from alref.errors import InputError, make_permission_error
from alref.media.draw import resize_frame
from alref.media.frame_source import FrameSource, limit_size
from alref.media.video import Frame
from alref.utils.text import format_path

if TYPE_CHECKING:
    from alref.media.audio_block import AudioBlock
    from alref.media.audio_decoder import AudioTrackInfo

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
SAME_TYPES = {".jpeg": ".jpg", ".tiff": ".tif"}
DEFAULT_FPS = 24.0
IMAGE_ERRORS = (
    *(OSError, EOFError, ValueError, TypeError, SyntaxError, LookupError, ArithmeticError, MemoryError),
    *(struct.error, Image.DecompressionBombError),
)
"""What Pillow raises for a damaged image: it documents no list, and a damaged header can raise any of these."""
_WARNINGS_LOCK = Lock()
EXIF_ORIENTATION, ROTATED_ORIENTATIONS = 0x0112, (5, 6, 7, 8)


class ImageFolderSource(FrameSource):
    """The images of a folder in natural order of their names (2 before 10), at a constant frame rate.

    Hidden files and other files are ignored. All images have one size, upright according to EXIF; 16 bits become 8, palettes
    and grays become RGB, and transparency is dropped. ``audio_path`` is an audio file that begins with the first image.
    """

    def __init__(
        self, paths: list[Path], fps: float | None = None, max_size: int | None = None, audio_path: Path | None = None
    ) -> None:
        self._paths = paths
        self._audio_path = audio_path
        self.fps = DEFAULT_FPS if fps is None else fps
        if self.fps <= 0:
            raise InputError(f"fps: expected more than 0 frames a second, got {fps:g}")
        self.times = np.arange(len(paths)) / self.fps
        self.height, self.width = limit_size(*_read_common_size(paths), max_size)

    def read_frame(self, number: int) -> Frame:
        """Return image ``number``. Raises InputError when it cannot be decoded."""
        frame = read_image(self._paths[number])
        return frame if frame.shape[:2] == (self.height, self.width) else resize_frame(frame, self.height, self.width)

    def read_audio_blocks(self, rate: int, start: float, end: float, track_info: AudioTrackInfo) -> Iterator[AudioBlock]:
        """Yield the audio of the seconds [start, end) of the audio file that belongs to the images, if there is one."""
        from alref.media.audio_decoder import decode_audio  # PyAV takes 0.1 s to import

        return decode_audio(self._audio_path, rate, 0, (start, end), track_info) if self._audio_path else iter(())

    def read_channels(self, start: float, end: float, track_info: AudioTrackInfo) -> Iterator[AudioBlock]:
        """Yield all channels of the audio file that belongs to the images, if there is one."""
        from alref.media.audio_decoder import decode_channels

        return decode_channels(self._audio_path, 0, (start, end), track_info) if self._audio_path else iter(())

    @property
    def warnings(self) -> tuple[str, ...]:
        """Whether the folder mixes types of images, as frames and their masks in one folder do."""
        types = Counter(SAME_TYPES.get(path.suffix.lower(), path.suffix.lower()) for path in self._paths)
        if len(types) < 2:
            return ()
        listed = " and ".join(f"{count} {suffix}" for suffix, count in sorted(types.items()))
        return (f"{format_path(self._paths[0].parent.name)}: reads {listed} images as frames; if some are masks, move them",)

    def list_files(self) -> Iterable[Path]:
        """Return the images and the audio file."""
        return [*self._paths, *([self._audio_path] if self._audio_path else [])]


def find_images(folder: Path) -> list[Path]:
    """List the images of a folder in natural order of their names: 2 before 10.

    Raises InputError if there are none, or if two have one name, as an image and its mask do.
    """
    try:
        found = list_images(folder)
    except PermissionError as error:
        raise make_permission_error(folder) from error
    if not found:
        raise InputError(f"{folder}: no images in this folder; expected {', '.join(sorted(IMAGE_SUFFIXES))} files")
    names = Counter(path.stem.casefold() for path in found)
    same = [path.name for path in found if names[path.stem.casefold()] > 1]
    if same:
        example = " and ".join(name for name in same if Path(name).stem.casefold() == Path(same[0]).stem.casefold())
        reason = f"{len(same)} of {len(found)} images share a name with another, such as {example}"
        raise InputError(f"{folder}: {reason}; keep only the frames in this folder, and masks in another")
    return found


def list_images(folder: Path) -> list[Path]:
    """List the image files of a folder in natural order of their names. Raises OSError."""
    found = [path for path in folder.iterdir() if is_image(path) and not path.name.startswith(".")]
    return sorted(found, key=lambda path: (_make_sort_key(path.name), path.name))


def is_image(path: Path) -> bool:
    """Return whether a file is an image, by its suffix in upper or lower case."""
    return path.suffix.lower() in IMAGE_SUFFIXES


@contextmanager
def ignore_pillow_warnings() -> Iterator[None]:
    """Ignore Pillow's warnings; one thread at a time, because warning filters belong to the process."""
    with _WARNINGS_LOCK, warnings.catch_warnings(action="ignore"):
        yield


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image without Pillow's warnings."""
    with ignore_pillow_warnings(), Image.open(path) as image:
        yield image


def read_image(path: Path) -> Frame:
    """Read an image file as uint8 (H, W, 3) RGB, upright. Raises InputError when it is damaged."""
    try:
        with open_image(path) as image:
            return convert_image(image)
    except IMAGE_ERRORS as error:
        raise make_read_error(path, error) from error


def convert_image(image: Image.Image) -> Frame:
    """Return the current frame of an open image as uint8 (H, W, 3) RGB, upright."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        return np.repeat((np.asarray(upright) >> 8).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return np.array(upright.convert("RGBA").convert("RGB") if upright.mode == "P" else upright.convert("RGB"))


def _read_common_size(paths: Sequence[Path]) -> tuple[int, int]:
    """Read the common (height, width) of images. Raises InputError if the size of one differs."""
    with ignore_pillow_warnings():
        first, *others = ((path, *_read_image_size(path)) for path in paths)
    for path, height, width in others:
        if (height, width) != first[1:]:
            expected = f"{first[2]}x{first[1]} as in {paths[0].name}"
            raise InputError(f"{path}: expected {expected}, got {width}x{height}; a folder holds the frames of one video")
    return first[1:]


def _read_image_size(path: Path) -> tuple[int, int]:
    """Read (height, width) of the upright image from its header."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (width, height) if image.getexif().get(EXIF_ORIENTATION) in ROTATED_ORIENTATIONS else (height, width)
    except IMAGE_ERRORS as error:
        raise make_read_error(path, error) from error


def make_read_error(path: Path, error: Exception) -> InputError:
    """Return the error for an image that cannot be read."""
    if isinstance(error, PermissionError):
        return make_permission_error(path)
    return InputError(f"{path}: the image cannot be read ({error}); replace it or take it out of the folder")


def _make_sort_key(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part.casefold()) for part in re.split(r"(\d+)", name)]
