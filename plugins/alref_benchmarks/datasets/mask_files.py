"""Read and write masks with the fastest decoder that is exact for each format."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from alref import InputError, Mask
from alref.components.scores import LabelMap
from alref.errors import make_permission_error
from alref.media.image_folder import IMAGE_ERRORS
from alref.utils import atomic
from alref_benchmarks.datasets.fast_png import IndexedImage, decode_png
from alref_benchmarks.datasets.file_names import match_suffix_case
from alref_benchmarks.metrics.palette import convert_colors_to_labels
from alref_benchmarks.metrics.refavs import pack_colors

Labels = npt.NDArray[np.uint8]
# the fastest setting of zlib and libpng for masks, and the smallest
_PNG_PARAMETERS = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
]
_WHITE = 0xFFFFFF
_PNG_SIGNATURE = b"\x89PNG"
_CLEARLY_BRIGHT = 16
"""A color with a channel of at least this is not black as gray, by any weights."""


def read_mask(path: Path) -> Mask | None:
    """Read a mask as bool (H, W): True where a pixel is not black, at any bit depth. None if the file does not exist.

    Raises InputError if it cannot be decoded, or has transparent pixels, which are ambiguous.
    """
    data = _read_data(path)
    if data is None:
        return None
    image = decode_png(data)
    if image is not None:
        return _threshold_colors(image, 1)
    pixels = _decode_image(path, data, cv2.IMREAD_UNCHANGED)
    if pixels.ndim == 2:
        return np.asarray(pixels != 0, np.bool_)
    if pixels.shape[2] != 3:
        raise InputError(f"{path}: expected a gray, indexed or RGB image, got one with transparency; save it as a gray PNG")
    return np.asarray(reduce(cv2.bitwise_or, cv2.split(pixels)) != 0, np.bool_)


def read_gray_mask(path: Path) -> Mask | None:
    """Read a mask as bool (H, W) as OpenCV does: True where the 8-bit gray value is not 0.

    Very dark colors and 16-bit values below 256 are 0. None if the file does not exist or cannot be decoded. Raises InputError
    if it cannot be accessed.
    """
    data = _read_data(path)
    image = decode_png(data) if data else None
    if image is not None and _has_clear_colors(image):
        return _threshold_colors(image, _CLEARLY_BRIGHT)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    return None if pixels is None else np.asarray(pixels != 0, np.bool_)


def read_colored_mask(path: Path) -> LabelMap | None:
    """Read a true mask of Ref-AVS: bool (H, W) if it is black and white, else its packed colors.

    None if the file does not exist. Raises InputError.
    """
    data = _read_data(path)
    if data is None:
        return None
    packed = pack_colors(_decode_image(path, data, cv2.IMREAD_COLOR))
    return packed != 0 if np.isin(packed, (0, _WHITE)).all() else packed


def read_bilevel(path: Path) -> Mask | None:
    """Read a mask as bool (H, W) as Pillow converts to black and white, gray values dithered. None if it does not exist."""
    data = _read_data(path)
    stored = None if data is None else decode_png(data)
    if stored is not None and stored.palette is None and _is_black_and_white(stored.values):
        return np.asarray(stored.values, np.bool_)
    return None if data is None else np.asarray(_open_image(path, data).convert("1"), np.bool_)


def read_fractions(path: Path) -> LabelMap | None:
    """Read a true mask of MS3 as officially: by its index in a palette of 256 colors. None if the file does not exist.

    A white pixel of a gray image is 255 and counts fully, one of an RGB image is 225 of the web palette and counts in part.
    Return bool (H, W) for 0 and 255, else float32 (H, W) in 0..1.
    """
    data = _read_data(path)
    if data is None:
        return None
    stored = decode_png(data)
    numbers = np.asarray(_open_image(path, data).convert("P"), np.uint8) if stored is None else stored.values
    return numbers != 0 if _is_black_and_white(numbers) else numbers / np.float32(255)


def read_objects(path: Path) -> Labels | None:
    """Read a label map, uint8 (H, W), indexed or gray of 8 or 16 bits. None if the file does not exist. Raises InputError."""
    data = _read_data(path)
    if data is None:
        return None
    stored = decode_png(data)
    if stored is not None:
        return stored.values
    image = _open_image(path, data)
    if image.format != "PNG" or image.mode not in ("P", "L", "1", "I;16", "I"):
        raise InputError(f"{path}: expected an indexed or gray PNG, got {image.format} of mode {image.mode}")
    labels = np.asarray(image)
    if labels.max(initial=0) > np.iinfo(np.uint8).max:
        raise InputError(f"{path}: expected object numbers 0..255, got {labels.max()}; save the numbers, not colors")
    return labels.astype(np.uint8)


def read_classes(path: Path) -> Labels | None:
    """Read a class map of AVSBench by its colors, uint8 (H, W). None if the file does not exist.

    As in the official code, unknown colors are background. Raises InputError if all pixels are unknown grays, which suggests
    plain class indices.
    """
    data = _read_data(path)
    if data is None:
        return None
    pixels = _decode_image(path, data, cv2.IMREAD_COLOR_RGB)
    labels, unknown = convert_colors_to_labels(pixels)
    if unknown and not labels.any() and not np.ptp(pixels, axis=2).any():
        raise InputError(f"{path}: expected the colors of AVSBench's classes, got none of them; save it as an RGB image")
    return labels


def make_empty_mask(frame: Path) -> Mask:
    """Return an empty mask, bool (H, W), of the size of a frame. Raises InputError."""
    try:
        with Image.open(match_suffix_case(frame)) as image:
            return np.zeros((image.height, image.width), np.bool_)
    except IMAGE_ERRORS as error:
        raise InputError(f"{frame}: the image cannot be read ({error}); download it again") from error


def read_required(path: Path, read: Callable[[Path], LabelMap | None]) -> LabelMap:
    """Read a true map. Raises InputError if there is none."""
    map_ = read(path)
    if map_ is None:
        raise InputError(f"{path}: the true mask is missing; download the dataset again, or see: alref data check")
    return map_


def write_mask_files(paths: Sequence[Path], masks: Iterable[Mask], foreground: int = 255) -> None:
    """Write masks, bool (H, W), as gray images of 0 and ``foreground`` into one folder. Raises OutputError."""
    atomic.make_folder(paths[0].parent)
    for path, mask in zip(paths, masks, strict=True):
        atomic.write_bytes(path, cv2.imencode(".png", mask.view(np.uint8) * foreground, _PNG_PARAMETERS)[1].tobytes())


def _threshold_colors(image: IndexedImage, least: int) -> Mask:
    """Return where a color has a channel of at least ``least``, bool (H, W); for gray values, where they are not 0."""
    if image.palette is None:
        return np.asarray(image.values, np.bool_)
    bright = np.zeros(256, np.uint8)
    bright[: len(image.palette)] = image.palette.max(axis=1) >= least
    if not bright[0] and bright[1 : len(image.palette)].all():
        return np.asarray(image.values, np.bool_)
    return np.asarray(cv2.LUT(image.values, bright), np.bool_)


def _has_clear_colors(image: IndexedImage) -> bool:
    """Return True if every color of the palette is black or clearly bright."""
    if image.palette is None:
        return True
    highest = image.palette.max(axis=1)
    return bool(((highest == 0) | (highest >= _CLEARLY_BRIGHT)).all())


def _is_black_and_white(values: Labels) -> bool:
    """Return True if all values are 0 or 255."""
    return bool((values + np.uint8(1) <= 1).all())


def _open_image(path: Path, data: bytes) -> Image.Image:
    """Decode the data of an image. Raises InputError."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image
    except IMAGE_ERRORS as error:
        raise _make_read_error(path, error) from error


def _read_data(path: Path) -> bytes | None:
    """Read a file, whose suffix can be in upper case. None if it does not exist. Raises InputError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        other = match_suffix_case(path)
        return None if other is path else _read_data(other)
    except OSError as error:
        raise _make_read_error(path, error) from error


def _decode_image(path: Path, data: bytes, flags: int) -> Labels:
    """Decode the data of a PNG with OpenCV. Raises InputError."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data.startswith(_PNG_SIGNATURE) else None
    if pixels is None:
        raise _make_read_error(path)
    return np.asarray(pixels)


def _make_read_error(path: Path, error: Exception | None = None) -> InputError:
    if isinstance(error, PermissionError):
        return make_permission_error(path)
    why = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return InputError(f"{path}: expected a mask as PNG, cannot read it{why}; save or download it again")
