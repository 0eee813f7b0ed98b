"""From pivots to candidates: build the query of each phrase, and select boxes from the detections."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from alref import Candidates, PivotFrame, Video
from alref_groundingdino.detection import AdaptiveBatchSize, DetectionQuery, Detections, Detector, Floats, run_detector

if TYPE_CHECKING:
    from alref_groundingdino import DetectorOptions


class SelectedBoxes(NamedTuple):
    """Selected boxes, best first: float32 (N, 4) xyxy in pixels, their scores (N,) and labels."""

    boxes: Floats
    scores: Floats
    labels: tuple[str, ...]


def propose_boxes(
    detector: Detector, video: Video, pivots: list[PivotFrame], options: DetectorOptions, batch: AdaptiveBatchSize
) -> list[Candidates]:
    """Return candidates for each pivot; equal queries on the same frame run once."""
    asks = [_build_query(pivot, options) for pivot in pivots]
    wanted = [ask for ask in asks if ask is not None]
    size = (video.height, video.width)
    found = {ask: select_boxes(answer, options, size) for ask, answer in run_detector(detector, video, wanted, batch)}
    nothing = SelectedBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())
    made = [nothing if ask is None else found[ask] for ask in asks]
    return [
        Candidates(pivot=pivot, xyxy=each.boxes, scores=each.scores, labels=each.labels)
        for pivot, each in zip(pivots, made, strict=True)
    ]


def _build_query(pivot: PivotFrame, options: DetectorOptions) -> DetectionQuery | None:
    """Return the query of a pivot, whose prompt is one line without a full stop; None for a pivot without a frame."""
    phrase = pivot.phrase
    wanted = (phrase.category if options.prompt == "category" else "") or phrase.text
    prompt = " ".join(wanted.split()).rstrip(".")
    return None if pivot.frame is None else DetectionQuery(pivot.frame, prompt or wanted)


def select_boxes(detections: Detections, options: DetectorOptions, size: tuple[int, int]) -> SelectedBoxes:
    """Return at most ``top_k`` boxes above the threshold that are large enough, best first, without near duplicates.

    ``size`` is (height, width) of the image in pixels, to which the boxes are clipped.
    """
    height, width = size
    boxes = detections.boxes.clip(0, np.array([width, height, width, height], np.float32))
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
    enough = (detections.scores > options.box_threshold) & (sides > 0) & (sides >= options.min_size)
    order = np.flatnonzero(enough)
    order = order[np.argsort(-detections.scores[order], kind="stable")]
    if options.nms_threshold is not None:
        order = order[_apply_nms(boxes[order], options.nms_threshold)]
    order = order[: options.top_k]
    return SelectedBoxes(boxes[order], detections.scores[order], tuple(_format_label(detections, int(box)) for box in order))


def _apply_nms(boxes: Floats, max_iou: float) -> list[int]:
    """Return the indices of boxes, given best first, whose IoU with every better box is at most ``max_iou``."""
    spans = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).tolist()
    falling = [float(len(spans) - index) for index in range(len(spans))]
    return sorted(int(index) for index in cv2.dnn.NMSBoxes(spans, falling, 0.0, max_iou))


def _format_label(detections: Detections, box: int) -> str:
    """Join the words that a box matches, in their order; all words if it matches none."""
    return " ".join(compress(detections.words, detections.word_matches[box])) or " ".join(detections.words)
