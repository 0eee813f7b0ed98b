"""Read and write masks with the fastest decoder that is exact for each format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from alref.components.scores import LabelMap
from alref.errors import InputError, make_permission_error
from alref.media.image_folder import IMAGE_ERRORS
from alref.utils import atomic
from alref.utils.masks import Mask
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


def read_mask(path: Path) -> Mask | None:
    """Read a mask as bool (H, W): True where a pixel is not black, at any bit depth. None if the file does not exist.

    Raises InputError if it cannot be decoded, or has transparent pixels, which are ambiguous.
    """
    pixels = _decode_image(path, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        return None
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
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    return None if pixels is None else np.asarray(pixels != 0, np.bool_)


def read_colored_mask(path: Path) -> LabelMap | None:
    """Read a true mask of Ref-AVS: bool (H, W) if it is black and white, else its packed colors.

    None if the file does not exist. Raises InputError.
    """
    colors = _decode_image(path, cv2.IMREAD_COLOR)
    if colors is None:
        return None
    packed = pack_colors(colors)
    return packed != 0 if np.isin(packed, (0, _WHITE)).all() else packed


def read_bilevel(path: Path) -> Mask | None:
    """Read a mask as bool (H, W) as Pillow converts to black and white, gray values dithered. None if it does not exist."""
    image = _open_image(path)
    return None if image is None else np.asarray(image.convert("1"), np.bool_)


def read_fractions(path: Path) -> LabelMap | None:
    """Read a true mask of MS3 as officially: by its index in a palette of 256 colors. None if the file does not exist.

    A white pixel of a gray image is 255 and counts fully, one of an RGB image is 225 of the web palette and counts in part.
    Return bool (H, W) for 0 and 255, else float32 (H, W) in 0..1.
    """
    image = _open_image(path)
    if image is None:
        return None
    numbers = np.asarray(image.convert("P"), np.uint8)
    whole = np.isin(numbers, (0, 255)).all()
    return numbers != 0 if whole else numbers / np.float32(255)


def read_objects(path: Path) -> Labels | None:
    """Read a label map, uint8 (H, W), indexed or gray of 8 or 16 bits. None if the file does not exist. Raises InputError."""
    image = _open_image(path)
    if image is None:
        return None
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
    pixels = _decode_image(path, cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        return None
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


def require_map(path: Path, map_: LabelMap | None) -> LabelMap:
    """Return a true map. Raises InputError if it is None."""
    if map_ is None:
        raise InputError(f"{path}: the true mask is missing; download the dataset again, or see: alref data check")
    return map_


def write_mask_files(paths: Sequence[Path], masks: Iterable[Mask]) -> None:
    """Write masks, bool (H, W), as gray images of 0 and 255 into one folder. Raises OutputError."""
    atomic.make_folder(paths[0].parent)
    for path, mask in zip(paths, masks, strict=True):
        atomic.write_bytes(path, cv2.imencode(".png", mask.view(np.uint8) * 255, _PNG_PARAMETERS)[1].tobytes())


def _open_image(path: Path) -> Image.Image | None:
    """Open and decode an image. None if it does not exist."""
    try:
        with Image.open(match_suffix_case(path)) as image:
            image.load()
            return image
    except FileNotFoundError:
        return None
    except IMAGE_ERRORS as error:
        raise _make_read_error(path, error) from error


def _read_data(path: Path) -> bytes | None:
    """Read a file, whose suffix can be in upper case. None if it does not exist. Raises InputError."""
    try:
        return match_suffix_case(path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _make_read_error(path, error) from error


def _decode_image(path: Path, flags: int) -> Labels | None:
    """Decode a PNG with OpenCV. None if it does not exist. Raises InputError."""
    data = _read_data(path)
    if data is None:
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data.startswith(_PNG_SIGNATURE) else None
    if pixels is None:
        raise _make_read_error(path)
    return np.asarray(pixels)


def _make_read_error(path: Path, error: Exception | None = None) -> InputError:
    if isinstance(error, PermissionError):
        return make_permission_error(path)
    why = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return InputError(f"{path}: expected a mask as PNG, cannot read it{why}; save or download it again")
