"""Asking a detector prompts about frames: each frame is read and seen once, the batch is made smaller where memory is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from alref.errors import MissingError
from alref.media.video import Frame, Video
from alref.models import devices

Numbers = npt.NDArray[np.float32]


class Ask(NamedTuple):
    """One prompt on one frame."""

    frame: int
    prompt: str


@dataclass(frozen=True)
class Answer:
    """What a detector says to one prompt: ``boxes`` float32 (Q, 4) xyxy in pixels, ``scores`` float32 (Q,) of 0 to 1.

    ``words`` are the W words of the prompt, ``meant`` bool (Q, W) says which of them each box answers to.
    """

    boxes: Numbers
    scores: Numbers
    words: tuple[str, ...]
    meant: npt.NDArray[np.bool_]


class Detector(Protocol):
    """A model that looks at pictures first, whatever it is asked, and then answers prompts about them."""

    def see(self, pictures: Sequence[Frame]) -> list[Any]:
        """Return what is seen in each picture."""

    def answer(self, seen: Sequence[Any], prompts: Sequence[str]) -> list[Answer]:
        """Answer one prompt about each thing seen."""


@dataclass
class Batch:
    """How many prompts are answered at once; ``warn`` is told in words when the memory turns out to be too small for them."""

    size: int
    warn: Callable[[str], None]

    def halve(self, error: Exception, asked: int) -> None:
        """Go on with half of what was asked. Raises MissingError when that was one, and the error itself when it is another."""
        if not devices.out_of_memory(error):
            raise error
        if asked == 1:
            raise MissingError(
                "one prompt on one frame does not fit into the memory: a smaller proposer.model or proposer.max_size,"
                " -o proposer.dtype=bfloat16, or --device cpu"
            ) from None
        self.size = asked // 2
        self.warn(f"the memory was too small for {asked} prompts at once: -o proposer.batch={self.size} from here on")


def answers(detector: Detector, video: Video, asks: Sequence[Ask], batch: Batch) -> Iterator[tuple[Ask, Answer]]:
    """Yield the answer to each distinct ask, in the order of frames; the batch is made smaller when the memory is full.

    Raises MissingError when one prompt alone does not fit.
    """
    ordered = sorted(set(asks))
    sights = _Sights(detector, video, [ask.frame for ask in ordered])
    start = 0
    while start < len(ordered):
        group = ordered[start : start + batch.size]
        try:
            seen = sights.of([ask.frame for ask in group])
            answered = detector.answer(seen, [ask.prompt for ask in group])
        except (RuntimeError, MemoryError) as error:
            batch.halve(error, len(group))
            continue
        yield from zip(group, answered, strict=True)
        start += len(group)


class _Sights:
    """What a detector sees in frames of a video, which are asked for in their order; each is read once and seen once."""

    def __init__(self, detector: Detector, video: Video, frames: Sequence[int]) -> None:
        self._detector = detector
        self._reader = video.frames(list(dict.fromkeys(frames)))
        self._pictures: dict[int, Frame] = {}
        self._seen: dict[int, Any] = {}

    def of(self, frames: Sequence[int]) -> list[Any]:
        """Return what is seen in each of the frames, and forget the frames before them."""
        self._seen = {frame: seen for frame, seen in self._seen.items() if frame >= frames[0]}
        new = [frame for frame in dict.fromkeys(frames) if frame not in self._seen]
        while any(frame not in self._pictures for frame in new):
            self._pictures.update([next(self._reader)])
        if new:
            self._seen.update(zip(new, self._detector.see([self._pictures[frame] for frame in new]), strict=True))
        for frame in new:
            del self._pictures[frame]
        return [self._seen[frame] for frame in frames]
