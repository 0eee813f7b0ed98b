"""Object motion: optical flow minus the motion of the background."""

from __future__ import annotations

import cv2
import numpy as np

from alref import Frame
from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import VideoFeatures

_FRAME_RADIUS = 2
_GRID_STEP = 8
_MIN_SPEED = 1.2
"""Minimum speed of full motion strength, in pixels per frame at half the internal size."""


def compute_residual_motion(video_features: VideoFeatures, frame: int) -> FloatArray:
    """Return each pixel's own motion at half the internal size: float32 (h, w, 2) pixels per frame, right and down.

    It is the mean over up to two frames before and after, and zero in a video of one frame.
    """
    here = _get_gray_image(video_features, frame)
    others = [
        other
        for other in range(frame - _FRAME_RADIUS, frame + _FRAME_RADIUS + 1)
        if 0 <= other < len(video_features) and other != frame
    ]
    total = np.zeros((*here.shape, 2), np.float32)
    for other in others:
        total += subtract_background(compute_flow(here, _get_gray_image(video_features, other))) / (other - frame)
    return np.asarray(total / max(len(others), 1), np.float32)


def compute_motion_strength(motion: FloatArray) -> FloatArray:
    """Return how much each pixel moves on its own, 0..1, from its motion (h, w, 2)."""
    speed = np.linalg.norm(motion, axis=2)
    return np.asarray(np.clip(speed / max(float(np.percentile(speed, 99)), _MIN_SPEED), 0, 1), np.float32)


def _get_gray_image(video_features: VideoFeatures, frame: int) -> Frame:
    return np.asarray(cv2.cvtColor(video_features.get_half_image(frame), cv2.COLOR_RGB2GRAY), np.uint8)


def compute_flow(first: Frame, second: Frame) -> FloatArray:
    """Return dense optical flow (DIS, Kroeger et al., ECCV 2016)."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(dis.calc(first, second, np.zeros((*first.shape, 2), np.float32)), np.float32)


def subtract_background(flow: FloatArray) -> FloatArray:
    """Subtract the dominant homography; return the flow unchanged if none is found."""
    height, width = flow.shape[:2]
    across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = np.stack([across, down], axis=2)
    some = (slice(_GRID_STEP // 2, None, _GRID_STEP),) * 2
    before = places[some].reshape(-1, 2)
    cv2.setRNGSeed(0)
    plane, _ = cv2.findHomography(before, before + flow[some].reshape(-1, 2), cv2.RANSAC, 1.0, maxIters=500)
    if plane is None:
        return flow
    return np.asarray(flow - (cv2.perspectiveTransform(places, plane) - places), np.float32)
