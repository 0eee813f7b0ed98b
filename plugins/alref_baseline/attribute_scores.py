"""What the words of a phrase say about each candidate of a frame, cue by cue: a factor, and the number behind it in words.

No factor is 0: a cue that is missing or wrong weakens a candidate and never rules it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alref.media.video import Frame, Video
from alref.utils.masks import Mask
from alref_baseline.attributes import change, colour_share, growth
from alref_baseline.efficientnet import Floats
from alref_baseline.features import Eye, resized
from alref_baseline.grammar import Description
from alref_baseline.motion import moving
from alref_baseline.relations import Box, others, related

STIRS = 0.002
"""Least velocity, in shares of the frame's longer side a frame, that has a direction."""
GROWS = 0.003
"""Growth a frame that is certain to be more than noise."""
CHANGES = 8.0
"""Change of look, in CIELAB units, that is certain."""
_APART = (-12, -6, 6, 12)
_FULL_COLOUR = 0.6
_FULL_PART = 0.25
_RIVAL = 0.2
_FULL_TIME = 0.5


@dataclass(frozen=True)
class Look:
    """A frame with its candidates. ``motion`` (h, w, 2) and ``masks`` bool (h, w) are at half the internal size.

    ``boxes`` are ``xyxy`` in 0..1; ``scores`` those of the proposer, best first.
    """

    video: Video
    eye: Eye
    frame: int
    motion: Floats
    boxes: Sequence[Box]
    masks: Sequence[Mask]
    scores: Sequence[float]

    @cached_property
    def picture(self) -> Frame:
        """The frame, uint8 (h, w, 3) RGB."""
        return self.picture_of(self.frame)

    def picture_of(self, frame: int) -> Frame:
        """Return any frame of the video at the size of the masks."""
        return np.asarray(resized(self.eye.picture(frame), *self.motion.shape[:2]), np.uint8)


@dataclass(frozen=True)
class Cue:
    """How well each candidate fits one thing that was said: ``factors`` above 0 up to 1, and what to say of each."""

    factors: Sequence[float]
    says: Sequence[str]


def cues(words: Description, look: Look) -> Iterator[Cue]:
    """Yield a cue for everything that the words ask for and that can be measured."""
    if words.colours:
        yield _coloured(look, words.colours, _FULL_COLOUR, "")
    for name in words.part_colours:
        yield _coloured(look, (name,), _FULL_PART, " in part")
    if words.size:
        yield _placed(look, words.size)
    for side in words.positions:
        yield _placed(look, side)
    for number, side in words.places:
        yield _ranked(look, number, side)
    for motion in [each for each in words.motions if each != "moving"] or words.motions:
        yield _moved(look, motion)
    if len(look.boxes) > 1:
        for how, other in words.relations:
            yield _related(look, how, other)


def in_time(follows: Sequence[float]) -> Cue:
    """Weigh how well each candidate's motion follows the sound, -1..1; where none does, the sound decides nothing."""
    factors = [0.1 + 0.9 * min(1.0, max(0.0, each) / _FULL_TIME) for each in follows]
    return Cue(factors, [f"moves with the sound {each:.2f}" for each in follows])


_SIDES: dict[str, Callable[[Box], float]] = {
    "left": lambda box: 1 - (box[0] + box[2]) / 2,
    "right": lambda box: (box[0] + box[2]) / 2,
    "top": lambda box: 1 - (box[1] + box[3]) / 2,
    "bottom": lambda box: (box[1] + box[3]) / 2,
    "middle": lambda box: 1 - abs(box[0] + box[2] - 1),
    "big": lambda box: float(np.sqrt((box[2] - box[0]) * (box[3] - box[1]))),
    "small": lambda box: 1 - float(np.sqrt((box[2] - box[0]) * (box[3] - box[1]))),
    "close": lambda box: box[3],
    "far": lambda box: 1 - box[3],
}
"""How far a box is to a side, 0..1; what stands lower in the picture is closer."""


def _coloured(look: Look, names: Sequence[str], full: float, where: str) -> Cue:
    shares = [colour_share(look.picture, mask, names) for mask in look.masks]
    colour = " or ".join(names)
    return Cue([0.1 + 0.9 * min(1.0, share / full) for share in shares], [f"{colour}{where} {share:.2f}" for share in shares])


def _placed(look: Look, side: str) -> Cue:
    """Weigh a place by where it is in the frame and, as much, by where it is among the candidates."""
    places = np.array([_SIDES[side](box) for box in look.boxes])
    spread = float(np.ptp(places))
    among = (places - places.min()) / spread if spread > 0.01 else np.ones(len(places))
    factors = 0.1 + 0.45 * np.clip(places, 0, 1) + 0.45 * among
    return Cue(factors.tolist(), [f"{side} {place:.2f}" for place in places])


def _ranked(look: Look, number: int, side: str) -> Cue:
    """Count from a side, among the candidates that are strong enough to be rivals."""
    rivals = [index for index, score in enumerate(look.scores) if score >= _RIVAL * look.scores[0]]
    line = sorted(rivals, key=lambda index: -_SIDES[side](look.boxes[index]))
    factors, says = [0.2] * len(look.boxes), ["not counted"] * len(look.boxes)
    asked = f" (asked: {_nth(number)})"
    for place, index in enumerate(line, start=1):
        factors[index] = 1.0 if place == number else 0.2
        says[index] = f"{_nth(place)} of {len(line)} {_FROM.get(side, 'from the ' + side)}{'' if place == number else asked}"
    return Cue(factors, says)


def _nth(place: int) -> str:
    ending = "th" if 10 < place % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


_FROM = {"big": "by size", "small": "from the smallest", "close": "from the closest", "far": "from the farthest"}
_HEADINGS = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1)}


def _moved(look: Look, motion: str) -> Cue:
    if motion in _HEADINGS:
        return _headed(look, motion)
    if motion in ("closer", "away"):
        return _neared(look, motion)
    speeds = [float(moving(look.motion)[mask].mean()) if mask.any() else 0.0 for mask in look.masks]
    if motion == "changing":
        return _changed(look, speeds)
    fits = [1 - 0.6 * speed if motion == "still" else 0.4 + 0.6 * speed for speed in speeds]
    return Cue(fits, [f"own motion {speed:.2f}" for speed in speeds])


def _headed(look: Look, motion: str) -> Cue:
    """Weigh the direction of motion; an object that does not stir has none."""
    axis, sign = _HEADINGS[motion]
    moves = [look.motion[mask].mean(axis=0) if mask.any() else np.zeros(2) for mask in look.masks]
    speeds = [sign * float(move[axis]) / max(look.motion.shape) for move in moves]
    return Cue(
        [1.0 if speed > STIRS else 0.25 for speed in speeds], [f"moves {motion} at {100 * speed:.1f} %" for speed in speeds]
    )


def _neared(look: Look, motion: str) -> Cue:
    """Weigh growth, or shrinking, beside the candidate that grows most."""
    rates = [growth(look.motion, mask) * (1 if motion == "closer" else -1) for mask in look.masks]
    most = max(GROWS, *rates)
    verb = "grows" if motion == "closer" else "shrinks"
    return Cue([0.3 + 0.7 * max(0.0, rate / most) for rate in rates], [f"{verb} {100 * rate:.1f} % a frame" for rate in rates])


def _changed(look: Look, speeds: Sequence[float]) -> Cue:
    """Weigh the change of look over about a second, less for what moves away from its place."""
    frames = {min(max(0, look.frame + step), len(look.eye) - 1) for step in _APART} - {look.frame}
    later = [look.picture_of(frame) for frame in sorted(frames)]
    changes = [change(look.picture, later, mask) for mask in look.masks]
    fits = [0.3 + 0.7 * min(1.0, each / CHANGES) * (1 - 0.5 * speed) for each, speed in zip(changes, speeds, strict=True)]
    return Cue(fits, [f"changes {each:.1f}" for each in changes])


def _related(look: Look, how: str, other: Description) -> Cue:
    """Weigh the place beside another thing, where that can be looked for and is seen."""
    count = len(look.boxes)
    seen = others(look.video, look.frame, other) if other.findable else []
    if not seen:
        return Cue([1.0] * count, [f"not used: {how} {other.text!r}, which is not seen"] * count)
    fits = [related(how, box, mask, seen) for box, mask in zip(look.boxes, look.masks, strict=True)]
    return Cue([0.3 + 0.7 * fit for fit in fits], [f"{how} {other.text!r} {fit:.2f}" for fit in fits])
