"""Small clips made by PyAV, whose frames can be told apart after any compression: each shows its number in black and white."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

BITS = 8
RATE = 25


def picture(number: int, height: int = 48, width: int = 64) -> npt.NDArray[np.uint8]:
    """Draw ``number`` as eight upright bars, white for 1, the lowest bit on the left; blue below, to tell up from down."""
    frame = np.zeros((height, width, 3), np.uint8)
    bars = np.array([255 * (number >> bit & 1) for bit in range(BITS)], np.uint8)
    frame[: height * 3 // 4] = bars[np.arange(width) * BITS // width][None, :, None]
    frame[height * 3 // 4 :, :, 2] = 255
    return frame


def number_of(frame: npt.NDArray[np.uint8]) -> int:
    """Read the number off a frame."""
    height, width = frame.shape[:2]
    centers = (np.arange(BITS) * 2 + 1) * width // (2 * BITS)
    values = frame[height // 8 : height // 2][:, centers].mean(axis=(0, 2))
    return sum(1 << bit for bit, value in enumerate(values) if value > 128)


def encode(
    path: Path,
    count: int = 30,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (48, 64),
    pts: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    rotation: int = 0,
    flips: tuple[bool, bool] = (False, False),
    rate: int = RATE,
    sound_codec: str = "pcm_f32le",
    aspect: Fraction | None = None,
    sounds: Sequence[tuple[npt.NDArray[np.float32], int]] = (),
    **container: Any,
) -> Path:
    """Write ``count`` numbered frames; ``pts`` in 1/``rate`` s; ``sounds`` are samples (channels, N) at 16 kHz with a start.

    Players rotate it to the left by ``rotation`` degrees, and then mirror it (left to right, top to bottom) by ``flips``.
    """
    with av.open(str(path), "w", **container) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = size
        stream.pix_fmt = pix_fmt
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation or any(flips):
            stream.set_display_rotation(rotation, *flips)
        tracks = [file.add_stream(sound_codec, rate=16000, layout=layout(samples)) for samples, _ in sounds]
        for number, at in enumerate(range(count) if pts is None else pts):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.start_encoding()
        file.mux(stream.encode())
        for track, (samples, start) in zip(tracks, sounds, strict=True):
            for frame in blocks(samples, start):
                file.mux(track.encode(frame))
            file.mux(track.encode())
    return path


def layout(samples: npt.NDArray[np.float32]) -> str:
    """Name the layout of samples (channels, N)."""
    return {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]


def blocks(samples: npt.NDArray[np.float32], start: int, rate: int = 16000, size: int = 800) -> list[av.AudioFrame]:
    """Cut samples (channels, N) into frames."""
    frames = []
    for first in range(0, samples.shape[1], size):
        part = np.ascontiguousarray(samples[:, first : first + size].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout=layout(samples))
        frame.sample_rate, frame.pts, frame.time_base = rate, start + first, Fraction(1, rate)
        frames.append(frame)
    return frames


def write_sound(path: Path, samples: npt.NDArray[np.float32], codec: str, rate: int = 16000) -> Path:
    """Write samples (channels, N) as a sound file."""
    with av.open(str(path), "w") as file:
        track = file.add_stream(codec, rate=rate, layout=layout(samples))
        for frame in blocks(samples, 0, rate):
            file.mux(track.encode(frame))
        file.mux(track.encode())
    return path
