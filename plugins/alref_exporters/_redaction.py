"""Write the redaction video and the report of what it covers."""

from __future__ import annotations

import json
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from alref import FinishedRun, Frame, Mask, RunFrame
from alref.media.video_encoder import open_video_encoder
from alref_exporters._grown_masks import grow_crop

if TYPE_CHECKING:
    from alref_exporters.video_formats import Redaction

BLOCKS = 12
"""Number of blocks along the shorter side by default."""


def write_redaction(run: FinishedRun, folder: Path, options: Redaction.Options) -> None:
    """Write video.mp4, H.264 with the audio of the video, and coverage.json."""
    strength = options.strength or max(2, min(run.height, run.width) // BLOCKS)
    shares = []
    audio = run.video.read_channels() if options.audio else ()
    with open_video_encoder(folder / "video.mp4", run.times, audio=audio) as encoder:
        for frame in run.read_frames():
            covered = _draw_covered(frame, (run.height, run.width), options.margin)
            covered = ~covered if options.cover == "outside" else covered
            shares.append(int(np.count_nonzero(covered)) / covered.size)
            encoder.write_frame(cover_pixels(frame.image, covered, options.effect, strength))
    report = make_report(run, shares, options, strength)
    (folder / "coverage.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")


def _draw_covered(frame: RunFrame, size: tuple[int, int], margin: int) -> Mask:
    """Return the pixels within ``margin`` of an object, bool (H, W)."""
    kernel = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1)), np.uint8)
    covered: Mask = np.zeros(size, np.bool_)
    for crop in frame.crops.values():
        place, grown = grow_crop(crop, size, kernel)
        covered[place] |= grown.view(np.bool_)
    return covered


def cover_pixels(image: Frame, covered: Mask, effect: str, strength: int) -> Frame:
    """Return an image uint8 (H, W, 3) whose covered pixels cannot be recognized.

    Pixelate gives each block its mean color. Blur is a smooth version of it, so that no detail of less than ``strength`` pixels
    is left. Fill is black.
    """
    if not covered.any():
        return image
    height, width = image.shape[:2]
    if effect == "fill":
        hidden: Frame = np.zeros_like(image)
    else:
        size = max(1, round(width / strength)), max(1, round(height / strength))
        small = _shrink_image(image, size)
        small = np.asarray(cv2.blur(small, (3, 3)), np.uint8) if effect == "blur" else small
        way = cv2.INTER_LINEAR if effect == "blur" else cv2.INTER_NEAREST
        hidden = np.asarray(cv2.resize(small, (width, height), interpolation=way), np.uint8)
    return np.asarray(cv2.copyTo(hidden, covered.view(np.uint8), image.copy()), np.uint8)


def _shrink_image(image: Frame, size: tuple[int, int]) -> Frame:
    """Return the mean colors of ``size`` (width, height) blocks; to halve even sides first is exact, and faster."""
    height, width = image.shape[:2]
    if height % 2 == width % 2 == 0 and 2 * size[0] <= width and 2 * size[1] <= height:
        image = np.asarray(cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def make_report(run: FinishedRun, shares: list[float], options: Redaction.Options, strength: int) -> dict[str, Any]:
    """Return what was covered where, and the frames to check: gaps in the presence of an object, and flagged frames."""
    objects: list[dict[str, Any]] = []
    for each in run.objects:
        present = [rle.area > 0 for rle in each.track.rles]
        spans = _list_spans(present)
        gaps = [[last + 1, first - 1] for (_, last), (first, _) in pairwise(spans)]
        scores = [score for score, seen in zip(each.track.scores, present, strict=True) if seen]
        flags = [{"frame": flag.frame, "why": flag.why} for flag in each.track.flags]
        objects.append(
            {
                "id": each.id,
                "name": each.name,
                "frames": sum(present),
                "present": spans,
                "gaps": gaps,
                "flags": flags,
                "lowest_score": min(scores, default=None),
            }
        )
    check = {frame for each in objects for first, last in each["gaps"] for frame in range(first, last + 1)}
    check |= {flag["frame"] for each in objects for flag in each["flags"]}
    return {
        "video": run.name,
        "effect": options.effect,
        "cover": options.cover,
        "margin": options.margin,
        "strength": strength,
        "frames": len(run),
        "frames_covered": sum(share > 0 for share in shares),
        "frames_to_check": sorted(check),
        "objects": objects,
        "covered_share": [round(share, 6) for share in shares],
    }


def _list_spans(present: list[bool]) -> list[list[int]]:
    """Return the first and the last frame of each stretch in which an object is there."""
    spans = []
    for seen, group in groupby(enumerate(present), key=lambda each: each[1]):
        frames = [frame for frame, _ in group]
        if seen:
            spans.append([frames[0], frames[-1]])
    return spans
