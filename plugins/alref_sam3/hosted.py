"""What the hosted SAM 3.1 does for alref: tracks of nouns, and masks from boxes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alref import FrameMasks, MissingError, ObjectTrack, PivotBox, Propagator, Stage, Video, decode_mask, group_boxes
from alref_sam3.protocol import ServedMask, build_prompt
from alref_sam3.questions import HostedQuestions, HostedRequest
from alref_sam3.track_builder import TrackBuilder

METADATA = {"mask_encoding": "one_bit", "include_confidence": "true"}
"""What every request asks for: the shorter encoding of masks, and a confidence for each."""
SURE = 1.0
"""The score of a mask for which the service gives no confidence."""


def track_nouns(questions: HostedQuestions, stage: Stage, video: Video, nouns: list[str]) -> list[ObjectTrack]:
    """Return the tracks of nouns, one request for each; the score of a track is its highest confidence."""
    builder = TrackBuilder(len(video), (video.height, video.width))
    for noun in dict.fromkeys(nouns):
        masks = questions.ask_masks(stage, video, HostedRequest("tracker", noun, noun, METADATA))
        best: dict[int, float] = {}
        for each in masks:
            score = SURE if each.confidence is None else each.confidence
            best[each.object_id] = max(best.get(each.object_id, 0.0), score)
            builder.add_mask((noun, each.object_id), noun, each.frame, each.mask, score, best[each.object_id])
    return builder.build_tracks(nouns)


def propagate_boxes(questions: HostedQuestions, stage: Propagator, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
    """Yield the masks of all objects on every frame, in order, from one request; an absent object is nowhere."""
    groups = [[box for box in group if box.kinds & stage.prompts] for group in group_boxes(boxes)]
    by_frame: dict[int, list[ServedMask]] = {}
    if any(groups):
        topic = ", ".join(dict.fromkeys(box.pivot.phrase.text for group in groups for box in group))
        metadata = {**METADATA, "propagation_direction": "both"}
        request = HostedRequest("propagator", topic, build_prompt(video, groups), metadata)
        for each in questions.ask_masks(stage, video, request):
            if not (1 <= each.object_id <= len(groups) and groups[each.object_id - 1]):
                raise MissingError(f"{stage.name}: the service gave masks of object {each.object_id}, which was not asked for")
            by_frame.setdefault(each.frame, []).append(each)
    for frame in range(len(video)):
        masks = np.zeros((len(groups), video.height, video.width), np.bool_)
        scores = np.zeros(len(groups), np.float32)
        for each in by_frame.pop(frame, []):
            masks[each.object_id - 1] = decode_mask(each.mask)
            scores[each.object_id - 1] = SURE if each.confidence is None else each.confidence
        yield FrameMasks(frame=frame, masks=masks, scores=scores)
