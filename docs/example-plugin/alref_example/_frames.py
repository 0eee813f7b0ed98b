"""The most typical frame of a video, and the box at the position that the words name."""

from __future__ import annotations

import cv2
import numpy as np
from alref import Candidates, PivotBox, Video

from alref_example._words import DIRECTIONS, find_position

THUMBNAIL_SIZE = (32, 32)
"""Size (width, height) that frames are resized to before they are compared."""


def find_typical_frame(video: Video, most: int) -> tuple[int, int]:
    """Return the frame nearest to the mean of at most ``most`` evenly spread frames, and the number of these frames."""
    frames = np.unique(np.linspace(0, len(video) - 1, most).round().astype(int)).tolist()
    shrunk = [cv2.resize(video.read_frame(frame), THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA) for frame in frames]
    thumbs = np.stack(shrunk).astype(np.float32)
    distances = np.abs(thumbs - thumbs.mean(axis=0)).mean(axis=(1, 2, 3))
    return frames[int(distances.argmin())], len(frames)


def pick_box(candidates: Candidates) -> PivotBox:
    """Return the candidate farthest in the direction that the phrase names, else the one with the best score."""
    place = find_position(candidates.pivot.phrase.text)
    centers = (candidates.xyxy[:, :2] + candidates.xyxy[:, 2:]) / 2
    index = int(np.argmax(centers @ DIRECTIONS[place])) if place else 0
    return PivotBox(
        pivot=candidates.pivot,
        xyxy=candidates.xyxy[index],
        score=float(candidates.scores[index]),
        mask=None if candidates.masks is None else candidates.masks[index],
        why=f"the {place or 'best'} one of {len(candidates)}",
    )
