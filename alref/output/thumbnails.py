"""Thumbnails of reports, drawn in one pass over a video: pivot frames with boxes, and masks over time."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from alref.media.draw import blend_masks, build_palette, draw_box, resize_frame
from alref.media.video import Frame
from alref.output.track_summary import TrackKey, summarize_track
from alref.records import Candidates, PivotBox, PivotFrame, Track, sort_by_score
from alref.result import Result
from alref.utils.masks import Mask

CHOSEN_COLOR, CANDIDATE_COLOR = (255, 196, 0), (215, 220, 226)
THUMBNAIL_SIZE, MIN_PIVOT_IMAGE_SIZE, MAX_PIVOT_IMAGE_SIZE = 208, 320, 640
MAX_DRAWN_CANDIDATES = 20
MAX_DRAWN_TRACKS = 60


class ObjectMasks:
    """The tracks of a result by number, from 1: the pixel value in mask files and the palette index.

    Where objects overlap, the one with the highest mean score is on top; ties go to the lower number.
    """

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = {index + 1: tracks[index] for index in sort_by_score(tracks)}

    @property
    def numbers(self) -> list[int]:
        """The numbers of the objects, the topmost last."""
        return list(self._tracks)

    def decode_masks(self, frame: int, reference: str | None = None) -> dict[int, Mask]:
        """Decode the masks of one frame, of one reference or all: bool (H, W) by number, the topmost last."""
        wanted = {
            number: track for number, track in self._tracks.items() if reference is None or track.phrase.reference == reference
        }
        return {number: track.decode_mask(frame) for number, track in wanted.items() if track.rles[frame].area}


def make_label_map(masks: Mapping[int, Mask], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return a label map uint8 (H, W): 0 is background, later masks are on top, numbers above 255 are omitted."""
    labels = np.zeros((height, width), np.uint8)
    for number, mask in masks.items():
        if number <= 255:
            labels[mask] = number
    return labels


def draw_masks(frame: Frame, masks: Mapping[int, Mask]) -> Frame:
    """Draw masks by number on a frame in the colors of the mask files; masks may be larger than the frame."""
    if not masks:
        return frame
    scaled = np.stack([_resize_mask(mask, frame.shape[0], frame.shape[1]) for mask in masks.values()])
    return blend_masks(frame, scaled, build_palette(max(masks))[np.array(list(masks)) - 1])


def resize_longest_side(frame: Frame, size: int) -> Frame:
    """Scale a frame so that its longer side has ``longest`` pixels."""
    height, width = frame.shape[:2]
    scale = size / max(height, width)
    return resize_frame(frame, max(1, round(height * scale)), max(1, round(width * scale)))


def sample_evenly(total: int, count: int) -> list[int]:
    """Return at most ``count`` frame numbers evenly spaced over ``total`` frames, the first and the last among them."""
    return sorted({round(frame) for frame in np.linspace(0, total - 1, min(total, count)).tolist()})


@dataclass(frozen=True, eq=False)
class PivotSummary:
    """The candidates and the box of one pivot frame; None if the pipeline did not reach them."""

    pivot: PivotFrame
    candidates: Candidates | None
    box: PivotBox | None

    @property
    def chosen_index(self) -> int | None:
        """Return the index of the candidate that equals the box, from 0; None without one."""
        if not self.candidates or self.box is None or self.box.xyxy is None:
            return None
        apart = np.abs(self.candidates.xyxy - self.box.xyxy).max(axis=1)
        return int(apart.argmin()) if apart.min() < 0.5 else None


def summarize_pivots(result: Result, reference: str) -> list[PivotSummary]:
    """List the pivots of a reference in the order in which they were decided."""
    candidates = {candidate.pivot: candidate for candidate in result.candidates}
    boxes = {box.pivot: box for box in result.boxes}
    pivots = dict.fromkeys([*result.pivots, *candidates, *boxes])
    return [
        PivotSummary(pivot, candidates.get(pivot), boxes.get(pivot)) for pivot in pivots if pivot.phrase.reference == reference
    ]


def draw_pivot(frame: Frame, summary: PivotSummary) -> Frame:
    """Draw the candidates of a pivot with their numbers from 1, best last, and the chosen box on top in another color."""
    small = resize_longest_side(frame, min(max(*frame.shape[:2], MIN_PIVOT_IMAGE_SIZE), MAX_PIVOT_IMAGE_SIZE))
    scale = np.tile([small.shape[1] / frame.shape[1], small.shape[0] / frame.shape[0]], 2)
    boxes = summary.candidates.xyxy[:MAX_DRAWN_CANDIDATES] if summary.candidates else np.zeros((0, 4))
    for index in reversed(range(len(boxes))):
        small = draw_box(small, boxes[index] * scale, str(index + 1), CANDIDATE_COLOR)
    if summary.box is None or summary.box.xyxy is None:
        return small
    if summary.box.mask is not None:
        small = blend_masks(
            small, _resize_mask(summary.box.mask, *small.shape[:2])[None], np.array([CHOSEN_COLOR], np.uint8), 0.35
        )
    text = "start" if summary.chosen_index is None else f"{summary.chosen_index + 1} chosen"
    thicker = draw_box(small, summary.box.xyxy * scale + (-1, -1, 1, 1), "", CHOSEN_COLOR)
    return draw_box(thicker, summary.box.xyxy * scale, text, CHOSEN_COLOR)


class Thumbnails:
    """The images of a report as JPEG data URIs, filled frame by frame.

    ``pivot_images[reference, position]`` belong to ``pivots[reference][position]``; ``mask_images[reference, frame]`` show only
    the masks of that reference; ``track_images[noun, id]`` show one track that a tracker found, where it is largest.
    """

    def __init__(self, result: Result, count: int = 12) -> None:
        self.object_masks = ObjectMasks(result.tracks)
        self.pivots = {reference.id: summarize_pivots(result, reference.id) for reference in result.references}
        self.frame_indices = sample_evenly(len(result.video.times), count)
        self.pivot_images: dict[tuple[str, int], str] = {}
        self.mask_images: dict[tuple[str, int], str] = {}
        self.track_images: dict[TrackKey, str] = {}
        self._tracks = [(summarize_track(track).best_frame, track) for track in result.object_tracks[:MAX_DRAWN_TRACKS]]

    def add_frame(self, index: int, frame: Frame) -> None:
        """Draw the images of one frame uint8 (H, W, 3)."""
        if index in self.frame_indices:
            small = resize_longest_side(frame, THUMBNAIL_SIZE)
            for reference in self.pivots:
                self.mask_images[reference, index] = encode_data_uri(
                    draw_masks(small, self.object_masks.decode_masks(index, reference))
                )
        for reference, summaries in self.pivots.items():
            for position, look in enumerate(summaries):
                if look.pivot.frame == index:
                    self.pivot_images[reference, position] = encode_data_uri(draw_pivot(frame, look))
        for best_frame, track in self._tracks:
            if best_frame == index:
                small = resize_longest_side(frame, THUMBNAIL_SIZE)
                shown = draw_masks(small, {track.id: track.decode_mask(index)})
                self.track_images[track.noun, track.id] = encode_data_uri(shown)


def encode_data_uri(frame: Frame) -> str:
    """Encode a frame as a JPEG data URI."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=80, optimize=True)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"


def _resize_mask(mask: Mask, height: int, width: int) -> Mask:
    shade = cv2.resize(mask.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shade >= 96, np.bool_)
