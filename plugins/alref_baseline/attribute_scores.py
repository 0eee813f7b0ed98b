"""Score the candidates of a frame by the attributes that a phrase names: one factor and one explanation per attribute.

Factors are above 0, so a missing or wrong attribute weakens a candidate and never excludes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from alref import Frame, Mask, Video
from alref_baseline.attributes import compute_change, compute_color_share, compute_growth
from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import VideoFeatures, resize_image
from alref_baseline.grammar import ObjectDescription
from alref_baseline.motion import compute_motion_strength
from alref_baseline.region_score import DIRECTIONS, OPPOSITE_SIDES, get_speed, score_motion_strength, score_side, score_speed
from alref_baseline.relations import NormalizedBox, find_other_regions, score_relation

FULL_GROWTH = 0.003
"""Growth per frame that is certainly above noise."""
FULL_CHANGE = 8.0
"""Change of appearance, in CIELAB units, that is certain."""
_FRAME_OFFSETS = (-12, -6, 6, 12)
_FULL_COLOR = 0.6
_FULL_PART = 0.25
_MIN_PLACE = 0.35
"""Position, 0 on the other side to 1, below which an object is not on the side that is asked for."""
_MIN_MOTION, _MAX_STILL = 0.1, 0.6
"""Strength of motion from which an object moves, and up to which it stands still."""
_FULL_SYNCHRONY = 0.5


@dataclass(frozen=True)
class FrameCandidates:
    """A frame with its candidates. ``motion`` (h, w, 2) and ``masks`` bool (h, w) are at half the internal size.

    ``boxes`` are ``xyxy`` in 0..1; ``scores`` are those of the proposer, best first.
    """

    video: Video
    video_features: VideoFeatures
    frame: int
    motion: FloatArray
    boxes: Sequence[NormalizedBox]
    masks: Sequence[Mask]
    scores: Sequence[float]

    def select(self, indices: Sequence[int]) -> FrameCandidates:
        """Return some of the candidates."""
        return replace(
            self,
            boxes=[self.boxes[index] for index in indices],
            masks=[self.masks[index] for index in indices],
            scores=[self.scores[index] for index in indices],
        )

    @cached_property
    def image(self) -> Frame:
        """The frame, uint8 (h, w, 3) RGB."""
        return self.get_image(self.frame)

    def get_image(self, frame: int) -> Frame:
        """Return any frame of the video at the size of the masks."""
        return np.asarray(resize_image(self.video_features.get_image(frame), *self.motion.shape[:2]), np.uint8)


@dataclass(frozen=True)
class AttributeScores:
    """The fit of each candidate to one attribute: ``factors`` above 0 up to 1, and an explanation for each.

    ``missing`` says for each what is not as the words say, "" if nothing is; empty if this was not examined. ``is_impossible``
    is True if no candidate can be the one that is meant.
    """

    factors: Sequence[float]
    explanations: Sequence[str]
    missing: Sequence[str] = ()
    is_impossible: bool = False


def score_attributes(description: ObjectDescription, candidates: FrameCandidates) -> Iterator[AttributeScores]:
    """Yield scores for every attribute of the phrase that can be measured."""
    if description.colors:
        yield _score_colors(candidates, description.colors, _FULL_COLOR, "")
    for name in description.part_colors:
        yield _score_colors(candidates, (name,), _FULL_PART, " in part")
    if description.size:
        yield _score_side(candidates, description.size)
    for side in description.positions:
        yield _score_side(candidates, side)
    for number, side in description.ranks:
        yield _score_rank(candidates, number, side)
    for motion in [each for each in description.motions if each != "moving"] or description.motions:
        yield _score_motion(candidates, motion)
    if len(candidates.boxes) > 1:
        for how, other in description.relations:
            yield _score_relation(candidates, how, other)


def score_synchrony(synchrony: Sequence[float]) -> AttributeScores:
    """Score how well the motion of each candidate follows the audio, -1..1; if none does, all factors are equal."""
    factors = [0.1 + 0.9 * min(1.0, max(0.0, each) / _FULL_SYNCHRONY) for each in synchrony]
    return AttributeScores(factors, [f"moves with the sound {each:.2f}" for each in synchrony])


def _score_colors(candidates: FrameCandidates, names: Sequence[str], full_share: float, suffix: str) -> AttributeScores:
    shares = [compute_color_share(candidates.image, mask, names) for mask in candidates.masks]
    color = " or ".join(names)
    return AttributeScores(
        [0.1 + 0.9 * min(1.0, share / full_share) for share in shares], [f"{color}{suffix} {share:.2f}" for share in shares]
    )


def _score_side(candidates: FrameCandidates, side: str) -> AttributeScores:
    """Score the position in the frame and, with equal weight, among the candidates."""
    places = np.array([_score_box_side(box, side) for box in candidates.boxes])
    spread = float(np.ptp(places))
    among = (places - places.min()) / spread if spread > 0.01 else np.ones(len(places))
    factors = 0.1 + 0.45 * np.clip(places, 0, 1) + 0.45 * among
    far = _MIN_PLACE if side in OPPOSITE_SIDES else 0.0
    missing = [f"it is rather on the {OPPOSITE_SIDES[side]}" if place < far else "" for place in places]
    return AttributeScores(factors.tolist(), [f"{side} {place:.2f}" for place in places], missing)


def _score_box_side(box: NormalizedBox, side: str) -> float:
    return score_side(side, box, (box[2] - box[0]) * (box[3] - box[1]))


def _score_rank(candidates: FrameCandidates, number: int, side: str) -> AttributeScores:
    """Score the rank from a side; there must be as many candidates."""
    line = sorted(range(len(candidates.boxes)), key=lambda index: -_score_box_side(candidates.boxes[index], side))
    factors, says = [0.2] * len(line), [""] * len(line)
    asked = f" (asked: {_format_ordinal(number)})"
    for place, index in enumerate(line, start=1):
        factors[index] = 1.0 if place == number else 0.2
        said = f"{_format_ordinal(place)} of {len(line)} {_RANK_PHRASES.get(side, 'from the ' + side)}"
        says[index] = said if place == number else said + asked
    return AttributeScores(factors, says, is_impossible=number > len(line))


def _format_ordinal(place: int) -> str:
    ending = "th" if 10 < place % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


_RANK_PHRASES = {"big": "by size", "small": "from the smallest", "close": "from the closest", "far": "from the farthest"}


def _score_motion(candidates: FrameCandidates, motion: str) -> AttributeScores:
    if motion in DIRECTIONS:
        return _score_direction(candidates, motion)
    if motion in ("closer", "away"):
        return _score_growth(candidates, motion)
    speeds = [
        float(compute_motion_strength(candidates.motion)[mask].mean()) if mask.any() else 0.0 for mask in candidates.masks
    ]
    if motion == "changing":
        return _score_change(candidates, speeds)
    fits = [score_motion_strength(motion, speed) for speed in speeds]
    if motion == "still":
        missing = ["it moves" if speed > _MAX_STILL else "" for speed in speeds]
    else:
        missing = ["it hardly moves" if speed < _MIN_MOTION else "" for speed in speeds]
    return AttributeScores(fits, [f"own motion {speed:.2f}" for speed in speeds], missing)


def _score_direction(candidates: FrameCandidates, motion: str) -> AttributeScores:
    """Score the direction of motion; an object that does not move has no direction."""
    moves = [candidates.motion[mask].mean(axis=0) if mask.any() else np.zeros(2) for mask in candidates.masks]
    speeds = [get_speed(motion, move.tolist()) / max(candidates.motion.shape) for move in moves]
    return AttributeScores(
        [score_speed(speed) for speed in speeds],
        [f"moves {motion} at {100 * speed:.1f} %" for speed in speeds],
        [f"it does not move {motion}" if speed <= 0 else "" for speed in speeds],
    )


def _score_growth(candidates: FrameCandidates, motion: str) -> AttributeScores:
    """Score growth or shrinking relative to the candidate that grows or shrinks most."""
    rates = [compute_growth(candidates.motion, mask) * (1 if motion == "closer" else -1) for mask in candidates.masks]
    most = max(FULL_GROWTH, *rates)
    verb = "grows" if motion == "closer" else "shrinks"
    return AttributeScores(
        [0.3 + 0.7 * max(0.0, rate / most) for rate in rates], [f"{verb} {100 * rate:.1f} % a frame" for rate in rates]
    )


def _score_change(candidates: FrameCandidates, speeds: Sequence[float]) -> AttributeScores:
    """Score the change of appearance over about a second, less for objects that move away."""
    frames = {min(max(0, candidates.frame + step), len(candidates.video_features) - 1) for step in _FRAME_OFFSETS} - {
        candidates.frame
    }
    later = [candidates.get_image(frame) for frame in sorted(frames)]
    changes = [compute_change(candidates.image, later, mask) for mask in candidates.masks]
    fits = [0.3 + 0.7 * min(1.0, each / FULL_CHANGE) * (1 - 0.5 * speed) for each, speed in zip(changes, speeds, strict=True)]
    return AttributeScores(fits, [f"changes {each:.1f}" for each in changes])


def _score_relation(candidates: FrameCandidates, relation: str, other: ObjectDescription) -> AttributeScores:
    """Score the position relative to another object, if it can be detected."""
    count = len(candidates.boxes)
    seen = find_other_regions(candidates.video, candidates.frame, other) if other.is_findable else []
    if not seen:
        return AttributeScores([1.0] * count, [f"not used: {relation} {other.text!r}, which was not found"] * count)
    fits = [score_relation(relation, box, mask, seen) for box, mask in zip(candidates.boxes, candidates.masks, strict=True)]
    return AttributeScores([0.3 + 0.7 * fit for fit in fits], [f"{relation} {other.text!r} {fit:.2f}" for fit in fits])
