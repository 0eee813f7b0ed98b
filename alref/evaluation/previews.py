"""Images of the references with the lowest scores: both masks in outlines, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from urllib.parse import quote

import cv2
import numpy as np

from alref.components.dataset import Dataset
from alref.components.scores import Case, LabelMap, ObjectScores
from alref.errors import AlrefError, InputError
from alref.evaluation.folder import EvaluationFolder
from alref.evaluation.rows import ReferenceLine
from alref.media.video import Frame
from alref.output.thumbnails import encode_data_uri, resize_longest_side
from alref.utils.masks import Mask

PREVIEW_SIZE = 480
TRUTH_COLOR, PREDICTED_COLOR = (20, 150, 255), (255, 145, 0)
MISSED_COLOR, EXTRA_COLOR, COMMON_COLOR = TRUTH_COLOR, PREDICTED_COLOR, (225, 225, 225)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True)
class ReferencePreview:
    """A reference at the frame where its masks overlap least: ``outlines`` and ``errors`` are data URIs.

    ``problem`` is the reason if there are no images; ``overlap`` is that of the frame, 0..1; ``link`` leads to the result.
    """

    line: ReferenceLine
    link: str
    frame: int = 0
    overlap: float = 0.0
    outlines: str = ""
    errors: str = ""
    problem: str = ""


def draw_previews(folder: EvaluationFolder, dataset: Dataset, lines: Sequence[ReferenceLine]) -> Iterator[ReferencePreview]:
    """Draw the given lines, which have scores; one that cannot be drawn has the reason."""
    for line in lines:
        link = quote(line.path)
        try:
            yield _draw_preview(folder, dataset, line, link)
        except AlrefError as error:
            yield ReferencePreview(line, link, problem=str(error))


def _draw_preview(folder: EvaluationFolder, dataset: Dataset, line: ReferenceLine, link: str) -> ReferencePreview:
    part = line.part
    case = next((case for case in dataset.read_cases(line.video, folder.masks) if part and case.id == part.case), None)
    if part is None or case is None:
        raise InputError(f"{line.video}, {line.id}: no true masks; see: alref data check")
    frame, overlap, truth, predicted = find_lowest_frame(case, part)
    image = resize_longest_side(dataset.open_video(line.video).read_frame(frame), PREVIEW_SIZE)
    masks = [_fit_mask(mask, image.shape[1], image.shape[0]) for mask in (truth, predicted)]
    pictures = (encode_data_uri(draw(image, *masks)) for draw in (draw_outlines, draw_errors))
    return ReferencePreview(line, link, frame, overlap, *pictures)


def find_lowest_frame(case: Case, part: ObjectScores) -> tuple[int, float, Mask, Mask]:
    """Return the frame with the lowest overlap, the overlap, and both masks bool (H, W); of equal frames, the largest masks.

    Raises InputError if the case has no frames.
    """
    lowest: tuple[tuple[float, int], int, Mask, Mask] | None = None
    predicted_frames = chain(() if case.predicted is None else case.predicted, repeat(None))
    matched = int(part.columns["matched"][0]) if part.columns.get("matched") else None
    for number, (labels, found) in enumerate(zip(case.truth, predicted_frames, strict=False)):
        truth = _select_object(labels, int(part.object) if part.object else None)
        predicted = np.zeros_like(truth) if found is None else _select_object(found, matched)
        if predicted.shape != truth.shape:
            predicted = _fit_mask(predicted, truth.shape[1], truth.shape[0])
        common = truth & predicted
        union = int(np.count_nonzero(truth | predicted))
        overlap = np.count_nonzero(common) / union if union else 1.0
        if lowest is None or (overlap, -union) < lowest[0]:
            lowest = (overlap, -union), number, truth, predicted
    if lowest is None:
        raise InputError(f"{case.id}: no true masks; see: alref data check")
    return lowest[1], lowest[0][0], lowest[2], lowest[3]


def draw_outlines(image: Frame, truth: Mask, predicted: Mask) -> Frame:
    """Draw the outline of the truth, blue between black lines, and of the prediction, orange between white ones."""
    drawn = image.copy()
    for mask, color, border in ((truth, TRUTH_COLOR, BLACK), (predicted, PREDICTED_COLOR, WHITE)):
        lines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, lines, -1, border, 4)
        cv2.drawContours(drawn, lines, -1, color, 2)
    return drawn


def draw_errors(image: Frame, truth: Mask, predicted: Mask) -> Frame:
    """Draw what is missed in blue, what is too much in orange, and what is right in light gray, on the dark image."""
    drawn = np.repeat((image.mean(axis=2, keepdims=True) * 0.35).astype(np.uint8), 3, axis=2)
    parts = ((truth & predicted, COMMON_COLOR), (truth & ~predicted, MISSED_COLOR), (predicted & ~truth, EXTRA_COLOR))
    for mask, color in parts:
        drawn[mask] = color
    return drawn


def _select_object(labels: LabelMap, number: int | None) -> Mask:
    """Return the pixels of one object of a label map, or all that are not 0."""
    return np.asarray(labels > 0 if number is None else labels == number, np.bool_)


def _fit_mask(mask: Mask, width: int, height: int) -> Mask:
    small = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(small, np.uint8).view(np.bool_)
