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

Labels = npt.NDArray[np.uint8]
# the fastest setting of zlib and libpng for masks, and the smallest
_PNG_PARAMETERS = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
]
_PNG_SIGNATURE = b"\x89PNG"


def read_mask(path: Path) -> Mask | None:
    """Read a mask as bool (H, W): True where a pixel is not black, at any bit depth. None if the file does not exist.

    Raises InputError if it cannot be decoded, or has transparent pixels, which are ambiguous.
    """
    pixels = _decode_png(path, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        return None
    if pixels.ndim == 2:
        return np.asarray(pixels != 0, np.bool_)
    if pixels.shape[2] != 3:
        raise InputError(f"{path}: expected a gray, indexed or RGB image, got one with transparency; save it as a gray PNG")
    return np.asarray(reduce(cv2.bitwise_or, cv2.split(pixels)) != 0, np.bool_)


def read_objects(path: Path) -> Labels | None:
    """Read a label map, uint8 (H, W), indexed or gray. None if the file does not exist. Raises InputError."""
    try:
        with Image.open(match_suffix_case(path)) as image:
            if image.format != "PNG" or image.mode not in ("P", "L", "1"):
                raise InputError(f"{path}: expected an indexed or gray 8-bit PNG, got {image.format} of mode {image.mode}")
            return np.asarray(image, np.uint8)
    except FileNotFoundError:
        return None
    except IMAGE_ERRORS as error:
        raise _make_read_error(path, error) from error


def read_classes(path: Path) -> Labels | None:
    """Read a class map of AVSBench by its colors, uint8 (H, W). None if the file does not exist.

    As in the official code, unknown colors are background. Raises InputError if all pixels are unknown grays, which suggests
    plain class indices.
    """
    pixels = _decode_png(path, cv2.IMREAD_COLOR_RGB)
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


def _decode_png(path: Path, flags: int) -> LabelMap | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        shouted = match_suffix_case(path)
        return None if shouted == path else _decode_png(shouted, flags)
    except OSError as error:
        raise _make_read_error(path, error) from error
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data.startswith(_PNG_SIGNATURE) else None
    if pixels is None:
        raise _make_read_error(path)
    return np.asarray(pixels)


def _make_read_error(path: Path, error: Exception | None = None) -> InputError:
    if isinstance(error, PermissionError):
        return make_permission_error(path)
    why = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return InputError(f"{path}: expected a mask as PNG, cannot read it{why}; save or download it again")
