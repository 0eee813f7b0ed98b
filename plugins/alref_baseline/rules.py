"""The rule-based reasoner: the score of the proposer times a factor for each attribute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from alref import Candidates, Mask, Phrase, PivotBox, PivotFrame, Video
from alref.records import Finding
from alref_baseline.attribute_scores import FrameCandidates, score_attributes, score_synchrony
from alref_baseline.attributes import compute_color_share
from alref_baseline.features import get_video_features, resize_image
from alref_baseline.grammar import ObjectDescription
from alref_baseline.grounding import GroundingQuery, find_grounding, rank_frames
from alref_baseline.motion import compute_residual_motion
from alref_baseline.region_score import FOUND_CONFIDENCE
from alref_baseline.relations import NormalizedBox
from alref_baseline.synchrony import compute_synchrony
from alref_baseline.unknown_words import explain_unknown

MIN_COLOR_SHARE = 0.06
"""Minimum share of pixels with a color for a region to have it."""
MIN_SYNCHRONY = 0.35
"""Minimum correlation of motion and audio for an object to count as the source of a sound.

On synthetic videos, a disc that moved with a sound had 0.39 to 0.52; one that always moved had 0.24 to 0.35 by chance.
"""
MIN_RIVAL_SCORE = 0.5
"""Score of a candidate, as a share of the best one's, below which attributes cannot choose it."""
MIN_PLURAL_FIT = 0.4
"""Fit of a candidate, as a share of the best one's, from which it is one of those that a plural means."""
MIN_EXTRA_SHARE = 0.25
"""Area of a candidate beyond a number that is named, as a share of the smallest one taken, from which it is one object more."""
_TIE_RATIO = 0.95


def pick_pivot(video: Video, phrase: Phrase) -> PivotFrame:
    """Return the frame that shows a phrase best, or absent if there is too little evidence in the whole video.

    Ambiguous without a frame if the words cannot be understood.
    """
    query = GroundingQuery.from_phrase(phrase)
    unknown = "" if query.makes_sound else explain_unknown(query.describe_object())
    if unknown:
        return PivotFrame(phrase=phrase, finding="ambiguous", why=unknown)
    ranked = rank_frames(video, query)
    if not ranked:
        why = f"nothing in the video looks enough like {phrase.category or phrase.text!r}"
        return PivotFrame(phrase=phrase, finding="absent", why=why)
    frame, _, why = ranked[0]
    confidence = find_grounding(video, query).confidence
    finding: Finding = "found" if confidence >= FOUND_CONFIDENCE else "ambiguous"
    return PivotFrame(phrase=phrase, frame=frame, why=why, finding=finding, confidence=round(confidence, 3))


def pick_box(video: Video, candidates: Candidates) -> PivotBox:
    """Pick the candidate that fits the phrase best; absent if no candidate has the named color.

    Ambiguous if the object is known only by its sound, and motion does not identify its source.
    """
    query = GroundingQuery.from_phrase(candidates.pivot.phrase)
    words = query.describe_object()
    look = measure_candidates(video, candidates)
    if words.colors and not _has_color(look, words):
        why = f"none of {len(candidates)} candidates is {' or '.join(words.colors)}"
        return PivotBox(pivot=candidates.pivot, finding="absent", why=why)
    gated = _select_rivals(look, words) if words.is_among_several else list(range(len(look.scores)))
    look = look.select(gated)
    asked = list(score_attributes(words, look))
    if query.makes_sound:
        follows = compute_synchrony(video, look.frame, look.masks)
        asked.append(score_synchrony(follows))
    scores = np.maximum(np.array(look.scores), 1e-6)
    fits = np.prod([scores, *(np.array(cue.factors) for cue in asked)], axis=0)
    best = int(fits.argmax())
    missing = [cue.missing[best] for cue in asked if cue.missing and cue.missing[best]]
    says = [
        *dict.fromkeys([*(cue.explanations[best] for cue in asked), *missing]),
        *_describe_rivals(fits, best, len(candidates)),
        f"score {look.scores[best]:.2f}",
    ]
    if any(cue.is_impossible for cue in asked):
        return PivotBox(pivot=candidates.pivot, finding="ambiguous", why="; ".join(says))
    box = make_pivot_box(candidates, gated[best], "; ".join(says))
    if words.is_plural and candidates.masks is not None:
        ranked = [int(index) for index in np.argsort(-fits, kind="stable") if fits[index] >= MIN_PLURAL_FIT * fits[best]]
        box = join_boxes(candidates, [gated[index] for index in ranked], box, words.count)
    guessed = query.makes_sound and not words.is_findable and follows[best] < MIN_SYNCHRONY
    return box.model_copy(update={"finding": "ambiguous"}) if guessed or missing else box


def _select_rivals(candidates: FrameCandidates, description: ObjectDescription) -> list[int]:
    """Return the candidates with enough evidence and color, best first: attributes then choose among these alone."""
    scores = np.array(candidates.scores)
    if description.colors:
        shares = np.array([compute_color_share(candidates.image, mask, description.colors) for mask in candidates.masks])
        scores = scores * np.minimum(1.0, shares / max(float(shares.max()), 1e-6))
    return [int(index) for index in np.flatnonzero(scores >= MIN_RIVAL_SCORE * scores.max())]


def join_boxes(candidates: Candidates, indices: Sequence[int], box: PivotBox, count: int = 0) -> PivotBox:
    """Return the pivot box of several candidates with masks together, best first, for a noun in the plural.

    It is ambiguous if there is only one, or another number than ``count``, 0 if none is asked for. At most ``count`` are taken;
    of the others, small pieces do not count.
    """
    if candidates.masks is None or len(indices) < 2:
        return box.model_copy(update={"finding": "ambiguous", "why": f"only one is seen; {box.why}"})
    chosen = list(indices[: count or None])
    corners = [candidates.xyxy[chosen, :2].min(axis=0), candidates.xyxy[chosen, 2:].max(axis=0)]
    joined = {"xyxy": np.concatenate(corners), "mask": np.logical_or.reduce(candidates.masks[chosen])}
    areas = candidates.masks[list(indices)].sum(axis=(1, 2))
    seen = len(chosen) + int((areas[len(chosen) :] >= MIN_EXTRA_SHARE * areas[: len(chosen)].min()).sum())
    if count and seen != count:
        why = f"{seen} are seen (asked: {count}); {box.why}"
        return box.model_copy(update={**joined, "finding": "ambiguous", "why": why})
    return box.model_copy(update={**joined, "why": f"{len(chosen)} together; {box.why}"})


def make_pivot_box(candidates: Candidates, index: int, why: str) -> PivotBox:
    """Return one candidate as the pivot box."""
    return PivotBox(
        pivot=candidates.pivot,
        xyxy=candidates.xyxy[index],
        score=float(candidates.scores[index]),
        mask=None if candidates.masks is None else candidates.masks[index],
        why=why,
    )


def _has_color(candidates: FrameCandidates, description: ObjectDescription) -> bool:
    return any(compute_color_share(candidates.image, mask, description.colors) >= MIN_COLOR_SHARE for mask in candidates.masks)


def _describe_rivals(fits: npt.NDArray[np.float64], best: int, count: int) -> Iterator[str]:
    """Yield the number of candidates, and whether another one is as good."""
    second = float(np.delete(fits, best).max() / fits[best]) if len(fits) > 1 else 0.0
    if count == 1:
        yield "the only candidate"
    else:
        yield f"best of {count}" if second < _TIE_RATIO else f"best of {count}, another is as good ({second:.2f} of it)"


def measure_candidates(video: Video, candidates: Candidates) -> FrameCandidates:
    """Measure a frame and its candidates; a candidate without a mask is replaced by the ellipse inscribed in its box."""
    frame = candidates.pivot.frame or 0
    eye = get_video_features(video)
    motion = compute_residual_motion(eye, frame)
    height, width = motion.shape[:2]
    boxes = [_normalize_box(video, box) for box in candidates.xyxy.tolist()]
    given: Iterable[Mask] = () if candidates.masks is None else candidates.masks
    masks = [np.asarray(resize_image(mask.astype(np.float32), height, width) > 0.5) for mask in given]
    ellipses = [_draw_ellipse(box, height, width) for box in boxes]
    return FrameCandidates(
        video=video,
        video_features=eye,
        frame=frame,
        motion=motion,
        boxes=boxes,
        masks=[mask if mask.any() else ellipse for mask, ellipse in zip(masks or ellipses, ellipses, strict=True)],
        scores=candidates.scores.tolist(),
    )


def _normalize_box(video: Video, box: list[float]) -> NormalizedBox:
    left, top, right, bottom = box
    return left / video.width, top / video.height, right / video.width, bottom / video.height


def _draw_ellipse(box: NormalizedBox, height: int, width: int) -> Mask:
    """Fill the ellipse inscribed in a box, at least one pixel."""
    left, top, right, bottom = box
    center = round((left + right) / 2 * (width - 1)), round((top + bottom) / 2 * (height - 1))
    axes = max(0, round((right - left) / 2 * width)), max(0, round((bottom - top) / 2 * height))
    drawn = cv2.ellipse(np.zeros((height, width), np.uint8), center, axes, 0, 0, 360, 1, -1)
    return np.asarray(drawn, np.uint8).astype(bool)
