"""Ground a phrase: find regions in sampled frames, and score them by attributes and by agreement over frames."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alref.media.video import Video
from alref.records import Phrase, TimeSpan
from alref_baseline.confidence import estimate_confidence
from alref_baseline.efficientnet import FloatArray
from alref_baseline.features import VideoFeatures, get_video_features, resize_image
from alref_baseline.grammar import ObjectDescription, parse_description
from alref_baseline.label_propagation import NEIGHBORS, combine_labels
from alref_baseline.lexicon import look_up_noun
from alref_baseline.look_alikes import find_look_alikes
from alref_baseline.neighbor_search import find_neighbors
from alref_baseline.region_score import score_region
from alref_baseline.regions import FrameEvidence, Region, gather_evidence, grow_regions
from alref_baseline.synchrony import get_motion_window
from alref_baseline.unknown_words import explain_unknown

ABSENT_THRESHOLD = 0.1
"""Evidence below which an object is absent.

On six real clips, nouns of objects that were present had 0.18 (a kettle) to 1.0, except for a toy that no class fits (0.01).
Nouns of absent objects had at most 0.06, except for a dog that was detected in a bird (0.53).
"""

NUM_SAMPLED_FRAMES = 8
_MAX_RIVALS = 3
MIN_RIVAL_FIT = 0.25
"""Fit of a region, as a share of the best one's on its frame, from which it counts as another object of the noun."""
_SIZE_RANGE = 1.5
"""How many times larger or smaller than usual a region may be before it is distrusted."""
_LOW_AGREEMENT = 0.5
"""Agreement below which regions of what looks alike on all frames are tried instead of those of each frame's own evidence."""
_AGREEMENT_GAIN = 0.2
"""How much better they must agree to be taken."""
_MAX_CACHED = 16


@dataclass(frozen=True)
class ScoredRegion:
    """A region with its ``score`` as the object, 0..1, and its ``agreement`` with the other sampled frames, 0..1.

    ``match_score`` is how well it matches the best region of all frames when that is propagated to this frame, 1 for the best
    region itself.
    """

    region: Region
    score: float
    agreement: float
    match_score: float


@dataclass(frozen=True)
class PhraseGrounding:
    """The regions found for one phrase, best first; ``evidence``, 0..1, is the confidence that the object is in the video.

    ``confidence`` is the probability, 0..1, that the best region shows it.
    """

    scored_regions: tuple[ScoredRegion, ...]
    evidence: float
    confidence: float = 0.0

    @property
    def is_absent(self) -> bool:
        """Whether the evidence is too weak for the object to be in the video."""
        return not self.scored_regions or self.evidence < ABSENT_THRESHOLD

    def get_regions(self, frame: int) -> list[ScoredRegion]:
        """Return the regions of one frame, best first."""
        return [each for each in self.scored_regions if each.region.frame == frame]


@dataclass(frozen=True)
class GroundingQuery:
    """The object to find: its text, whether it makes a sound in the audio, and in which seconds (None for all)."""

    text: str
    makes_sound: bool = False
    heard: tuple[TimeSpan, ...] | None = None

    @classmethod
    def from_phrase(cls, phrase: Phrase) -> GroundingQuery:
        """Return the query for a phrase."""
        return cls(phrase.text, phrase.sound or bool(phrase.sounds), phrase.heard)

    def describe_object(self) -> ObjectDescription:
        """Return the parsed text. The name of a sound that is no known noun, such as "what sounds", is not a plural."""
        words = parse_description(self.text)
        named = not self.makes_sound or bool(look_up_noun(words.noun).classes)
        return words if named else replace(words, is_plural=False)


_GROUNDING_CACHE: weakref.WeakKeyDictionary[Video, dict[tuple[GroundingQuery, tuple[int, ...]], PhraseGrounding]] = (
    weakref.WeakKeyDictionary()
)


def find_grounding(video: Video, query: GroundingQuery, frames: Sequence[int] = ()) -> PhraseGrounding:
    """Find an object in a video, on sampled frames and on ``frames``; results are cached per video.

    Frames are sampled while the object is heard, if that is known. As many ``frames`` take the place of samples among them.
    An object known only by its sound is found by motion that follows the sound, and is never absent: if nothing moves, salient
    regions are used.
    """
    sampled = _sample_heard_frames(video, query)
    if len(frames) >= NUM_SAMPLED_FRAMES:
        sampled = [frame for frame in sampled if not min(frames) <= frame <= max(frames)]
    more = tuple(sorted(set(frames) - set(sampled)))
    answers = _GROUNDING_CACHE.setdefault(video, {})
    if (query, more) not in answers:
        while len(answers) >= _MAX_CACHED:
            answers.pop(next(iter(answers)))
        answers[query, more] = _compute_grounding(video, query, sorted({*sampled, *more}))
    return answers[query, more]


def recall_grounding(video: Video, noun: str) -> PhraseGrounding | None:
    """Return the cached grounding of all objects of a noun that has the most evidence, or None if there is none."""
    sought = parse_description(f"every {noun}")
    known = [made for (query, _), made in _GROUNDING_CACHE.get(video, {}).items() if query.describe_object() == sought]
    return max(known, key=lambda made: made.evidence, default=None)


def _sample_heard_frames(video: Video, query: GroundingQuery) -> list[int]:
    times = enumerate(video.times)
    heard = [frame for frame, time in times if any(start <= time < end for start, end in query.heard or ())]
    among = heard or range(len(video))
    return [among[place] for place in sample_indices(len(among))]


def sample_indices(count: int) -> list[int]:
    """Return the sampled frames of a video of ``count`` frames, evenly spaced, ascending."""
    return sorted({round(place) for place in np.linspace(min(1, count - 1), max(0, count - 2), NUM_SAMPLED_FRAMES).tolist()})


def rank_frames(video: Video, query: GroundingQuery) -> list[tuple[int, float, str]]:
    """Rank the pivot frames: (frame, score 0..1, reason); an empty list if the object is absent.

    The first is the best; the others probably show the same object.
    """
    grounding = find_grounding(video, query)
    if grounding.is_absent:
        return []
    tops = [grounding.get_regions(frame)[0] for frame in dict.fromkeys(each.region.frame for each in grounding.scored_regions)]
    return [(top.region.frame, top.score, _explain_score(top)) for top in tops if top.match_score > 0.5]


def _explain_score(scored: ScoredRegion) -> str:
    where = ", ".join(f"{100 * place:.0f} %" for place in scored.region.center)
    return (
        f"score {scored.score:.2f}: region at {where} from left and top, {100 * scored.region.area:.1f} % of the frame, "
        f"agreement with other frames {scored.agreement:.2f}"
    )


def _compute_grounding(video: Video, query: GroundingQuery, frames: Sequence[int]) -> PhraseGrounding:
    eye, words = get_video_features(video), query.describe_object()
    entry = look_up_noun(words.noun)
    by_sound = query.makes_sound and not entry.classes
    if not query.makes_sound and explain_unknown(words):
        return PhraseGrounding((), 0.0)
    views = [
        gather_evidence(eye, frame, words, entry, get_motion_window(video, frame).compute_map() if by_sound else None)
        for frame in frames
    ]
    if entry.classes and views[0].color_map is None and (known := _weigh_classes(views)) < ABSENT_THRESHOLD:
        return PhraseGrounding((), known)
    regions = grow_regions(eye, views, words, entry)
    if not regions:
        return PhraseGrounding((), 0.0)
    if words.is_among_several:
        regions = find_look_alikes(eye, views, regions, words) or regions
    least = ABSENT_THRESHOLD if by_sound and not words.is_findable else 0.0
    evidence = max(least, _weigh_evidence(views, regions, has_classes=bool(entry.classes)))
    found = (_score_several if words.is_among_several else _score_regions)(eye, regions, words, evidence)
    best = found[0]
    confidence = estimate_confidence(best.agreement, evidence, best.region.area)
    if not words.is_among_several and entry.classes and best.agreement < _LOW_AGREEMENT:
        alike = _score_regions(eye, find_look_alikes(eye, views, regions, words) or regions, words, evidence)
        found = alike if alike[0].agreement > best.agreement + _AGREEMENT_GAIN else found
    return PhraseGrounding(tuple(found), evidence, 1.0 if by_sound else confidence)


def _weigh_evidence(views: Sequence[FrameEvidence], regions: Sequence[Region], has_classes: bool) -> float:
    """Compute the evidence: the classes on the second best frame and the color, or the motion, of the best region."""
    best = max(regions, key=lambda region: region.score)
    if not has_classes and views[0].color_map is None:
        return 0.5 * best.motion_strength
    of_color = 0.5 * best.color_share if views[0].color_map is not None else 0.0
    of_class = _weigh_classes(views)
    return 1 - (1 - of_color) * (1 - of_class)


def _weigh_classes(views: Sequence[FrameEvidence]) -> float:
    return sorted(view.class_probability for view in views)[-2:][0]


def _score_regions(
    video_features: VideoFeatures, regions: Sequence[Region], description: ObjectDescription, evidence: float
) -> list[ScoredRegion]:
    """Score every region: its own fit, multiplied by its agreement with the other frames."""
    frames = sorted({region.frame for region in regions})
    rivals = {frame: [region for region in regions if region.frame == frame] for frame in frames}
    fits = {id(region): score_region(region, description) for region in regions}
    top = max(max(fits.values()), 1e-9)
    for frame in frames:
        rivals[frame] = sorted(rivals[frame], key=lambda region: -fits[id(region)])[:_MAX_RIVALS]
    overlaps = _compute_overlaps(video_features, rivals)
    strength = {key: float(np.sqrt(fit / top)) for key, fit in fits.items()}
    kept = [region for frame in frames for region in rivals[frame]]
    agreed = {id(region): _compute_agreement(region, rivals, overlaps, strength) for region in kept}
    clear = {
        id(region): 0.3 + 0.7 * region.edge_contrast / max(1e-6, *(other.edge_contrast for other in kept)) for region in kept
    }
    usual = float(np.median([rivals[frame][0].area for frame in frames]))
    sized = {id(region): min(1.0, _SIZE_RANGE * usual / region.area, _SIZE_RANGE * region.area / usual) for region in kept}
    standing = {
        id(region): strength[id(region)] * (0.02 + agreed[id(region)]) * clear[id(region)] * sized[id(region)]
        for region in kept
    }
    best = max(kept, key=lambda region: standing[id(region)])
    found = []
    for region in kept:
        linked = 1.0 if region is best else overlaps.get((id(best), id(region)), 0.0)
        share = np.sqrt(standing[id(region)] / max(standing[id(best)], 1e-9)) * (0.3 + 0.7 * linked)
        found.append(ScoredRegion(region, float(min(1.0, evidence * share)), agreed[id(region)], linked))
    return sorted(found, key=lambda each: -each.score)


def _score_several(
    video_features: VideoFeatures, regions: Sequence[Region], description: ObjectDescription, evidence: float
) -> list[ScoredRegion]:
    """Score the frames by all objects of the noun on them together, then each region by its own fit on its frame.

    Agreement is that of all objects of a frame, since one of them resembles the others as much as itself.
    """
    fits = {id(region): score_region(region, description) for region in regions}
    top = max(max(fits.values()), 1e-9)
    by_frame: dict[int, list[Region]] = {}
    for region in sorted(regions, key=lambda region: -fits[id(region)]):
        by_frame.setdefault(region.frame, []).append(region)
    rivals = {
        frame: [each for each in own if fits[id(each)] >= MIN_RIVAL_FIT * fits[id(own[0])]] for frame, own in by_frame.items()
    }
    together = {frame: [_join_regions(own)] for frame, own in rivals.items()}
    overlaps = _compute_overlaps(video_features, together)
    strength = {id(one): float(np.sqrt(fits[id(rivals[frame][0])] / top)) for frame, (one,) in together.items()}
    agreed = {frame: _compute_agreement(one, together, overlaps, strength) for frame, (one,) in together.items()}
    usual = float(np.median([len(own) for own in rivals.values()]))
    sharpest = max(1e-6, *(one.edge_contrast for (one,) in together.values()))
    standing = {
        frame: strength[id(one)]
        * (0.02 + agreed[frame])
        * (0.3 + 0.7 * one.edge_contrast / sharpest)
        * min(1.0, len(rivals[frame]) / usual)
        for frame, (one,) in together.items()
    }
    best = max(standing, key=lambda frame: standing[frame])
    found = []
    for frame, own in by_frame.items():
        linked = 1.0 if frame == best else overlaps.get((id(together[best][0]), id(together[frame][0])), 0.0)
        share = np.sqrt(standing[frame] / max(standing[best], 1e-9)) * (0.3 + 0.7 * linked)
        for region in own:
            score = float(min(1.0, evidence * share * np.sqrt(fits[id(region)] / max(fits[id(own[0])], 1e-9))))
            found.append(ScoredRegion(region, score, agreed[frame], linked))
    return sorted(found, key=lambda each: -each.score)


def _join_regions(regions: Sequence[Region]) -> Region:
    """Return the best region, the first, with the mask of all."""
    mask = np.logical_or.reduce([region.mask for region in regions])
    return replace(regions[0], mask=mask, area=float(mask.mean()))


def _compute_agreement(
    region: Region,
    rivals: dict[int, list[Region]],
    overlaps: dict[tuple[int, int], float],
    strength: dict[int, float],
) -> float:
    """Return the mean over the other frames of how well the region, propagated there, overlaps a strong region."""
    others = [others for frame, others in rivals.items() if frame != region.frame]
    met = [max(overlaps[id(region), id(other)] * strength[id(other)] for other in each) for each in others]
    return float(np.mean(met)) if met else 1.0


def _compute_overlaps(video_features: VideoFeatures, rivals: dict[int, list[Region]]) -> dict[tuple[int, int], float]:
    """Propagate each region to every other frame; return its soft IoU with the regions there, by pairs of ids."""
    size = video_features.rows // 2, video_features.columns // 2
    looks = {frame: _get_coarse_features(video_features, frame, size) for frame in rivals}
    labels = {id(one): resize_image(one.mask.astype(np.float32), *size).ravel() for each in rivals.values() for one in each}
    overlaps = {}
    for source, regions in rivals.items():
        known = np.stack([labels[id(region)] for region in regions], axis=1)
        for target, others in rivals.items():
            if target == source:
                continue
            similar, cells = find_neighbors(looks[target], looks[source], NEIGHBORS)
            for region, carried in zip(regions, (combine_labels(similar, column[cells]) for column in known.T), strict=True):
                for other in others:
                    overlaps[id(region), id(other)] = _compute_soft_iou(carried, labels[id(other)])
    return overlaps


def _get_coarse_features(video_features: VideoFeatures, frame: int, size: tuple[int, int]) -> FloatArray:
    features = video_features.get_features(frame)
    small = np.dstack([resize_image(features[..., part], *size) for part in (slice(0, 64), slice(64, None))])
    flat = small.reshape(-1, small.shape[2])
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def _compute_soft_iou(first: FloatArray, second: FloatArray) -> float:
    return float(np.minimum(first, second).sum() / max(float(np.maximum(first, second).sum()), 1e-6))
