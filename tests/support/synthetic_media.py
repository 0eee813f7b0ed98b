"""Sounds placed in silence or faint noise, and films of discs that move when they sound, or do not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from alref.media.audio_decoder import read_audio
from alref.records import Audio, TimeSpan
from alref.testing import ArrayVideo
from alref.utils.masks import Mask

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
RATE = 16_000
HEIGHT, WIDTH, FPS = 96, 240, 10.0
SIDE = 32
ON: tuple[TimeSpan, ...] = ((1.0, 1.9), (3.0, 4.2))
"""Seconds in which a sound is placed, and things that move with it move."""
OFF: tuple[TimeSpan, ...] = ((0.1, 0.8), (2.1, 2.8), (4.4, 5.2))
SECONDS = 5.4
MOVES = {"still": (), "with": ON, "without": OFF, "always": ((0.0, SECONDS),)}
Samples = npt.NDArray[np.float32]


def sound(name: str) -> Samples:
    """Read a real sound, float32 (N,) at RATE; skip the test where there is none."""
    path = DATA / "audio" / f"{name}.wav"
    if not path.is_file():
        pytest.skip(f"no sound at {path}")
    return read_audio(path, RATE).samples


def audible(samples: Samples) -> Samples:
    """Cut off what is more than 20 dB under the loudest 10 ms at both ends."""
    parts = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    power = 10 * np.log10((parts**2).mean(axis=1) + 1e-12)
    loud = np.flatnonzero(power > power.max() - 20)
    return samples[loud[0] * 160 : (loud[-1] + 1) * 160]


def placed(samples: Samples, starts: Sequence[float], seconds: float, noise: float | None = None) -> Audio:
    """Put a sound at each of the seconds ``starts`` into silence, or into noise of so many decibels of full scale."""
    track = np.zeros(round(seconds * RATE), np.float32)
    if noise is not None:
        track += np.random.default_rng(0).normal(0, 10 ** (noise / 20), len(track)).astype(np.float32)
    for start in starts:
        first = round(start * RATE)
        part = samples[: len(track) - first]
        track[first : first + len(part)] += part
    return Audio(samples=track, rate=RATE)


def in_spans(samples: Samples, spans: Sequence[TimeSpan] = ON) -> Audio:
    """Let a sound be heard in ``spans`` of a faintly noisy track of SECONDS."""
    track = np.random.default_rng(0).normal(0, 0.001, round(SECONDS * RATE)).astype(np.float32)
    for start, end in spans:
        count = round((end - start) * RATE)
        track[round(start * RATE) :][:count] += np.resize(audible(samples), count)
    return Audio(samples=track, rate=RATE)


def film(kinds: Sequence[str], audio: Audio | None, pan: float = 0.0) -> tuple[ArrayVideo, list[Mask]]:
    """Film a row of textured discs, each of a kind in MOVES, by a camera that pans ``pan`` pixels a second.

    A disc bobs up and down while it moves. Returns the video, and each disc's masks bool (T, H, W).
    """
    pictures, masks = _drawn(tuple(kinds), pan)
    return ArrayVideo(pictures, fps=FPS, audio=audio), masks


@lru_cache(maxsize=4)
def _drawn(kinds: tuple[str, ...], pan: float) -> tuple[npt.NDArray[np.uint8], list[Mask]]:
    count = round(SECONDS * FPS)
    ground = _texture(9, (HEIGHT, WIDTH + 160), (90, 150), 5)
    discs = [_texture(place, (SIDE, SIDE), (20, 235), 6) for place in range(len(kinds))]
    rows, columns = np.indices((SIDE, SIDE)) + 0.5
    round_ = np.hypot(rows - SIDE / 2, columns - SIDE / 2) < SIDE / 2
    pictures, masks = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8), [np.zeros((count, HEIGHT, WIDTH), bool) for _ in kinds]
    for frame in range(count):
        shift = round(pan * frame / FPS)
        pictures[frame] = ground[:, 80 + shift : 80 + shift + WIDTH]
        for place, kind in enumerate(kinds):
            moved = sum(max(0.0, min(frame / FPS, end) - start) for start, end in MOVES[kind])
            top = HEIGHT // 2 - SIDE // 2 + round(16 * np.sin(2 * np.pi * 1.7 * moved))
            left = round((place + 0.5) * WIDTH / len(kinds)) - SIDE // 2 - shift + round(pan * SECONDS / 2)
            here = slice(top, top + SIDE), slice(left, left + SIDE)
            pictures[frame][here][round_] = discs[place][round_]
            masks[place][frame][here] = round_
    return pictures, masks


def _texture(seed: int, size: tuple[int, int], levels: tuple[int, int], grain: int) -> npt.NDArray[np.uint8]:
    """Draw smooth colored noise (H, W, 3)."""
    small = np.random.default_rng(seed).integers(*levels, (size[0] // grain, size[1] // grain, 3), np.uint8)
    return np.asarray(cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
