"""Descriptions of tracks in words: where each is on the frames that are shown, how large it is, and how it moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pycocotools import mask as coco

from alref.llm.contact_sheet import COLOR_NAMES
from alref.llm.text_description import name_main_colors
from alref.media.video import Frame, Video
from alref.records import ObjectTrack
from alref.utils.masks import to_coco


def describe_tracks(
    tracks: Sequence[ObjectTrack],
    shown: Sequence[int],
    video: Video,
    looks: Mapping[int, str],
    frames: Sequence[Frame] | None = None,
) -> str:
    """Describe each track in a line: its color in the images, its frames, seconds, size and path; coordinates are 0 to 1.

    ``looks`` describe how tracks look, by id. With the ``frames`` that are shown, for a model that does not see them, the line
    has the colors of the object instead of that of its outline.
    """
    lines = []
    for place, track in enumerate(tracks):
        visible = [number for number, frame in enumerate(shown, 1) if track.rles[frame].area]
        color = f"{COLOR_NAMES[place]} line" if frames is None and place < len(COLOR_NAMES) else ""
        if frames is not None and visible:
            color = " and ".join(name_main_colors(frames[visible[0] - 1], _compute_corners(track, shown[visible[0] - 1])))
        head = ", ".join(filter(None, [track.noun, color, looks.get(track.id, "")]))
        lines.append(
            f"Object {track.id} ({head}): {_describe_path(track, [shown[number - 1] for number in visible], video, visible)}."
        )
    return "\n".join(lines) or "No object is outlined."


def _describe_path(track: ObjectTrack, frames: Sequence[int], video: Video, numbers: Sequence[int]) -> str:
    """Describe the path of a track over ``frames``, which have these numbers in the question."""
    exists = track.frames
    if not exists:
        return "seen nowhere"
    seconds = f"seen from {video.times[exists[0]]:.1f} to {video.times[exists[-1]]:.1f} s"
    if not frames:
        return f"{seconds}, on none of these frames"
    centers = [_compute_center(track, frame) for frame in (frames[0], frames[len(frames) // 2], frames[-1])]
    path = " to ".join(dict.fromkeys(f"({x:.2f}, {y:.2f})" for x, y in centers))
    sizes = [track.rles[frame].area / (video.height * video.width) for frame in (frames[0], frames[-1])]
    size = " to ".join(dict.fromkeys(f"{size:.1%}" for size in sizes))
    return f"{seconds}, on frames {_format_ranges(numbers)}; center {path}; {size} of the image"


def _compute_corners(track: ObjectTrack, frame: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    x, y, width, height = np.asarray(coco.toBbox(to_coco(track.rles[frame])), np.float32)
    return np.array([x, y, x + width, y + height], np.float32)


def _compute_center(track: ObjectTrack, frame: int) -> tuple[float, float]:
    x0, y0, x1, y1 = _compute_corners(track, frame).tolist()
    height, width = track.rles[frame].size
    return (x0 + x1) / 2 / width, (y0 + y1) / 2 / height


def _format_ranges(numbers: Sequence[int]) -> str:
    """Format numbers in order: ``1 to 3, 7``."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return ", ".join(f"{start} to {end}" if end > start else str(start) for start, end in zip(starts, ends, strict=True))
