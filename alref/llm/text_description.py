"""Text descriptions of frames and candidates for models without vision, and the list of boxes beside an image."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from alref.llm.contact_sheet import COLOR_NAMES
from alref.media.draw import resize_frame
from alref.media.video import Frame
from alref.records import Candidates

Box = npt.NDArray[np.float32]
ANALYSIS_WIDTH = 320
"""Size in pixels to which frames are reduced before measuring."""
BOX_LISTS = ("boxes", "labeled", "placed")
"""Variables of prompts that hold a list of boxes."""
STILL_THRESHOLD = 0.01
"""Shares of the image's width below which a shift is not a motion."""
_HUE_LIMITS = {8: "red", 22: "orange", 34: "yellow", 85: "green", 100: "cyan", 130: "blue", 150: "purple", 172: "pink"}
"""Names of hues by their upper end, of 180; larger values are red again."""


def describe_frames(frames: Sequence[Frame], times: Sequence[float]) -> str:
    """Describe the time, brightness and sharpness of each frame, and its change since the previous frame."""
    grays = [_to_small_gray(frame) for frame in frames]
    sharp = [float(cv2.Laplacian(gray, cv2.CV_64F).var()) for gray in grays]
    lines = ["You cannot see the video. This was measured of some of its frames, in order of time:"]
    for place, (gray, time) in enumerate(zip(grays, times, strict=True)):
        facts = [f"brightness {gray.mean() / 255:.0%}", f"sharpness {sharp[place] / max(*sharp, 1e-9):.0%} of the sharpest"]
        if place:
            facts.append(f"{cv2.absdiff(gray, grays[place - 1]).mean() / 255:.1%} changed since the frame before")
        lines.append(f"Frame {place + 1}, at {time:.1f} s: {', '.join(facts)}.")
    return "\n".join(lines)


def describe_boxes(candidates: Candidates, count: int, frame: Frame, neighbor: Frame, later: bool) -> str:
    """Describe the best ``count`` candidates on ``frame``: label, score, position, size, colors and motion.

    ``neighbor`` is a frame shortly after, or shortly before if ``later`` is false; ``frame`` itself if there is none.
    """
    motions = _describe_motions(candidates.xyxy[:count], frame, neighbor, 1 if later else -1)
    lines = []
    for place in range(count):
        box = candidates.xyxy[place]
        facts = [_format_label(candidates, place), f"score {candidates.scores[place]:.2f}", describe_position(box, frame.shape)]
        facts += [f"mostly {' and '.join(name_main_colors(frame, box))}", motions[place]]
        lines.append(f"Box {place + 1}: {', '.join(fact for fact in facts if fact)}.")
    return "\n".join(lines)


def list_boxes(candidates: Candidates, count: int, shape: tuple[int, ...]) -> dict[str, str]:
    """List the drawn candidates by their colors in three ways, named as in ``BOX_LISTS``.

    ``boxes``: label, score, position and size in words; ``labeled``: the label alone; ``placed``: center, width and height as
    shares of the image, 0 to 1. ``shape`` is (height, width, ...) of the image in pixels.
    """
    height, width = shape[:2]
    lines: dict[str, list[str]] = {name: [] for name in BOX_LISTS}
    for place in range(count):
        box = candidates.xyxy[place]
        head, label = f"Box {place + 1} ({COLOR_NAMES[place % len(COLOR_NAMES)]})", _format_label(candidates, place)
        x0, y0, x1, y1 = (box / np.array([width, height, width, height])).tolist()
        center = f"center ({(x0 + x1) / 2:.3f}, {(y0 + y1) / 2:.3f})"
        lines["boxes"].append(f"{head}: {label}, score {candidates.scores[place]:.2f}, {describe_position(box, shape)}.")
        lines["labeled"].append(f"{head}: {label}.")
        lines["placed"].append(f"{head}: {center}, width {x1 - x0:.3f}, height {y1 - y0:.3f}.")
    return {name: "\n".join(parts) for name, parts in lines.items()}


def _format_label(candidates: Candidates, place: int) -> str:
    label = candidates.labels[place] if candidates.labels else ""
    return f'label "{label}"' if label else "no label"


def describe_position(box: Box, shape: tuple[int, ...]) -> str:
    """Describe the position and size of a box in an image of ``shape`` (height, width)."""
    x = float(box[0] + box[2]) / 2 / shape[1]
    y = float(box[1] + box[3]) / 2 / shape[0]
    across = ("left", "middle", "right")[min(2, int(x * 3))]
    down = ("top", "middle", "bottom")[min(2, int(y * 3))]
    place = "in the middle" if across == down == "middle" else f"{down} {across}".replace("middle ", "").replace(" middle", "")
    size = f"{(box[2] - box[0]) / shape[1]:.0%} wide and {(box[3] - box[1]) / shape[0]:.0%} high"
    return f"{place} (center {x:.0%} from the left, {y:.0%} from the top), {size}"


def name_main_colors(frame: Frame, box: Box) -> list[str]:
    """Return the one or two colors that cover most of the inner half of a box."""
    x0, y0, x1, y1 = (float(value) for value in box)
    inner = np.array([x0 + (x1 - x0) / 4, y0 + (y1 - y0) / 4, x1 - (x1 - x0) / 4, y1 - (y1 - y0) / 4])
    hsv = cv2.cvtColor(_crop_box(frame, inner), cv2.COLOR_RGB2HSV).reshape(-1, 3)
    names, counts = np.unique([_name_color(*pixel) for pixel in hsv[:: max(1, len(hsv) // 400)].tolist()], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [str(names[place]) for place in order[:2] if counts[place] >= 0.25 * counts.sum()] or [str(names[order[0]])]


def _name_color(hue: int, saturation: int, value: int) -> str:
    if value < 50:
        return "black"
    if saturation < 45:
        return "white" if value > 190 else "gray"
    name = next((name for limit, name in _HUE_LIMITS.items() if hue < limit), "red")
    return "brown" if name in ("orange", "red") and value < 150 and saturation < 200 else name


def _crop_box(frame: Frame, box: npt.NDArray[np.float64]) -> Frame:
    """Return the part of a frame inside a box, at least one pixel."""
    height, width = frame.shape[:2]
    x0, y0 = int(np.clip(box[0], 0, width - 1)), int(np.clip(box[1], 0, height - 1))
    x1, y1 = int(np.clip(np.ceil(box[2]), x0 + 1, width)), int(np.clip(np.ceil(box[3]), y0 + 1, height))
    return np.ascontiguousarray(frame[y0:y1, x0:x1])


def _to_small_gray(frame: Frame) -> npt.NDArray[np.uint8]:
    small = resize_frame(frame, max(1, round(frame.shape[0] * ANALYSIS_WIDTH / frame.shape[1])), ANALYSIS_WIDTH)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _describe_motions(boxes: Box, frame: Frame, neighbor: Frame, sign: int) -> list[str]:
    """Describe the motion of each box's content between two frames, relative to the camera; sign -1 means back in time."""
    if neighbor is frame:
        return [""] * len(boxes)
    flow: npt.NDArray[np.float32] = cv2.calcOpticalFlowFarneback(  # type: ignore[call-overload]
        _to_small_gray(frame), _to_small_gray(neighbor), None, 0.5, 4, 21, 3, 7, 1.5, 0
    )
    moved = np.asarray((flow - np.median(flow, axis=(0, 1))) * sign / ANALYSIS_WIDTH, np.float32)
    return [_describe_direction(_compute_median_flow(moved, box * (ANALYSIS_WIDTH / frame.shape[1]))) for box in boxes]


def _compute_median_flow(flow: npt.NDArray[np.float32], box: Box) -> npt.NDArray[np.float32]:
    x0, y0, x1, y1 = box.round().astype(int).tolist()
    x0, y0 = min(max(x0, 0), flow.shape[1] - 1), min(max(y0, 0), flow.shape[0] - 1)
    inside = flow[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    return np.asarray(np.median(inside, axis=(0, 1)), np.float32)


def _describe_direction(shift: npt.NDArray[np.float32]) -> str:
    x, y = (float(value) for value in shift)
    if max(abs(x), abs(y)) < STILL_THRESHOLD:
        return "keeps still"
    if abs(x) >= abs(y):
        return "moves to the right" if x > 0 else "moves to the left"
    return "moves down" if y > 0 else "moves up"
