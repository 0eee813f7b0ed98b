"""Run a detector on prompts and frames: each frame is read and encoded once; the batch shrinks if memory is too small."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from alref import Frame, MissingError, Video
from alref.models import devices

Floats = npt.NDArray[np.float32]


class DetectionQuery(NamedTuple):
    """One prompt on one frame."""

    frame: int
    prompt: str


@dataclass(frozen=True)
class Detections:
    """Detections of one prompt: ``boxes`` float32 (Q, 4) xyxy in pixels, ``scores`` float32 (Q,) of 0 to 1.

    ``words`` are the W words of the prompt, ``word_matches`` bool (Q, W) marks those that each box matches.
    """

    boxes: Floats
    scores: Floats
    words: tuple[str, ...]
    word_matches: npt.NDArray[np.bool_]


class Detector(Protocol):
    """A model that encodes images independently of prompts, and then detects prompts in them."""

    def encode_images(self, images: Sequence[Frame]) -> list[Any]:
        """Return the features of each image."""

    def detect_boxes(self, image_features: Sequence[Any], prompts: Sequence[str]) -> list[Detections]:
        """Return the detections of one prompt for the features of each image."""


@dataclass
class AdaptiveBatchSize:
    """Number of prompts per batch; ``warn`` is called with a message when memory is too small for them."""

    size: int
    warn: Callable[[str], None]

    def shrink_on_error(self, error: Exception, attempted: int) -> None:
        """Halve the attempted batch. Raises MissingError if that was one prompt, and ``error`` if memory is not the reason."""
        if not devices.is_out_of_memory(error):
            raise error
        if attempted == 1:
            raise MissingError(
                "one prompt on one frame does not fit into the memory: a smaller proposer.model or proposer.max_size,"
                " -o proposer.dtype=bfloat16, or --device cpu"
            ) from None
        self.size = attempted // 2
        self.warn(f"the memory was too small for {attempted} prompts at once: -o proposer.batch_size={self.size} from here on")


def run_detector(
    detector: Detector, video: Video, queries: Sequence[DetectionQuery], batch: AdaptiveBatchSize
) -> Iterator[tuple[DetectionQuery, Detections]]:
    """Yield the detections of each distinct query, in the order of frames; the batch shrinks when memory runs out.

    Raises MissingError if memory is too small for a single prompt.
    """
    ordered = sorted(set(queries))
    sights = _FrameFeatureCache(detector, video, [ask.frame for ask in ordered])
    start = 0
    while start < len(ordered):
        group = ordered[start : start + batch.size]
        try:
            seen = sights.get_features([ask.frame for ask in group])
            answered = detector.detect_boxes(seen, [ask.prompt for ask in group])
        except (RuntimeError, MemoryError) as error:
            batch.shrink_on_error(error, len(group))
            continue
        yield from zip(group, answered, strict=True)
        start += len(group)


class _FrameFeatureCache:
    """Features of frames of a video, requested in increasing order; each frame is read and encoded once."""

    def __init__(self, detector: Detector, video: Video, frames: Sequence[int]) -> None:
        self._detector = detector
        self._reader = video.read_frames(list(dict.fromkeys(frames)))
        self._frames: dict[int, Frame] = {}
        self._features: dict[int, Any] = {}

    def get_features(self, frames: Sequence[int]) -> list[Any]:
        """Return the features of each frame, and drop those of earlier frames."""
        self._features = {frame: seen for frame, seen in self._features.items() if frame >= frames[0]}
        new = [frame for frame in dict.fromkeys(frames) if frame not in self._features]
        while any(frame not in self._frames for frame in new):
            self._frames.update([next(self._reader)])
        if new:
            self._features.update(zip(new, self._detector.encode_images([self._frames[frame] for frame in new]), strict=True))
        for frame in new:
            del self._frames[frame]
        return [self._features[frame] for frame in frames]
