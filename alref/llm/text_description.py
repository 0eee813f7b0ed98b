"""Frames and candidates in words and numbers, for models that see nothing, and the list of boxes that goes with a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from alref.llm.contact_sheet import NAMES
from alref.media.draw import resize
from alref.media.video import Frame
from alref.records import Candidates

Box = npt.NDArray[np.float32]
WIDTH = 320
"""Frames are shrunk to this many pixels for measuring."""
LISTS = ("boxes", "labelled", "placed")
"""The lists of boxes that a prompt may name."""
STILL = 0.01
"""Shares of the picture's width below which a shift is no movement."""
_HUES = {8: "red", 22: "orange", 34: "yellow", 85: "green", 100: "cyan", 130: "blue", 150: "purple", 172: "pink"}
"""Names of hues by their upper end, of 180; red goes on from there."""


def frames_in_words(frames: Sequence[Frame], times: Sequence[float]) -> str:
    """Say of each frame what can be measured: time, brightness, sharpness, and how much changed since the one before."""
    greys = [_grey(frame) for frame in frames]
    sharp = [float(cv2.Laplacian(grey, cv2.CV_64F).var()) for grey in greys]
    lines = ["You cannot see the video. This was measured of some of its frames, in order of time:"]
    for place, (grey, time) in enumerate(zip(greys, times, strict=True)):
        facts = [f"brightness {grey.mean() / 255:.0%}", f"sharpness {sharp[place] / max(*sharp, 1e-9):.0%} of the sharpest"]
        if place:
            facts.append(f"{cv2.absdiff(grey, greys[place - 1]).mean() / 255:.1%} changed since the frame before")
        lines.append(f"Frame {place + 1}, at {time:.1f} s: {', '.join(facts)}.")
    return "\n".join(lines)


def boxes_in_words(candidates: Candidates, count: int, frame: Frame, other: Frame, later: bool) -> str:
    """Say of the best ``count`` candidates on ``frame``: label, score, place, size, colours, and how they move.

    ``other`` is a frame shortly after, or with ``later`` false shortly before; ``frame`` itself where there is none.
    """
    motions = _motions(candidates.xyxy[:count], frame, other, 1 if later else -1)
    lines = []
    for place in range(count):
        box = candidates.xyxy[place]
        facts = [_label(candidates, place), f"score {candidates.scores[place]:.2f}", where(box, frame.shape)]
        facts += [f"mostly {' and '.join(colours(frame, box))}", motions[place]]
        lines.append(f"Box {place + 1}: {', '.join(fact for fact in facts if fact)}.")
    return "\n".join(lines)


def boxes_listed(candidates: Candidates, count: int, shape: tuple[int, ...]) -> dict[str, str]:
    """List the drawn candidates by their colours in three ways, named as in LISTS.

    ``boxes``: label, score, place and size in words; ``labelled``: the label alone; ``placed``: centre, width and height as
    shares of the picture, 0 to 1. ``shape`` is (height, width, ...) of the picture in pixels.
    """
    height, width = shape[:2]
    lines: dict[str, list[str]] = {name: [] for name in LISTS}
    for place in range(count):
        box = candidates.xyxy[place]
        head, label = f"Box {place + 1} ({NAMES[place % len(NAMES)]})", _label(candidates, place)
        x0, y0, x1, y1 = (box / np.array([width, height, width, height])).tolist()
        centre = f"centre ({(x0 + x1) / 2:.3f}, {(y0 + y1) / 2:.3f})"
        lines["boxes"].append(f"{head}: {label}, score {candidates.scores[place]:.2f}, {where(box, shape)}.")
        lines["labelled"].append(f"{head}: {label}.")
        lines["placed"].append(f"{head}: {centre}, width {x1 - x0:.3f}, height {y1 - y0:.3f}.")
    return {name: "\n".join(each) for name, each in lines.items()}


def _label(candidates: Candidates, place: int) -> str:
    label = candidates.labels[place] if candidates.labels else ""
    return f'label "{label}"' if label else "no label"


def where(box: Box, shape: tuple[int, ...]) -> str:
    """Say where a box lies in a picture of ``shape`` (height, width) and how large it is."""
    x = float(box[0] + box[2]) / 2 / shape[1]
    y = float(box[1] + box[3]) / 2 / shape[0]
    across = ("left", "middle", "right")[min(2, int(x * 3))]
    down = ("top", "middle", "bottom")[min(2, int(y * 3))]
    place = "in the middle" if across == down == "middle" else f"{down} {across}".replace("middle ", "").replace(" middle", "")
    size = f"{(box[2] - box[0]) / shape[1]:.0%} wide and {(box[3] - box[1]) / shape[0]:.0%} high"
    return f"{place} (centre {x:.0%} from the left, {y:.0%} from the top), {size}"


def colours(frame: Frame, box: Box) -> list[str]:
    """Name the one or two colours that most of the inner half of a box has."""
    x0, y0, x1, y1 = (float(value) for value in box)
    inner = np.array([x0 + (x1 - x0) / 4, y0 + (y1 - y0) / 4, x1 - (x1 - x0) / 4, y1 - (y1 - y0) / 4])
    hsv = cv2.cvtColor(_cut(frame, inner), cv2.COLOR_RGB2HSV).reshape(-1, 3)
    names, counts = np.unique([_name(*pixel) for pixel in hsv[:: max(1, len(hsv) // 400)].tolist()], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [str(names[place]) for place in order[:2] if counts[place] >= 0.25 * counts.sum()] or [str(names[order[0]])]


def _name(hue: int, saturation: int, value: int) -> str:
    if value < 50:
        return "black"
    if saturation < 45:
        return "white" if value > 190 else "grey"
    name = next((name for limit, name in _HUES.items() if hue < limit), "red")
    return "brown" if name in ("orange", "red") and value < 150 and saturation < 200 else name


def _cut(frame: Frame, box: npt.NDArray[np.float64]) -> Frame:
    """Cut a box out of a frame, at least one pixel."""
    height, width = frame.shape[:2]
    x0, y0 = int(np.clip(box[0], 0, width - 1)), int(np.clip(box[1], 0, height - 1))
    x1, y1 = int(np.clip(np.ceil(box[2]), x0 + 1, width)), int(np.clip(np.ceil(box[3]), y0 + 1, height))
    return np.ascontiguousarray(frame[y0:y1, x0:x1])


def _grey(frame: Frame) -> npt.NDArray[np.uint8]:
    small = resize(frame, max(1, round(frame.shape[0] * WIDTH / frame.shape[1])), WIDTH)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _motions(boxes: Box, frame: Frame, other: Frame, sign: int) -> list[str]:
    """Say how what is in each box moves from one frame to the other, beside the camera; backwards in time with sign -1."""
    if other is frame:
        return [""] * len(boxes)
    flow: npt.NDArray[np.float32] = cv2.calcOpticalFlowFarneback(  # type: ignore[call-overload]
        _grey(frame), _grey(other), None, 0.5, 4, 21, 3, 7, 1.5, 0
    )
    moved = np.asarray((flow - np.median(flow, axis=(0, 1))) * sign / WIDTH, np.float32)
    return [_direction(_cut_flow(moved, box * (WIDTH / frame.shape[1]))) for box in boxes]


def _cut_flow(flow: npt.NDArray[np.float32], box: Box) -> npt.NDArray[np.float32]:
    x0, y0, x1, y1 = box.round().astype(int).tolist()
    x0, y0 = min(max(x0, 0), flow.shape[1] - 1), min(max(y0, 0), flow.shape[0] - 1)
    inside = flow[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    return np.asarray(np.median(inside, axis=(0, 1)), np.float32)


def _direction(shift: npt.NDArray[np.float32]) -> str:
    x, y = (float(value) for value in shift)
    if max(abs(x), abs(y)) < STILL:
        return "keeps still"
    if abs(x) >= abs(y):
        return "moves to the right" if x > 0 else "moves to the left"
    return "moves down" if y > 0 else "moves up"
