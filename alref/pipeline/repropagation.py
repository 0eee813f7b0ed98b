"""Propagate one object again between the frames that the user confirmed, from all that is known to be right about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import cv2
import numpy as np

from alref.media.section import VideoSection
from alref.media.video import Video
from alref.pipeline import revisions
from alref.pipeline.engine import Pipeline
from alref.pipeline.prompts import list_prompt_kinds
from alref.pipeline.stage_cache import StageCache
from alref.pipeline.stage_runner import CanceledError
from alref.records import Correction, Phrase, PivotBox, PivotFrame, Prompt, Track, TrackChange
from alref.result import Result
from alref.utils.masks import Mask, Rle, compute_box, encode_mask

SAME_OBJECT_IOU = 0.5
"""Jaccard index of the masks before and after a correction, below which the object was another one from the start."""
EXTENSION_REACH = 0.5
"""Distance, in units of the square root of its area, beyond which a point outside a mask means another object."""
PHRASE = Phrase(reference="1", text="the object")
"""The object of a propagation of one object; its name does not matter, and equal work has equal keys in the cache."""


def compute_change(
    pipeline: Pipeline,
    video: Video,
    result: Result,
    correction: Correction,
    has_start: bool,
    cache: StageCache,
    progress: Callable[[int, int], object],
    canceled: Callable[[], bool],
) -> tuple[TrackChange, bool]:
    """Return what a correction by a prompt changes, and whether it is complete or was canceled.

    The object is propagated from the frame of the prompt, from the confirmed frames at the ends of the stretch, and from the
    corrected frames within it, each with its mask and the points that the user gave there. The frames from which the run
    started count too, if ``has_start`` is true and the correction does not show that the object was another one.
    """
    number, prompt = revisions.find_track(result, correction.object), correction.prompt
    assert prompt is not None, "a correction by a prompt has one"
    track = revisions.get_track(result, number, correction.object)
    first, last = revisions.find_stretch(track.confirmed, prompt.frame, len(video))
    low, high = max(0, first - 1), min(len(video) - 1, last + 1)
    mask = segment_prompt(pipeline, VideoSection(video, prompt.frame, prompt.frame + 1), result, track, prompt)
    keeps_start = has_start and _agrees_with_start(track, prompt, mask)
    known = {*track.corrected, *track.confirmed, *list_start_frames(result, track, keeps_start)} - {prompt.frame}
    known = {frame for frame in known if low <= frame <= high}
    boxes = _make_boxes(result, track, prompt, mask, known, low)
    masks, scores, complete = _propagate_masks(pipeline, video, boxes, low, high, cache, progress, canceled)
    masks[prompt.frame], scores[prompt.frame] = encode_mask(mask), float(mask.any())
    frames = [frame for frame in range(first, last + 1) if frame in masks and frame not in known]
    for frame in frames:
        if not _is_heard(track.phrase, float(video.times[frame])) and frame != prompt.frame:
            masks[frame], scores[frame] = revisions.make_empty_rle(result), 0.0
    change = TrackChange(
        track=number,
        frames=tuple(frames),
        rles=tuple(masks[frame] for frame in frames),
        scores=tuple(scores[frame] for frame in frames),
        keeps_start=keeps_start,
    )
    return change, complete


def _make_boxes(result: Result, track: Track, prompt: Prompt, mask: Mask, known: Collection[int], first: int) -> list[PivotBox]:
    """Return what is known of a track on some frames, then the prompt, which gave ``mask``; frame ``first`` counts as 0."""
    boxes = [
        _make_box(frame - first, track.decode_mask(frame), 0.5, find_points(result, track, frame)) for frame in sorted(known)
    ]
    if prompt.points is not None and mask.any():
        return [*boxes, make_pointed_box(result, track, prompt, prompt.frame - first)]
    return [*boxes, _make_box(prompt.frame - first, mask, 1.0)]


def segment_prompt(pipeline: Pipeline, frame: Video, result: Result, track: Track, prompt: Prompt) -> Mask:
    """Return the mask bool (H, W) of a prompt on its frame, alone; points correct the mask that the track has there.

    ``frame`` is the video of that frame only.
    """
    if prompt.absent:
        return np.zeros((frame.height, frame.width), np.bool_)
    if prompt.mask is not None and prompt.points is None:
        return np.asarray(prompt.mask)
    (found,) = pipeline.propagate(frame, [make_pointed_box(result, track, prompt, 0)])
    return found.decode_mask(0)


def segment_center(pipeline: Pipeline, frame: Video) -> None:
    """Segment what is in the middle of a video of one frame, so that the propagator has looked at the frame."""
    if "box" in list_prompt_kinds(pipeline.config.slots["propagator"].component):
        center, half = np.array([frame.width, frame.height]) / 2, np.array([frame.width, frame.height]) / 4
        box = np.concatenate([center - half, center + half])
        pipeline.propagate(frame, [PivotBox(pivot=PivotFrame(phrase=PHRASE, frame=0), xyxy=box, score=1.0)])


def make_pointed_box(result: Result, track: Track, prompt: Prompt, frame: int) -> PivotBox:
    """Return a prompt for frame ``frame`` of a propagation, with the mask that its points correct, if there is one."""
    prompt = join_points(result, track, prompt)
    prior = prompt.mask if prompt.mask is not None else find_prior_mask(track, prompt)
    return PivotBox(
        pivot=PivotFrame(phrase=PHRASE, frame=frame, source="user"),
        xyxy=prompt.box if prior is None else compute_box(prior),
        score=1.0,
        mask=prior,
        points=prompt.points,
        point_labels=prompt.labels,
        source="user",
    )


def join_points(result: Result, track: Track, prompt: Prompt) -> Prompt:
    """Return a prompt of points with the earlier points of the user on that frame; another prompt as it is."""
    earlier = find_points(result, track, prompt.frame) if prompt.frame in track.corrected else None
    if earlier is None or prompt.kinds != {"points"} or earlier.kinds != {"points"}:
        return prompt
    points, labels = ([getattr(item, name) for item in (earlier, prompt)] for name in ("points", "labels"))
    return Prompt(frame=prompt.frame, points=np.concatenate(points), labels=np.concatenate(labels))


def find_points(result: Result, track: Track, frame: int) -> Prompt | None:
    """Return the last prompt with points that the user gave the object on a frame, None if there is none."""
    for box in reversed(result.boxes):
        same = revisions.is_same_object(box.pivot.phrase, track.phrase) and box.pivot.frame == frame
        if same and box.source == "user" and box.points is not None:
            region = {"box": box.xyxy} if box.mask is None else {"mask": box.mask}
            return Prompt(frame=frame, points=box.points, labels=box.point_labels, **region)
    return None


def find_prior_mask(track: Track, prompt: Prompt) -> Mask | None:
    """Return the mask of the track that points correct; None if there is none, or if they point at something else.

    They do if all points on the object are far from the mask.
    """
    if prompt.points is None or prompt.labels is None or prompt.box is not None:
        return None
    mask = track.decode_mask(prompt.frame)
    if not mask.any():
        return None
    inside = np.asarray(prompt.points)[np.asarray(prompt.labels)]
    if not len(inside):
        return mask
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    columns, rows = np.floor(inside).astype(int).clip(0, [mask.shape[1] - 1, mask.shape[0] - 1]).T
    return mask if away[rows, columns].min() <= EXTENSION_REACH * float(np.sqrt(mask.sum())) else None


def list_start_frames(result: Result, track: Track, keeps_start: bool) -> set[int]:
    """Return the frames from which the run started the object: those that the user gave, and if they are kept, the others.

    A track without any, of the order ``tracks``, has the frame with the highest score.
    """
    boxes = [box for box in result.boxes if revisions.is_same_object(box.pivot.phrase, track.phrase)]
    starts = {
        box.pivot.frame
        for box in boxes
        if box.pivot.frame is not None and (box.source == "user" or (keeps_start and box.finding != "absent"))
    }
    seen = [frame for frame, rle in enumerate(track.rles) if rle.area]
    if not starts and keeps_start and seen:
        starts = {max(seen, key=lambda frame: track.scores[frame])}
    return starts


def _agrees_with_start(track: Track, prompt: Prompt, mask: Mask) -> bool:
    """Return whether the mask before a correction is the same object, so that the start of the run may be right."""
    before = track.decode_mask(prompt.frame)
    if prompt.absent or not before.any():
        return True
    return float((before & mask).sum() / (before | mask).sum()) >= SAME_OBJECT_IOU


def _propagate_masks(
    pipeline: Pipeline,
    video: Video,
    boxes: Sequence[PivotBox],
    low: int,
    high: int,
    cache: StageCache,
    progress: Callable[[int, int], object],
    canceled: Callable[[], bool],
) -> tuple[dict[int, Rle], dict[int, float], bool]:
    """Return masks and scores by frame, and whether all frames are done; without any mask to start from all are empty."""
    if all(box.finding == "absent" for box in boxes):
        empty = encode_mask(np.zeros((video.height, video.width), np.bool_))
        frames = range(low, high + 1)
        return dict.fromkeys(frames, empty), dict.fromkeys(frames, 0.0), True
    kinds = list_prompt_kinds(pipeline.config.slots["propagator"].component)
    accepted = [box for box in boxes if box.finding != "absent" or "absent" in kinds]
    try:
        (found,) = pipeline.propagate(VideoSection(video, low, high + 1), accepted, cache, progress, canceled)
    except CanceledError as error:
        masks = {low + frame: rles[0] for frame, rles in error.masks.items()}
        return masks, {low + frame: error.scores[frame][0] for frame in error.masks}, False
    masks = {low + frame: rle for frame, rle in enumerate(found.rles)}
    return masks, {low + frame: score for frame, score in enumerate(found.scores)}, True


def _make_box(frame: int, mask: Mask, score: float, prompt: Prompt | None = None) -> PivotBox:
    """Return what is known of the object on a frame: its mask with the points of a prompt, or that it is absent.

    The corrected frame has the highest score, so that a propagator that begins at the best one goes outward from there.
    """
    pivot = PivotFrame(phrase=PHRASE, frame=frame, source="user")
    if not mask.any():
        return PivotBox(pivot=pivot, finding="absent", source="user")
    points, labels = (None, None) if prompt is None else (prompt.points, prompt.labels)
    box = compute_box(mask)
    return PivotBox(pivot=pivot, xyxy=box, score=score, mask=mask, points=points, point_labels=labels, source="user")


def _is_heard(phrase: Phrase, time: float) -> bool:
    return phrase.heard is None or any(start <= time < end for start, end in phrase.heard)
