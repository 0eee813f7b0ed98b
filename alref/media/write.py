"""Write masks and overlays; each file is written atomically."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream
from PIL import Image

from alref.errors import InputError
from alref.media.draw import build_color_map, resize_frame
from alref.media.frame_source import limit_size
from alref.media.image_folder import IMAGE_ERRORS, open_image
from alref.media.video import Frame
from alref.utils import atomic
from alref.utils.masks import Mask

LabelMap = npt.NDArray[np.uint8]
TICKS_PER_SECOND = 90_000
MAX_DURATION_TICKS = 2**31 - 1
"""MP4 stores the duration of a frame in 32 bits; a longer one, of more than six hours, is shortened."""
MAX_ENCODED_SIDE = 16_384
"""H.264 encodes no larger side; larger frames are downscaled."""


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


@contextmanager
def open_video_encoder(path: Path, times: Sequence[float]) -> Iterator[VideoEncoder]:
    """Yield an encoder of frames at their ``times`` (seconds, increasing) to H.264 in MP4, which browsers can play.

    Frames are encoded one by one, so memory stays bounded. The file appears when the block ends; write one frame for each time.
    Raises OutputError.
    """
    atomic.make_folder(path.parent)
    with atomic.atomic_path(path) as part, av.open(f"file:{part}", "w", "mp4", options={"movflags": "+faststart"}) as file:
        encoder = VideoEncoder(file, times)
        yield encoder
        encoder.finish()


class VideoEncoder:
    """Encodes frames into an open file; odd sizes are padded by a row or a column of the same color.

    The clip begins at 0 for any first value of ``times``, and the last frame has the typical duration.
    """

    def __init__(self, file: OutputContainer, times: Sequence[float]) -> None:
        self._file = file
        self._stream: VideoStream | None = None
        rounded = np.round((np.asarray(times, np.float64) - times[0]) * TICKS_PER_SECOND)
        durations = np.clip(np.diff(rounded), 1, MAX_DURATION_TICKS).astype(np.int64)
        self._ticks = np.concatenate([[0], np.cumsum(durations)])
        self._typical = int(np.median(durations)) if len(durations) else TICKS_PER_SECOND // 25
        self._durations = [*durations, self._typical]
        self._written = 0

    def write_frame(self, frame: Frame) -> None:
        """Encode the next frame, uint8 (H, W, 3). Raises ValueError when there is no time for it."""
        if self._written == len(self._ticks):
            raise ValueError(f"expected {len(self._ticks)} frames, got more")
        if max(frame.shape[:2]) > MAX_ENCODED_SIDE:
            frame = resize_frame(frame, *limit_size(frame.shape[0], frame.shape[1], MAX_ENCODED_SIDE))
        self._stream = self._stream or _add_h264_stream(self._file, frame, self._typical)
        picture = av.VideoFrame.from_ndarray(_pad_to_even(frame), format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        picture.pts, picture.time_base = int(self._ticks[self._written]), Fraction(1, TICKS_PER_SECOND)
        picture.duration = int(self._durations[self._written])
        self._file.mux(self._stream.encode(picture))
        self._written += 1

    def finish(self) -> None:
        """Encode the remaining frames. Raises ValueError when frames are missing."""
        if self._written != len(self._ticks):
            raise ValueError(f"expected {len(self._ticks)} frames, got {self._written}")
        if self._stream:
            self._file.mux(self._stream.encode())


def _add_h264_stream(file: OutputContainer, frame: Frame, typical_duration: int) -> VideoStream:
    """Add a stream without B-frames, because with them MP4 gets the length of clips with a variable frame rate wrong."""
    options = {"preset": "veryfast", "crf": "20", "bf": "0"}
    stream = file.add_stream("libx264", rate=Fraction(TICKS_PER_SECOND, typical_duration), options=options)
    height, width = _pad_to_even(frame).shape[:2]
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, TICKS_PER_SECOND)
    context.colorspace = context.color_primaries = context.color_trc = int(Colorspace.ITU709)
    return stream


def _pad_to_even(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    padding = ((0, height % 2), (0, width % 2), (0, 0))
    return np.ascontiguousarray(np.pad(frame, padding, mode="edge") if height % 2 or width % 2 else frame)
