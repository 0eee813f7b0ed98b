"""Which frame is typical of a video, and which box lies where the words say."""

from __future__ import annotations

import cv2
import numpy as np
from alref.media.video import Video
from alref.records import Candidates, PivotBox

from alref_example._words import PLACES, place_in

THUMB = (32, 32)
"""Pixels (width, height) that frames are shrunk to before they are compared."""


def typical(video: Video, most: int) -> tuple[int, int]:
    """Return the frame that is most like the mean of at most ``most`` evenly spread ones, and how many were looked at."""
    frames = np.unique(np.linspace(0, len(video) - 1, most).round().astype(int)).tolist()
    shrunk = [cv2.resize(video.read_frame(frame), THUMB, interpolation=cv2.INTER_AREA) for frame in frames]
    thumbs = np.stack(shrunk).astype(np.float32)
    strangeness = np.abs(thumbs - thumbs.mean(axis=0)).mean(axis=(1, 2, 3))
    return frames[int(strangeness.argmin())], len(frames)


def placed(candidates: Candidates) -> PivotBox:
    """Return the candidate that lies furthest in the direction that the phrase names, else the one with the best score."""
    place = place_in(candidates.pivot.phrase.text)
    centers = (candidates.xyxy[:, :2] + candidates.xyxy[:, 2:]) / 2
    index = int(np.argmax(centers @ PLACES[place])) if place else 0
    return PivotBox(
        pivot=candidates.pivot,
        xyxy=candidates.xyxy[index],
        score=float(candidates.scores[index]),
        mask=None if candidates.masks is None else candidates.masks[index],
        why=f"the {place or 'best'} one of {len(candidates)}",
    )
