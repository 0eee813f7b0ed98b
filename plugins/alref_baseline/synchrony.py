"""Correlate motion with audio: an object that moves while it sounds and rests otherwise is its likely source.

Motion is optical flow minus camera motion, over some seconds around a frame; it is correlated with the loudness of the audio.
This is only a hint: an object may move in time with a sound that it does not make.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from alref import Frame, Mask, Video
from alref.utils.array_cache import ArrayCache
from alref_baseline.audio_activity import STEP_SECONDS, get_activity
from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import resize_image
from alref_baseline.motion import compute_flow, subtract_background

LONG_SIDE = 192
"""Longer side of the image for motion estimation, in pixels."""
MAX_STEP_RATE = 15.0
"""Maximum number of motion steps per second."""
WINDOW_RADIUS = 4.0
"""Seconds before and after a frame in which motion is compared with audio."""
FULL_SECONDS = 4.0
"""Seconds that must be compared for a correlation to count in full; with fewer, it is reduced in proportion.

Random motion and sound correlate above 0.35 in 15 of 100 cases over two seconds, and in 3 of 100 over eight.
"""
MIN_LOUDNESS_STD = 0.04
"""Minimum standard deviation of loudness, where 1 is 40 dB, for a comparison with motion."""
_LOUDNESS_RANGE_DB = 40.0
_MOTION_NOISE_STD = 0.05
"""Standard deviation of the root of speed, in sides per second, that is certainly above noise."""
_FULL_TEXTURE = 6.0
"""Mean gray levels per pixel that are enough texture for motion estimation."""
_CACHE_BYTES = 64 << 20
_SMOOTHING_STEPS = 3
_LAGS = (-1, 0, 1)


@dataclass(frozen=True, eq=False)
class MotionWindow:
    """Motion in N steps around a frame, and the audio; step ``frame_step`` begins at the frame.

    ``flow`` (N, h, w, 2) is in pixels per step and includes camera motion; ``speed`` (N, h, w) excludes it and is in sides of
    the image per second; ``loudness`` (N,) is 0..1. All steps together take ``seconds``.
    """

    flow: FloatArray
    speed: FloatArray
    loudness: FloatArray
    frame_step: int
    seconds: float

    @property
    def is_steady(self) -> bool:
        """Whether loudness varies too little for a comparison with motion."""
        return len(self.loudness) < 2 * _SMOOTHING_STEPS or float(self.loudness.std()) < MIN_LOUDNESS_STD

    def compute_map(self) -> FloatArray:
        """Return how well motion at each position follows the audio: float32 (h, w), -1..1, near 0 without motion."""
        if self.is_steady:
            return np.zeros(self.speed.shape[1:], np.float32)
        spread = np.stack([cv2.blur(cv2.dilate(each, np.ones((7, 7), np.uint8)), (7, 7)) for each in self.speed])
        return self._compare_with_loudness(np.sqrt(spread))

    def score_mask(self, mask: Mask) -> float:
        """Return how well the motion inside a mask bool (h, w) at the frame follows the audio, -1..1, reduced for few seconds.

        The mask is moved by the mean motion inside it.
        """
        if self.is_steady:
            return 0.0
        ahead = _move_mask(mask, self.flow[self.frame_step :])[:-1]
        back = _move_mask(mask, -self.flow[: self.frame_step][::-1])[1:]
        places = [*back[::-1], *ahead]
        inside = [float(speed[place].mean()) if place.any() else 0.0 for speed, place in zip(self.speed, places, strict=True)]
        return min(1.0, self.seconds / FULL_SECONDS) * float(self._compare_with_loudness(np.sqrt(np.array(inside, np.float32))))

    def _compare_with_loudness(self, motion: FloatArray) -> FloatArray:
        """Correlate motion (N, ...) with loudness, with a lag of up to one step."""
        sound, moved = _smooth_values(self.loudness), _smooth_values(motion)
        found = [_compute_correlation(np.roll(sound, lag)[1:-1], moved[1:-1]) for lag in _LAGS]
        return np.asarray(np.maximum.reduce(found), np.float32)


def _smooth_values(values: FloatArray) -> FloatArray:
    kernel = np.ones((_SMOOTHING_STEPS, 1), np.float32) / _SMOOTHING_STEPS
    flat = cv2.filter2D(values.reshape(len(values), -1), -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(flat, np.float32).reshape(values.shape)


def _compute_correlation(loudness: FloatArray, motion: FloatArray) -> FloatArray:
    """Return the Pearson correlation of (N,) with (N, ...), shrunk to 0 where motion hardly varies."""
    deviation = motion - motion.mean(axis=0)
    about = np.tensordot(loudness - loudness.mean(), deviation, axes=1) / len(loudness)
    return np.asarray(about / (max(float(loudness.std()), 1e-6) * (deviation.std(axis=0) + _MOTION_NOISE_STD)), np.float32)


def _move_mask(mask: Mask, flows: FloatArray) -> list[Mask]:
    """Return the mask before the first step and after each step."""
    places, shift = [mask], np.zeros(2)
    height, width = mask.shape
    for flow in flows:
        here = places[-1]
        shift = shift + (flow[here].mean(axis=0) if here.any() else 0)
        across = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        moved = cv2.warpAffine(mask.astype(np.uint8), across, (width, height))
        places.append(np.asarray(moved).astype(bool))
    return places


class VideoMotion:
    """The motion of one video, step by step, each computed once while cached."""

    def __init__(self, video: Video) -> None:
        self._video: Video = weakref.proxy(video)
        self._activity = get_activity(video)
        self._stride = max(1, round(video.fps / MAX_STEP_RATE))
        self._cache: ArrayCache[tuple[str, int], np.float32] = ArrayCache(_CACHE_BYTES)
        self._gray_frame: tuple[int, Frame] | None = None
        scale = LONG_SIDE / max(video.height, video.width)
        self.height, self.width = (max(16, round(side * scale)) for side in (video.height, video.width))

    def get_window(self, frame: int) -> MotionWindow:
        """Return the motion and the audio within WINDOW_RADIUS seconds of a frame."""
        times = self._video.times[:: self._stride]
        here = min(frame // self._stride, max(0, len(times) - 2))
        steps = [k for k in range(len(times) - 1) if abs(times[k] - times[here]) <= WINDOW_RADIUS]
        measured = [self._cache.get_or_compute(("step", k), partial(self._compute_step, k)) for k in steps]
        stack = np.stack(measured) if measured else np.zeros((0, self.height, self.width, 3), np.float32)
        loud = np.array([self._compute_loudness(times[k], times[k + 1]) for k in steps], np.float32)
        seconds = float(times[steps[-1] + 1] - times[steps[0]]) if steps else 0.0
        return MotionWindow(stack[..., :2], stack[..., 2], loud, here - steps[0] if steps else 0, seconds)

    def _compute_step(self, step: int) -> FloatArray:
        first, second = step * self._stride, (step + 1) * self._stride
        here = self._get_gray_frame(first)
        flow = compute_flow(here, self._get_gray_frame(second))
        seconds = float(self._video.times[second] - self._video.times[first])
        speed = np.linalg.norm(subtract_background(flow), axis=2) / (seconds * max(self.height, self.width))
        own = np.maximum(speed - np.median(speed), 0) * _compute_texture(here)
        return np.concatenate([flow, own[..., None]], axis=2).astype(np.float32)

    def _get_gray_frame(self, frame: int) -> Frame:
        if self._gray_frame is None or self._gray_frame[0] != frame:
            small = resize_image(self._video.read_frame(frame), self.height, self.width)
            self._gray_frame = frame, np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        return self._gray_frame[1]

    def _compute_loudness(self, start: float, end: float) -> float:
        first, last = (round((time - self._activity.start) / STEP_SECONDS) for time in (start, end))
        heard = self._activity.excess_db[max(0, first) : max(0, first + 1, last)]
        return min(1.0, float(heard.mean()) / _LOUDNESS_RANGE_DB) if len(heard) else 0.0


def _compute_texture(gray: Frame) -> FloatArray:
    """Return where a gray image has texture, float32 (h, w) in 0..1; elsewhere flow is interpolated and unreliable."""
    across, down = (cv2.Sobel(gray, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    slope = cv2.blur(np.hypot(across, down), (5, 5)) / (8 * _FULL_TEXTURE)
    return np.asarray(np.minimum(slope, 1), np.float32)


def get_motion_window(video: Video, frame: int) -> MotionWindow:
    """Return motion and audio around a frame of a video, computed once while cached."""
    return video.remember(VideoMotion, lambda: VideoMotion(video)).get_window(frame)


def compute_synchrony(video: Video, frame: int, masks: Sequence[Mask]) -> list[float]:
    """Return how well the motion in each mask, of any size, follows the audio: -1..1, 0 if loudness is too steady."""
    around = get_motion_window(video, frame)
    size = around.speed.shape[1:]
    return [around.score_mask(np.asarray(resize_image(mask.astype(np.float32), *size) > 0.5)) for mask in masks]
