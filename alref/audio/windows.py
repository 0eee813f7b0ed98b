"""Audio in windows of a fixed length, from blocks of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from alref.records import Audio

Samples = npt.NDArray[np.float32]
Item = TypeVar("Item")


def cut_windows(audio: Iterable[Audio], seconds: float, hop: float) -> Iterator[tuple[float, Samples]]:
    """Cut audio into windows of ``seconds``, one every ``hop`` seconds (at most ``seconds``), with minimal memory.

    ``audio`` has consecutive blocks without gaps, as from ``video.read_audio_blocks``, or is ``[audio]``. Yields the start of
    each window in seconds, on the clock of the blocks, and its samples float32 (N,). The last window ends where the audio ends,
    so it may begin less than a hop after the one before: all windows have full length and can be stacked. Only audio that is
    shorter than a window gives a single short one.
    """
    size = step = at = done = first = 0
    zero, rate, buffer = 0.0, 1, np.zeros(0, np.float32)
    for block in audio:
        if not size:
            zero, rate = block.start, block.rate
            size, step = (max(1, round(length * rate)) for length in (seconds, hop))
        buffer = np.concatenate([buffer, block.samples])
        while at + size <= first + len(buffer):
            yield zero + at / rate, buffer[at - first : at - first + size]
            at, done = at + step, at + size
        useless = max(0, at - step - first)
        first, buffer = first + useless, buffer[useless:]
    end = first + len(buffer)
    if end > done:
        begin = max(first, end - size)
        yield zero + begin / rate, buffer[begin - first :]


def split_into_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield items in lists of ``size``; the last may be shorter. No more items are taken than are yielded."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group
