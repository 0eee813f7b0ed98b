"""Open the video that a result names, with the frames that were segmented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alref.errors import InputError
from alref.media.reader import open_video
from alref.media.video import Video
from alref.result import Result

CACHE_BYTES = 32 * 1024 * 1024
"""Exports read each frame once, in order."""


def open_source_video(result: Result, path: Path | None = None) -> Video:
    """Open the segmented video, from ``path`` if it was moved. Raises InputError if it is missing or has other content."""
    place = path or result.video.path
    if place is None:
        raise InputError("the frames of this run were in memory; name a file or folder with the same frames: --video FILE")
    if not place.exists():
        raise InputError(f"{place}: no such file; if the segmented video was moved, name its new place: --video FILE")
    video = _open_window(place, result)
    if video.fingerprint != result.video.fingerprint:
        expected = f"{len(result.video.times)} frames of {result.video.width}x{result.video.height}"
        got = f"{len(video)} of {video.width}x{video.height} with other content"
        raise InputError(f"{place}: expected the segmented video, {expected}, got {got}; name the right file: --video FILE")
    return video


def _open_window(place: Path, result: Result) -> Video:
    """Open the frames whose times the result has: the first, the last, and every n-th between them."""
    info, configured = result.video, result.config.get("video") or {}
    names = ("audio_track", "video_track", "max_size", "fps")
    options: dict[str, Any] = {name: configured[name] for name in names if configured.get(name) is not None}
    options |= {"start": info.times[0], "end": info.times[-1] + 1e-6, "cache_bytes": CACHE_BYTES}
    video = open_video(place, **options)
    if (video.height, video.width) != (info.height, info.width):
        options["max_size"] = max(info.height, info.width)
        video = open_video(place, **options)
    every = round((len(video) - 1) / max(1, len(info.times) - 1))
    return video if every <= 1 else open_video(place, every=every, **options)
