"""Ground a phrase: sample frames, find regions in them, weigh the evidence that the object is there, and propose candidates."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from alref import Candidates, Phrase, PivotFrame, TimeSpan, Video
from alref_baseline.features import get_video_features
from alref_baseline.grabcut import compute_bounding_box
from alref_baseline.grammar import ObjectDescription, parse_description
from alref_baseline.lexicon import look_up_noun
from alref_baseline.look_alikes import find_look_alikes
from alref_baseline.region_ranking import ScoredRegion, score_regions, score_several
from alref_baseline.region_score import MAX_AREA, estimate_confidence, score_region
from alref_baseline.regions import FrameEvidence, Region, gather_evidence, grow_regions
from alref_baseline.synchrony import get_motion_window
from alref_baseline.unknown_words import explain_unknown

ABSENT_THRESHOLD = 0.1
"""Evidence below which an object is absent.

On six real clips, nouns of objects that were present had 0.18 (a kettle) to 1.0, except for a toy that no class fits (0.01).
Nouns of absent objects had at most 0.06, except for a dog that was detected in a bird (0.53).
"""

NUM_SAMPLED_FRAMES = 8
_LOW_AGREEMENT = 0.5
"""Agreement below which regions of what looks alike on all frames are tried instead of those of each frame's own evidence."""
_AGREEMENT_GAIN = 0.2
"""How much better they must agree to be taken."""
_MAX_CACHED = 16


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
    if words.is_among_several and any(view.extent is None for view in views):
        regions = find_look_alikes(eye, views, regions, words) or regions
    least = ABSENT_THRESHOLD if by_sound and not words.is_findable else 0.0
    evidence = max(least, _weigh_evidence(views, regions, has_classes=bool(entry.classes)))
    found = (score_several if words.is_among_several else score_regions)(eye, regions, words, evidence)
    if not words.is_among_several and entry.classes and found[0].agreement < _LOW_AGREEMENT:
        alike = find_look_alikes(eye, views, regions, words) or regions
        others = score_regions(eye, alike, words, evidence)
        agrees = others[0].agreement > found[0].agreement + _AGREEMENT_GAIN
        if agrees and others[0].region.area <= MAX_AREA:
            found, regions = others, alike
    best = found[0]
    confidence = estimate_confidence(best.agreement, evidence, best.region.area)
    if entry.segments and not words.is_among_several:
        confidence *= 1 - rate_rival(best.region, regions, words) / 2
    return PhraseGrounding(tuple(found), evidence, 1.0 if by_sound else confidence)


def rate_rival(best: Region, regions: Sequence[Region], words: ObjectDescription) -> float:
    """Return how well another region of the frame fits the phrase: 0 for at most half as well as the best, 1 for as well."""
    others = [region for region in regions if region.frame == best.frame and not (region.mask & best.mask).any()]
    share = max((score_region(region, words) for region in others), default=0.0) / score_region(best, words)
    return min(1.0, max(0.0, 2 * share - 1))


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


def propose_candidates(video: Video, pivots: list[PivotFrame], max_candidates: int) -> list[Candidates]:
    """Return up to ``max_candidates`` candidates per pivot."""
    asked: dict[GroundingQuery, list[int]] = {}
    for pivot in pivots:
        asked.setdefault(GroundingQuery.from_phrase(pivot.phrase), []).extend([pivot.frame] if pivot.frame is not None else [])
    return [
        _propose_for_pivot(video, pivot, asked[GroundingQuery.from_phrase(pivot.phrase)], max_candidates) for pivot in pivots
    ]


def _propose_for_pivot(video: Video, pivot: PivotFrame, frames: list[int], max_candidates: int) -> Candidates:
    grounding = find_grounding(video, GroundingQuery.from_phrase(pivot.phrase), frames)
    found = [] if grounding.is_absent or pivot.frame is None else grounding.get_regions(pivot.frame)[:max_candidates]
    grown = [(each, cv2.resize(each.region.mask.astype(np.float32), (video.width, video.height)) > 0.5) for each in found]
    sized = [(each, mask) for each, mask in grown if mask.any()]
    if not sized:
        return Candidates(pivot=pivot, xyxy=np.zeros((0, 4), np.float32), scores=np.zeros(0, np.float32))
    return Candidates(
        pivot=pivot,
        xyxy=np.stack([compute_bounding_box(mask) for _, mask in sized]),
        scores=np.array([each.score for each, _ in sized], np.float32),
        labels=(pivot.phrase.category or pivot.phrase.text,) * len(sized),
        masks=np.stack([mask for _, mask in sized]),
    )
