"""Finds what a phrase means: regions of sampled frames, weighed by the phrase's words and by agreement over frames."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alref.media.video import Video
from alref.records import Phrase, Span
from alref_baseline.efficientnet import Floats
from alref_baseline.features import Eye, eye_of, resized
from alref_baseline.grammar import Description, parse
from alref_baseline.label_propagation import nearest_of, vote
from alref_baseline.lexicon import lookup
from alref_baseline.region_score import fitness
from alref_baseline.regions import Region, View, grow, look
from alref_baseline.synchrony import moves

ABSENT_BELOW = 0.1
"""Evidence below which an object is said to be absent.

On six real clips, nouns of things that were there had 0.18 (a kettle) to 1.0, but for a toy that no class fits (0.01); nouns of
things that were not had 0.06 at most, but for a dog seen in a bird (0.53).
"""

SAMPLED = 8
_RIVALS = 3
_KEPT = 16


@dataclass(frozen=True)
class Found:
    """A region and how good it is as the object: ``score`` 0..1, ``agreement`` 0..1 with the other sampled frames.

    ``linked`` says how well it matches the best region of all when that is carried to this frame, 1 for that one itself.
    """

    region: Region
    score: float
    agreement: float
    linked: float


@dataclass(frozen=True)
class Grounding:
    """What was found for one phrase, best first; ``evidence`` 0..1 says how sure it is that the object is there at all."""

    found: tuple[Found, ...]
    evidence: float

    @property
    def absent(self) -> bool:
        """Whether too little speaks for the object to say that it is in the video."""
        return not self.found or self.evidence < ABSENT_BELOW

    def on(self, frame: int) -> list[Found]:
        """Return what was found on one frame, best first."""
        return [each for each in self.found if each.region.frame == frame]


@dataclass(frozen=True)
class Sought:
    """What is looked for: its words, whether it makes a sound that is heard, and in which seconds, None for all."""

    text: str
    sounding: bool = False
    heard: tuple[Span, ...] | None = None

    @classmethod
    def of(cls, phrase: Phrase) -> Sought:
        """Return what a phrase looks for."""
        return cls(phrase.text, phrase.sound or bool(phrase.sounds), phrase.heard)


_GROUNDINGS: weakref.WeakKeyDictionary[Video, dict[tuple[Sought, tuple[int, ...]], Grounding]] = weakref.WeakKeyDictionary()


def ground(video: Video, sought: Sought, frames: Sequence[int] = ()) -> Grounding:
    """Find something in a video, on sampled frames and on ``frames``; the same question is answered once for a video.

    Frames are sampled while it is heard, where that is known. What is known by its sound alone is found by motion that follows
    the sound, and is never absent: what stands out is taken where nothing moves.
    """
    sampled = _sampled(video, sought)
    more = tuple(sorted(set(frames) - set(sampled)))
    answers = _GROUNDINGS.setdefault(video, {})
    if (sought, more) not in answers:
        while len(answers) >= _KEPT:
            answers.pop(next(iter(answers)))
        answers[sought, more] = _ground(video, sought, sorted({*sampled, *more}))
    return answers[sought, more]


def _sampled(video: Video, sought: Sought) -> list[int]:
    times = enumerate(video.times)
    heard = [frame for frame, time in times if any(start <= time < end for start, end in sought.heard or ())]
    among = heard or range(len(video))
    return [among[place] for place in sample(len(among))]


def sample(count: int) -> list[int]:
    """Return the frames that are looked at in a video of ``count`` frames, evenly spread, ascending."""
    return sorted({round(place) for place in np.linspace(min(1, count - 1), max(0, count - 2), SAMPLED).tolist()})


def best_frames(video: Video, sought: Sought) -> list[tuple[int, float, str]]:
    """Rank the frames to start from: (frame, score 0..1, why); none when the object is absent.

    The first is the best; the others show, as far as can be seen, the same object.
    """
    grounding = ground(video, sought)
    if grounding.absent:
        return []
    tops = [grounding.on(frame)[0] for frame in dict.fromkeys(each.region.frame for each in grounding.found)]
    return [(top.region.frame, top.score, _why(top)) for top in tops if top.linked > 0.5]


def _why(found: Found) -> str:
    where = ", ".join(f"{100 * place:.0f} %" for place in found.region.centre)
    return (
        f"score {found.score:.2f}: region at {where} from left and top, {100 * found.region.area:.1f} % of the frame, "
        f"agreement with other frames {found.agreement:.2f}"
    )


def _ground(video: Video, sought: Sought, frames: Sequence[int]) -> Grounding:
    eye, words = eye_of(video), parse(sought.text)
    entry = lookup(words.noun)
    by_sound = sought.sounding and not entry.classes
    views = [look(eye, frame, words, entry, moves(video, frame).map() if by_sound else None) for frame in frames]
    regions = grow(eye, views, words, entry)
    if not regions:
        return Grounding((), 0.0)
    least = ABSENT_BELOW if by_sound and not words.findable else 0.0
    evidence = max(least, _evidence(views, regions, known=bool(entry.classes)))
    return Grounding(tuple(_ranked(eye, regions, words, evidence)), evidence)


def _evidence(views: Sequence[View], regions: Sequence[Region], known: bool) -> float:
    """Weigh what speaks for the object: its classes on the second best frame, or the best region's colour or motion."""
    best = max(regions, key=lambda region: region.score)
    if not known and views[0].colour is None:
        return 0.5 * best.moving
    of_colour = 0.5 * best.colour if views[0].colour is not None else 0.0
    return max(of_colour, sorted(view.known for view in views)[-2:][0])


def _ranked(eye: Eye, regions: Sequence[Region], words: Description, evidence: float) -> list[Found]:
    """Score every region: its own fitness, times how well it is found again on the other frames."""
    frames = sorted({region.frame for region in regions})
    rivals = {frame: [region for region in regions if region.frame == frame] for frame in frames}
    fits = {id(region): fitness(region, rivals[region.frame], words) for region in regions}
    top = max(max(fits.values()), 1e-9)
    for frame in frames:
        rivals[frame] = sorted(rivals[frame], key=lambda region: -fits[id(region)])[:_RIVALS]
    overlaps = _overlaps(eye, rivals)
    strength = {key: float(np.sqrt(fit / top)) for key, fit in fits.items()}
    kept = [region for frame in frames for region in rivals[frame]]
    agreed = {id(region): _agreement(region, rivals, overlaps, strength) for region in kept}
    clear = {id(region): 0.3 + 0.7 * region.outline / max(1e-6, *(other.outline for other in kept)) for region in kept}
    standing = {id(region): strength[id(region)] * (0.02 + agreed[id(region)]) * clear[id(region)] for region in kept}
    best = max(kept, key=lambda region: standing[id(region)])
    found = []
    for region in kept:
        linked = 1.0 if region is best else overlaps.get((id(best), id(region)), 0.0)
        share = np.sqrt(standing[id(region)] / max(standing[id(best)], 1e-9)) * (0.3 + 0.7 * linked)
        found.append(Found(region, float(min(1.0, evidence * share)), agreed[id(region)], linked))
    return sorted(found, key=lambda each: -each.score)


def _agreement(
    region: Region,
    rivals: dict[int, list[Region]],
    overlaps: dict[tuple[int, int], float],
    strength: dict[int, float],
) -> float:
    """Mean over the other frames of how well the region, carried there, meets a strong region."""
    others = [others for frame, others in rivals.items() if frame != region.frame]
    met = [max(overlaps[id(region), id(other)] * strength[id(other)] for other in each) for each in others]
    return float(np.mean(met)) if met else 1.0


def _overlaps(eye: Eye, rivals: dict[int, list[Region]]) -> dict[tuple[int, int], float]:
    """Carry each region to every other frame and compare it with the regions there: soft intersection over union by ids."""
    size = eye.rows // 2, eye.columns // 2
    looks = {frame: _coarse(eye, frame, size) for frame in rivals}
    labels = {id(one): resized(one.mask.astype(np.float32), *size).ravel() for each in rivals.values() for one in each}
    overlaps = {}
    for source, regions in rivals.items():
        known = np.stack([labels[id(region)] for region in regions], axis=1)
        for target, others in rivals.items():
            if target == source:
                continue
            similar, cells = nearest_of(looks[target] @ looks[source].T)
            for region, carried in zip(regions, (vote(similar, column[cells]) for column in known.T), strict=True):
                for other in others:
                    overlaps[id(region), id(other)] = _soft_overlap(carried, labels[id(other)])
    return overlaps


def _coarse(eye: Eye, frame: int, size: tuple[int, int]) -> Floats:
    features = eye.features(frame)
    small = np.dstack([resized(features[..., part], *size) for part in (slice(0, 64), slice(64, None))])
    flat = small.reshape(-1, small.shape[2])
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def _soft_overlap(first: Floats, second: Floats) -> float:
    return float(np.minimum(first, second).sum() / max(float(np.maximum(first, second).sum()), 1e-6))
