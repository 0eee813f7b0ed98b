"""The rule-based reasoner: the proposer's score times every cue that the words ask for decides."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from alref.media.video import Video
from alref.records import Candidates, Phrase, PivotBox, PivotFrame
from alref.utils.masks import Mask
from alref_baseline.attribute_scores import Look, cues, in_time
from alref_baseline.attributes import colour_share
from alref_baseline.features import eye_of, resized
from alref_baseline.grammar import Description, parse
from alref_baseline.grounding import Sought, best_frames
from alref_baseline.motion import residual_motion
from alref_baseline.relations import Box
from alref_baseline.synchrony import synchrony

NO_TRACE = 0.06
"""Share of a colour below which a region has no trace of it."""
TELLS = 0.35
"""Correlation of motion with the sound from which it tells what makes it.

On drawn films, a disc that moved with a sound had 0.39 to 0.52, one that always moved 0.24 to 0.35, by chance.
"""
_AS_GOOD = 0.95


def best_pivot(video: Video, phrase: Phrase) -> PivotFrame:
    """Return the frame that shows a phrase best, or absent when too little speaks for it anywhere in the video."""
    ranked = best_frames(video, Sought.of(phrase))
    if not ranked:
        why = f"too little in the video looks like {phrase.category or phrase.text!r}"
        return PivotFrame(phrase=phrase, finding="absent", why=why)
    frame, _, why = ranked[0]
    return PivotFrame(phrase=phrase, frame=frame, why=why)


def judge(video: Video, candidates: Candidates) -> PivotBox:
    """Pick the candidate that fits the phrase best; absent when a colour was asked for that none of them has.

    Ambiguous when the object is known by its sound alone, and motion does not tell which makes it.
    """
    words = parse(candidates.pivot.phrase.text)
    look = _look(video, candidates)
    if words.colours and not _has_trace(look, words):
        why = f"none of {len(candidates)} candidates has any {' or '.join(words.colours)}"
        return PivotBox(pivot=candidates.pivot, finding="absent", why=why)
    fits = np.maximum(np.array(look.scores), 1e-6)
    asked = list(cues(words, look))
    sounding = Sought.of(candidates.pivot.phrase).sounding
    if sounding:
        follows = synchrony(video, look.frame, look.masks)
        asked.append(in_time(follows))
    for cue in asked:
        fits = fits * np.array(cue.factors)
    best = int(fits.argmax())
    says = [*dict.fromkeys(cue.says[best] for cue in asked), *_doubts(fits, best), f"score {look.scores[best]:.2f}"]
    box = chosen(candidates, best, "; ".join(says))
    guessed = sounding and not words.findable and follows[best] < TELLS
    return box.model_copy(update={"finding": "ambiguous"}) if guessed else box


def chosen(candidates: Candidates, index: int, why: str) -> PivotBox:
    """Return one candidate as the pivot box."""
    return PivotBox(
        pivot=candidates.pivot,
        xyxy=candidates.xyxy[index],
        score=float(candidates.scores[index]),
        mask=None if candidates.masks is None else candidates.masks[index],
        why=why,
    )


def _has_trace(look: Look, words: Description) -> bool:
    return any(colour_share(look.picture, mask, words.colours) >= NO_TRACE for mask in look.masks)


def _doubts(fits: npt.NDArray[np.float64], best: int) -> Iterator[str]:
    """Say how many candidates there were, and that another is as good when one is."""
    if len(fits) == 1:
        yield "the only candidate"
        return
    second = float(np.delete(fits, best).max() / fits[best])
    yield f"best of {len(fits)}" if second < _AS_GOOD else f"best of {len(fits)}, another is as good ({second:.2f} of it)"


def _look(video: Video, candidates: Candidates) -> Look:
    """Gather what is measured of a frame and its candidates; where there is no mask, the ellipse in the box stands for it."""
    frame = candidates.pivot.frame or 0
    eye = eye_of(video)
    motion = residual_motion(eye, frame)
    height, width = motion.shape[:2]
    boxes = [_scaled(video, box) for box in candidates.xyxy.tolist()]
    masks = [_shrunk(mask, height, width) for mask in ([] if candidates.masks is None else candidates.masks)]
    ellipses = [_ellipse(box, height, width) for box in boxes]
    return Look(
        video=video,
        eye=eye,
        frame=frame,
        motion=motion,
        boxes=boxes,
        masks=[mask if mask.any() else ellipse for mask, ellipse in zip(masks or ellipses, ellipses, strict=True)],
        scores=candidates.scores.tolist(),
    )


def _scaled(video: Video, box: list[float]) -> Box:
    left, top, right, bottom = box
    return left / video.width, top / video.height, right / video.width, bottom / video.height


def _shrunk(mask: Mask, height: int, width: int) -> Mask:
    return np.asarray(resized(mask.astype(np.float32), height, width) > 0.5)


def _ellipse(box: Box, height: int, width: int) -> Mask:
    """Fill the ellipse inscribed in a box, at least one pixel."""
    left, top, right, bottom = box
    centre = round((left + right) / 2 * (width - 1)), round((top + bottom) / 2 * (height - 1))
    axes = max(0, round((right - left) / 2 * width)), max(0, round((bottom - top) / 2 * height))
    drawn = cv2.ellipse(np.zeros((height, width), np.uint8), centre, axes, 0, 0, 360, 1, -1)
    return np.asarray(drawn, np.uint8).astype(bool)
