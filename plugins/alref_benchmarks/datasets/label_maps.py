"""Merge the tracks of numbered objects into one label map per frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from alref import Result, Track
from alref.output.thumbnails import make_label_map
from alref.utils.logit_maps import BACKGROUND_LOGIT, decode_logits
from alref.utils.masks import decode_union


def merge_tracks(tracks: Mapping[int, Sequence[Track]], frame: int, result: Result) -> npt.NDArray[np.uint8]:
    """Draw the label map of one frame, uint8 (H, W): of objects that overlap, the one with the highest score.

    ``tracks`` are those of each object number. If all have logits, a pixel belongs to the highest logit above -1.
    """
    size = (result.video.height, result.video.width)
    if tracks and all(each.logits for of in tracks.values() for each in of):
        return _merge_logits(tracks, frame, size)
    surest = {number: max((each.scores[frame] for each in of), default=0.0) for number, of in tracks.items()}
    order = sorted(tracks, key=lambda number: (surest[number], -number))
    return make_label_map(
        {number: decode_union([each.rles[frame] for each in tracks[number]], size) for number in order}, *size
    )


def _merge_logits(tracks: Mapping[int, Sequence[Track]], frame: int, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Draw the label map of one frame: the object with the highest logit at each pixel, or the background with -1."""
    labels, highest = np.zeros(size, np.uint8), np.full(size, BACKGROUND_LOGIT, np.float32)
    for number in sorted(tracks):
        for track in tracks[number]:
            logits = decode_logits(track.logits[frame], size)
            labels[logits > highest] = number
            highest = np.maximum(highest, logits)
    return labels
