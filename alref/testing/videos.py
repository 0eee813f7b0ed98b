"""Small videos to test components on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from alref.arrays import Mask, read_only
from alref.records import Audio
from alref.video import Frame, Video


class ArrayVideo(Video):
    """A video in memory: ``frames`` uint8 (T, H, W, 3) RGB at ``fps``, with an optional sound track."""

    def __init__(self, frames: Sequence[Frame] | Frame, fps: float = 10.0, sound: Audio | None = None) -> None:
        self._frames = read_only(np.asarray(frames, np.uint8))
        self._sound = sound
        self.name, self.path, self.fps = "in memory", None, fps
        self.height, self.width = self._frames.shape[1:3]
        self.times = np.arange(len(self._frames)) / fps

    def frame(self, index: int) -> Frame:
        """Return frame ``index``; raises InputError outside the video."""
        self._check(index)
        picture: Frame = self._frames[index]
        return picture

    def audio(self, rate: int) -> Audio | None:
        """Return the sound given, by nearest sample at ``rate`` Hz, or None."""
        if self._sound is None:
            return None
        length = round(len(self._sound.samples) * rate / self._sound.rate)
        index = np.arange(length) * self._sound.rate // rate
        return Audio(samples=self._sound.samples[index], rate=rate, start=self._sound.start)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the pixels and the frame rate."""
        facts = str((self._frames.shape, self.fps)).encode()
        return hashlib.blake2b(self._frames.tobytes() + facts, digest_size=16).hexdigest()


def moving_square(frames: int = 8, size: tuple[int, int] = (96, 128), side: int = 32, seed: int = 0) -> tuple[ArrayVideo, Mask]:
    """Make a red square that moves right over grey noise: the video, and its true masks bool (T, H, W)."""
    height, width = size
    background = np.random.default_rng(seed).integers(90, 130, (height, width, 1), np.uint8).repeat(3, axis=2)
    pictures = np.stack([background] * frames)
    masks = np.zeros((frames, height, width), np.bool_)
    for index in range(frames):
        left = 4 + (width - side - 8) * index // max(frames - 1, 1)
        masks[index, height // 2 - side // 2 : height // 2 + side // 2, left : left + side] = True
    pictures[masks] = (220, 30, 30)
    return ArrayVideo(pictures), masks


def sounding(seconds: float = 4.0, heard: tuple[float, float] = (1.0, 3.0), rate: int = 16_000, seed: int = 0) -> ArrayVideo:
    """Make a moving square of ``seconds`` at 10 frames a second that buzzes in the seconds ``heard`` and is silent else."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.05, len(time))
    tone = sum(np.sin(2 * np.pi * pitch * time) / pitch for pitch in (220, 440, 660)) * 60
    inside = (time >= heard[0]) & (time < heard[1])
    samples = np.where(inside, tone + noise, 0).astype(np.float32)
    frames = moving_square(max(1, round(10 * seconds)))[0]
    pictures = [frame for _, frame in frames.frames()]
    return ArrayVideo(pictures, fps=10.0, sound=Audio(samples=samples, rate=rate))


def write_frames(video: Video, folder: Path) -> Path:
    """Write a video as a folder of PNG frames 00000.png, 00001.png, …; returns the folder."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in video.frames():
        Image.fromarray(frame).save(folder / f"{index:05d}.png")
    return folder
