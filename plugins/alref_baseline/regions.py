"""From rough evidence to regions: what belongs together with the places where a frame shows what is looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from alref.media.video import Frame
from alref.utils.masks import Mask
from alref_baseline.attributes import colour_map, salience
from alref_baseline.class_activation import Evidence, class_evidence
from alref_baseline.efficientnet import Floats
from alref_baseline.features import Eye, resized
from alref_baseline.grabcut import boundary_box, graph_cut, parts
from alref_baseline.grammar import Description
from alref_baseline.label_propagation import smoothed
from alref_baseline.lexicon import Entry
from alref_baseline.linear_probe import answer, descriptors, examples
from alref_baseline.motion import moving, residual_motion

_ROUNDS = 3
_MOST = 5
_SMALLEST = 0.0005
_IN_TIME = 0.3
"""Correlation of motion with the sound from which it speaks for a place in full."""
_CORE = 0.55
"""Grown chance below which nothing belongs to a small thing that is held."""


@dataclass(frozen=True, eq=False)
class View:
    """One sampled frame: all maps are float32 (h, w) at half the internal size.

    ``evidence`` is 0..1 with 1 somewhere, ``peak`` says how strong it is beside other frames, ``known`` how probable the
    classes are.
    """

    frame: int
    picture: Frame
    evidence: Floats
    peak: float
    known: float
    motion: Floats
    colour: Floats | None


@dataclass(frozen=True, eq=False)
class Region:
    """A piece of one frame that may be what is looked for.

    ``mask`` bool (h, w) at half the internal size; ``score`` of its evidence, beside other regions of the same grounding;
    ``colour`` and ``part_colour`` the shares of it that have the colours asked for, 1 when none was; ``moving`` 0..1;
    ``velocity`` (right, down) in shares of the longer side a frame; ``area`` as a share of the frame; ``box`` xyxy in 0..1;
    ``outline`` the contrast along its border, in grey levels a pixel.
    """

    frame: int
    mask: Mask
    score: float
    colour: float
    part_colour: float
    moving: float
    velocity: tuple[float, float]
    area: float
    box: tuple[float, float, float, float]
    outline: float

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box, (right, down) in 0..1."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


def look(eye: Eye, frame: int, words: Description, entry: Entry, follows: Floats | None = None) -> View:
    """Gather the evidence of one frame: the noun's classes, the colours of the head, motion.

    ``follows`` (h, w), of any size, says how well motion follows the sound when nothing but a sound is known of the object:
    then motion counts as far as it does, and what stands out is there to fall back on.
    """
    picture = eye.half(frame)
    motion = residual_motion(eye, frame)
    if entry.classes:
        found = class_evidence(eye, frame, entry.classes)
    elif follows is None:
        found = Evidence(0.25 + 0.25 * moving(motion), 0.0)
    else:
        together = np.clip(resized(follows, *motion.shape[:2]) / max(float(follows.max()), _IN_TIME), 0, 1) ** 2
        motion = motion * (0.1 + 0.9 * together)[..., None] if together.any() else motion
        found = Evidence(0.1 * salience(picture) + 0.6 * moving(motion) + 0.3 * together, 0.0)
    evidence = found.map
    colour = None
    if words.colours:
        soft = np.asarray(cv2.GaussianBlur(picture, (5, 5), 0), np.uint8)
        colour = np.maximum.reduce([colour_map(soft, name) for name in words.colours])
        evidence = (0.1 + 0.9 * evidence) * colour
    peak = float(evidence.max())
    return View(frame, picture, evidence / max(peak, 1e-6), peak, found.probability, motion, colour)


def grow(eye: Eye, views: Sequence[View], words: Description, entry: Entry) -> list[Region]:
    """Grow the evidence of all sampled frames together by one probe, and cut out what it finds on each.

    A small thing without a colour of its own is grown without motion, which it shares with who holds it, and less far.
    """
    held = entry.compact and not words.colours
    moves = [np.zeros((eye.rows, eye.columns), np.float32) if held else _moves(eye, view) for view in views]
    cells = [
        descriptors(eye, view.frame, 1.5 * moved, colour_scale=2.0 if words.colours else 1.0)
        for view, moved in zip(views, moves, strict=True)
    ]
    seeds = [_moving_evidence(eye, view, moved, words) for view, moved in zip(views, moves, strict=True)]
    spread = [_spread(resized(view.evidence, eye.rows, eye.columns)) for view in views]
    strongest = max(float(seed.max()) * view.peak for seed, view in zip(seeds, views, strict=True))
    chances = [
        seed * view.peak / max(float(seed.max()) * view.peak, 0.4 * strongest, 1e-6)
        for seed, view in zip(seeds, views, strict=True)
    ]
    for _ in range(_ROUNDS):
        weights = [examples(np.maximum(_full(chance) - 0.35, 0), np.maximum(0.12 - _full(chance), 0)) for chance in chances]
        answers = answer(cells, weights)
        chances = [chance * (0.5 + 0.5 * near) for chance, near in zip(answers, spread, strict=True)]
    found: list[Region] = []
    for view, chance in zip(views, chances, strict=True):
        grown = resized(_full(smoothed(eye.features(view.frame), chance)), *view.evidence.shape)
        found += _regions(view, np.maximum(grown - _CORE, 0) / (1 - _CORE) if held else grown, words)
    return found


def _moves(eye: Eye, view: View) -> Floats:
    return resized(moving(view.motion), eye.rows, eye.columns)


def _moving_evidence(eye: Eye, view: View, moves: Floats, words: Description) -> Floats:
    """Weigh evidence by motion, or by its absence when the words ask for something still."""
    weight = 0.3 + 0.7 * (1 - moves if "still" in words.motions else moves)
    return np.asarray(resized(view.evidence, eye.rows, eye.columns) * weight, np.float32)


def _spread(evidence: Floats) -> Floats:
    """Say which cells lie near evidence, 0..1."""
    near = cv2.GaussianBlur((evidence > 0.2).astype(np.float32), (0, 0), 0.056 * evidence.shape[1])
    return np.asarray(np.minimum(near, 0.5) * 2, np.float32)


def _full(values: Floats) -> Floats:
    return values / max(float(values.max()), 1e-6)


def _regions(view: View, chance: Floats, words: Description) -> Iterator[Region]:
    """Cut out the parts of one frame with the most evidence."""
    labels, areas = parts(chance > 0.4)
    mass = np.bincount(labels.ravel(), view.evidence.ravel(), len(areas))
    mass[0] = -1
    for number in np.argsort(-mass, kind="stable")[:_MOST]:
        part = labels == number
        if number == 0 or areas[number] < _SMALLEST * part.size or view.evidence[part].max() < 0.3:
            continue
        mask = _cut(view, chance, part)
        yield _measured(view, mask, float(view.evidence[part].max()), words)


def _cut(view: View, chance: Floats, part: Mask) -> Mask:
    """Cut one part out by colour and edges; of what comes out, the piece with the most evidence."""
    near = cv2.dilate(part.astype(np.uint8), np.ones((9, 9), np.uint8))
    cut = _best_piece(view, graph_cut(view.picture, chance * near, never=0.25, rounds=3))
    return cut if cut.sum() >= _SMALLEST * cut.size else part


def _best_piece(view: View, mask: Mask) -> Mask:
    labels, areas = parts(mask)
    mass = np.bincount(labels.ravel(), view.evidence.ravel() + 1e-3, len(areas))
    mass[0] = 0
    return np.asarray(labels == int(mass.argmax())) & mask


def _measured(view: View, mask: Mask, strongest: float, words: Description) -> Region:
    height, width = mask.shape
    area = float(mask.mean())
    score = view.peak * strongest * float(np.sqrt(view.evidence[mask].mean())) * (1.0 if area < 0.5 else 0.3)
    right, down = view.motion[mask].mean(axis=0) / max(height, width)
    left, top, end, bottom = (boundary_box(mask) / np.array([width, height] * 2)).tolist()
    return Region(
        frame=view.frame,
        mask=mask,
        score=score,
        colour=float(view.colour[mask].mean()) if view.colour is not None else 1.0,
        part_colour=_part_colour(view, mask, words.part_colours),
        moving=float(moving(view.motion)[mask].mean()),
        velocity=(float(right), float(down)),
        area=area,
        box=(left, top, end, bottom),
        outline=_outline(view.picture, mask),
    )


def _outline(picture: Frame, mask: Mask) -> float:
    """Mean slope of the picture along the border of a mask.

    Low where the cut follows no edge, where all is blurred, and where the frame cuts the object off.
    """
    smooth = cv2.GaussianBlur(picture, (3, 3), 0).astype(np.float32)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)).max(axis=2) / 8
    slope[[0, -1]] = slope[:, [0, -1]] = 0
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    border = mask & (inner == 0)
    return float(cv2.dilate(slope, np.ones((3, 3), np.uint8))[border].mean())


def _part_colour(view: View, mask: Mask, names: Sequence[str]) -> float:
    """Return the least of the shares of the colours; half of the region is all that a part can be."""
    shares = [min(1.0, 2 * float(colour_map(view.picture, name)[mask].mean())) for name in names]
    return min(shares, default=1.0)
