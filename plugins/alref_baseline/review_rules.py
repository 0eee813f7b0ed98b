"""Review masks by rules: where the classifier sees the noun on a frame, what color the mask has, and how the object moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from alref import BehaviorReview, Mask, MaskReview, Track, Video
from alref.records.review import FrameAnswer
from alref_baseline.attribute_scores import score_attributes
from alref_baseline.attributes import compute_color_share
from alref_baseline.class_activation import compute_class_evidence
from alref_baseline.features import VideoFeatures, get_video_features, resize_image
from alref_baseline.grammar import ObjectDescription
from alref_baseline.grounding import GroundingQuery
from alref_baseline.lexicon import look_up_noun
from alref_baseline.rules import MIN_COLOR_SHARE
from alref_baseline.track_rules import NUM_FRAMES, measure_masks

SURE_PROBABILITY = 0.3
"""Probability of the classes on a frame from which their evidence says where the object is."""
SEEN_SHARE = 0.5
"""Evidence in a mask, as a share of the strongest of the frame, from which the mask is on the object."""
UNSEEN_SHARE = 0.1
"""Evidence in a mask, as a share of the strongest of the frame, below which the mask is on something else."""
FULL_COLOR_SHARE = 0.3
"""Share of a mask with the named color from which the color confirms an object without a class."""
Verdict = Literal["fits", "contradicted", "unsure"]
Judgment = tuple[FrameAnswer, str]


def review_mask(video: Video, track: Track, frames: Sequence[int]) -> MaskReview:
    """Return whether the mask of a track is on the object, on each frame, by class and color; unclear without a mask."""
    words = GroundingQuery.from_phrase(track.phrase).describe_object()
    eye = get_video_features(video)
    judged = [_judge_mask(eye, frame, track.decode_mask(frame), words) for frame in frames]
    return MaskReview(
        phrase=track.phrase,
        frames=tuple(frames),
        answers=tuple(answer for answer, _ in judged),
        reasons=tuple(reason for _, reason in judged),
        why=f"by the evidence for {' or '.join([words.noun, *words.colors])!r} inside the masks and outside",
    )


def _judge_mask(video_features: VideoFeatures, frame: int, mask: Mask, words: ObjectDescription) -> Judgment:
    if not mask.any():
        return "unclear", "too little evidence does not prove that the object is out of view"
    image = video_features.get_half_image(frame)
    small = np.asarray(resize_image(mask.astype(np.float32), *image.shape[:2]) > 0.5)
    color = compute_color_share(image, small, words.colors) if words.colors else 1.0
    if color < MIN_COLOR_SHARE:
        return "no", f"the outlined object is not {' or '.join(words.colors)}"
    classes = look_up_noun(words.noun).classes
    if not classes:
        if words.colors and color >= FULL_COLOR_SHARE:
            return "yes", f"{' or '.join(words.colors)} {color:.2f}"
        return "unclear", f"no class fits {words.noun!r}"
    return _judge_evidence(video_features, frame, small, words.noun, classes)


def _judge_evidence(video_features: VideoFeatures, frame: int, mask: Mask, noun: str, classes: Sequence[int]) -> Judgment:
    """Compare the evidence for classes in a mask with the strongest of the frame."""
    found = compute_class_evidence(video_features, frame, classes)
    if found.probability < SURE_PROBABILITY:
        return "unclear", f"probability of {noun!r} only {found.probability:.2f}"
    share = float(found.heatmap[mask].max() / max(float(found.heatmap.max()), 1e-6))
    if share >= SEEN_SHARE:
        return "yes", f"evidence {share:.2f} of the strongest"
    row, column = np.unravel_index(int(found.heatmap.argmax()), found.heatmap.shape)
    right, down = 100 * column / found.heatmap.shape[1], 100 * row / found.heatmap.shape[0]
    where = f"{noun!r} is seen at {right:.0f} %, {down:.0f} % from left and top, not in the outline"
    return ("no" if share < UNSEEN_SHARE else "unclear"), f"{where}: evidence there {share:.2f} of the strongest"


def review_motion(video: Video, track: Track) -> BehaviorReview:
    """Return whether a track moves as its words say: contradicted if it does so on none of several frames."""
    words = GroundingQuery.from_phrase(track.phrase).describe_object()
    moves = ObjectDescription(text=words.text, noun=words.noun, motions=words.motions)
    seen = [frame for frame, rle in enumerate(track.rles) if rle.area]
    if not words.motions or len(seen) < NUM_FRAMES:
        return BehaviorReview(phrase=track.phrase, verdict="unsure", why="the words name no motion that can be measured")
    frames = [seen[(2 * part + 1) * len(seen) // (2 * NUM_FRAMES)] for part in range(NUM_FRAMES)]
    missing, reasons = [], []
    for frame in frames:
        look = measure_masks(video, track.phrase, frame, [track.decode_mask(frame)], [1.0])
        for cue in score_attributes(moves, look):
            missing.append(cue.missing[0] if cue.missing else "")
            reasons.append(cue.explanations[0])
    verdict: Verdict = "contradicted" if all(missing) else "fits" if 2 * sum(map(bool, missing)) <= len(missing) else "unsure"
    why = "; ".join(dict.fromkeys([*filter(None, missing), *reasons]))
    return BehaviorReview(phrase=track.phrase, verdict=verdict, frames=tuple(frames), why=why)
