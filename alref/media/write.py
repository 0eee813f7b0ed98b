"""Write masks and overlays; each file is written atomically."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from alref.errors import InputError
from alref.media.draw import build_color_map
from alref.media.image_folder import IMAGE_ERRORS, open_image
from alref.media.video import Frame
from alref.media.video_encoder import open_video_encoder
from alref.utils import atomic
from alref.utils.masks import Mask

LabelMap = npt.NDArray[np.uint8]


def write_mask_pngs(folder: Path, labels: Iterable[LabelMap], names: Iterable[str]) -> None:
    """Write one indexed PNG ``<folder>/<name>.png`` for each label map, with the palette of PASCAL VOC and DAVIS.

    ``labels`` are uint8 (H, W), 0 for the background and 1..255 for the objects. Raises OutputError.
    """
    atomic.make_folder(folder)
    for label_map, name in zip(labels, names, strict=True):
        image = Image.fromarray(label_map)
        image.putpalette(build_color_map().tobytes())
        with atomic.atomic_path(folder / f"{name}.png") as path:
            image.save(path, "PNG", compress_level=3)


def read_label_map(path: Path) -> LabelMap:
    """Read an indexed or gray 8-bit image as a uint8 (H, W) label map; 0 is the background. Raises InputError."""
    image = _read_mask_image(path)
    if image.mode not in ("P", "L", "1"):
        raise InputError(f"{path}: expected an indexed or gray 8-bit PNG, got mode {image.mode}; save it as an indexed PNG")
    return np.array(image, np.uint8)


def read_mask(path: Path) -> Mask:
    """Read a mask drawn by a user as bool (H, W): every pixel that is neither zero nor fully transparent.

    Indexed images are read by index, not by color. Raises InputError when it is not a lossless image, or is empty.
    """
    image = _read_mask_image(path)
    planes: Mask = np.atleast_3d(np.array(image)) != 0
    clear = image.mode in ("RGBA", "LA", "PA")
    mask: Mask = np.any(planes[..., :-1], axis=2) & planes[..., -1] if clear else np.any(planes, axis=2)
    if not mask.any():
        raise InputError(f"{path}: expected a mask with at least one pixel that is not zero; paint the object white on black")
    return mask


def _read_mask_image(path: Path) -> Image.Image:
    try:
        with open_image(path) as image:
            image.load()
            if image.format == "JPEG":
                raise InputError(f"{path}: expected a lossless image, got JPEG, which alters values; save it as PNG")
            return image.copy()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the PNG of a mask") from None
    except IMAGE_ERRORS as error:
        raise InputError(f"{path}: expected the PNG of a mask, cannot read it ({error}); save it again as PNG") from error


def write_video(path: Path, frames: Iterable[Frame], times: Sequence[float]) -> None:
    """Encode uint8 (H, W, 3) frames at their ``times`` as ``open_video_encoder`` does. Raises OutputError."""
    with open_video_encoder(path, times) as encoder:
        for frame in frames:
            encoder.write_frame(frame)
