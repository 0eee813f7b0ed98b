"""Small videos to test components on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Never

import numpy as np

from alref.errors import InputError
from alref.media.array_video import ArrayVideo
from alref.media.video import Frame, Video
from alref.records import Audio
from alref.utils.masks import Mask, make_read_only


class MovingSquare(Video):
    """A red square that moves right over gray noise, drawn frame by frame on demand; ``truth`` holds its true masks.

    ``size`` is (height, width) in pixels, ``side`` the side of the square (default: a third of the height). The square appears
    on frame ``first``. ``gray`` draws it in gray.
    """

    def __init__(
        self,
        frames: int = 8,
        size: tuple[int, int] = (96, 128),
        side: int | None = None,
        seed: int = 0,
        first: int = 0,
        gray: bool = False,
    ) -> None:
        self.name, self.path, self.fps = "moving square", None, 10.0
        self.height, self.width = size
        self.times = np.arange(frames) / self.fps
        self._side, self._first = side or max(1, size[0] // 3), first
        self._color = (180, 180, 180) if gray else (220, 30, 30)
        self._facts = f"{frames} {size} {self._side} {seed} {first} {gray}"
        noise = np.random.default_rng(seed).integers(90, 130, (*size, 1), np.uint8)
        self._background: Frame = noise.repeat(3, axis=2)

    @property
    def truth(self) -> Sequence[Mask]:
        """The true mask bool (H, W) of each frame, drawn on demand."""
        return _LazyMasks(self)

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index``, uint8 (H, W, 3). Raises InputError outside the video."""
        self._check_index(index)
        image = self._background.copy()
        image[self.draw_mask(index)] = self._color
        frame: Frame = make_read_only(image)
        return frame

    def draw_mask(self, index: int) -> Mask:
        """Return the true mask bool (H, W) of frame ``index``."""
        mask = np.zeros((self.height, self.width), np.bool_)
        left = 4 + (self.width - self._side - 8) * index // max(len(self) - 1, 1)
        top = self.height // 2 - self._side // 2
        if index >= self._first:
            mask[top : top + 2 * (self._side // 2), left : left + self._side] = True
        return mask

    def read_audio(self, rate: int) -> Audio | None:
        """Return None: the video has no audio."""
        return None

    @property
    def fingerprint(self) -> str:
        """Digest of the drawing parameters."""
        return hashlib.blake2b(self._facts.encode(), digest_size=16).hexdigest()


class _LazyMasks(Sequence[Mask]):
    def __init__(self, video: MovingSquare) -> None:
        self._video = video

    def __len__(self) -> int:
        return len(self._video)

    def __getitem__(self, index: Any) -> Any:
        return self._video.draw_mask(range(len(self))[index])


UNREADABLE = "cannot be read; this error is part of the test"


class DamagedVideo(Video):
    """A video whose first ``readable`` frames can be read, and nothing else; ``refused`` counts the failed reads."""

    def __init__(self, video: Video, readable: int) -> None:
        self._video, self._readable, self.failed_reads = video, readable, 0
        self.name, self.path, self.fps, self.times = f"damaged {video.name}", video.path, video.fps, video.times
        self.height, self.width = video.height, video.width

    def read_frame(self, index: int) -> Frame:
        """Return frame ``index``. Raises InputError if it is not readable."""
        return self._video.read_frame(index) if index < self._readable else self._raise_unreadable(f"frame {index}")

    def read_audio(self, rate: int) -> Audio | None:
        """Raise InputError."""
        return self._raise_unreadable("the audio")

    @property
    def fingerprint(self) -> str:
        """Digest of what can be read."""
        return f"{self._video.fingerprint}{self._readable:08x}"

    def _raise_unreadable(self, what: str) -> Never:
        self.failed_reads += 1
        raise InputError(f"{self.name}: {what} {UNREADABLE}")


def make_moving_square(
    frames: int = 8, size: tuple[int, int] = (96, 128), side: int = 32, seed: int = 0
) -> tuple[ArrayVideo, Mask]:
    """Return a video of a red square that moves right over gray noise, and its true masks bool (T, H, W)."""
    drawn = MovingSquare(frames, size, side, seed)
    masks = np.stack([drawn.draw_mask(index) for index in range(frames)])
    return ArrayVideo(np.stack([drawn.read_frame(index) for index in range(frames)])), masks


def make_buzzing_video(
    seconds: float = 4.0, heard: tuple[float, float] = (1.0, 3.0), rate: int = 16_000, seed: int = 0
) -> ArrayVideo:
    """Return a moving square of ``seconds`` at 10 fps that buzzes during ``heard`` and is silent otherwise."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.05, len(time))
    tone = sum(np.sin(2 * np.pi * pitch * time) / pitch for pitch in (220, 440, 660)) * 60
    inside = (time >= heard[0]) & (time < heard[1])
    samples = np.where(inside, tone + noise, 0).astype(np.float32)
    frames = make_moving_square(max(1, round(10 * seconds)))[0]
    images = [frame for _, frame in frames.read_frames()]
    return ArrayVideo(images, fps=10.0, audio=Audio(samples=samples, rate=rate))


def write_frames(video: Video, folder: Path) -> Path:
    """Write the frames of a video as 00000.png, 00001.png, ... and return the folder."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in video.read_frames():
        Image.fromarray(frame).save(folder / f"{index:05d}.png")
    return folder
