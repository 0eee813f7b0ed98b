"""Brush masks of Label Studio: the run-length format of thi.ng/rle-pack over RGBA pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alref.components.finished_run import MaskCrop

CHANNELS, PAINTED = 4, 255
WORD_BITS = 8
SIZE_BITS = (3, 4, 8, 16)
"""Widths of the length of a run; a run names the one that it uses in two bits."""
MAX_RUN = 2 ** SIZE_BITS[-1]


def encode_brush(crop: MaskCrop, size: tuple[int, int]) -> list[int]:
    """Return the bytes of a mask in a frame of ``size`` (height, width): every channel of a pixel is 255 in it, and 0 outside.

    The stream of bits begins with the number of values (32 bits), the bits of a value less one (5), and the bits of the four
    widths less one (4 each). Then each run has a 1, the place of its width (2), its length less one, and its value.
    """
    pixels = size[0] * size[1]
    lengths = np.diff(np.concatenate([[0], _find_changes(crop, size[1]), [pixels]])) * CHANNELS
    values = (np.arange(len(lengths)) % 2).astype(np.uint64) * np.uint64(PAINTED)
    lengths, values = lengths[lengths > 0], values[lengths > 0]
    counts = -(-lengths // MAX_RUN)
    parts = np.full(counts.sum(), MAX_RUN)
    parts[np.cumsum(counts) - 1] = lengths - (counts - 1) * MAX_RUN
    widths = np.searchsorted([2**bits for bits in SIZE_BITS], parts)
    bits = np.array(SIZE_BITS)[widths]
    codes = (4 + widths).astype(np.uint64) << (bits + WORD_BITS).astype(np.uint64)
    codes |= ((parts - 1).astype(np.uint64) << np.uint64(WORD_BITS)) | np.repeat(values, counts)
    head = [(pixels * CHANNELS, 32), (WORD_BITS - 1, 5), *((each - 1, 4) for each in SIZE_BITS)]
    all_codes = np.concatenate([np.array([code for code, _ in head], np.uint64), codes])
    all_bits = np.concatenate([[width for _, width in head], 3 + bits + WORD_BITS])
    return _pack_codes(all_codes, all_bits)


def _find_changes(crop: MaskCrop, width: int) -> npt.NDArray[np.int64]:
    """Return where a mask begins and ends in turn, as positions of its pixels row by row."""
    padded = np.zeros((crop.mask.shape[0], crop.mask.shape[1] + 2), np.bool_)
    padded[:, 1:-1] = crop.mask
    rows, columns = np.divmod(np.flatnonzero(padded[:, 1:] != padded[:, :-1]), crop.mask.shape[1] + 1)
    changes = (crop.top + rows) * width + crop.left + columns
    joined = np.flatnonzero(changes[1:-1:2] == changes[2::2]) * 2 + 1  # from the end of a row to the beginning of the next
    return np.delete(changes, np.concatenate([joined, joined + 1])) if len(joined) else changes


def _pack_codes(codes: npt.NDArray[np.uint64], widths: npt.NDArray[np.int64]) -> list[int]:
    """Join codes of some bits each to bytes, the highest bit first; the last byte is filled with zeros."""
    owner = np.repeat(np.arange(len(codes)), widths)
    ends = np.cumsum(widths)
    shift = (np.repeat(ends, widths) - 1 - np.arange(ends[-1])).astype(np.uint64)
    stream = (codes[owner] >> shift) & np.uint64(1)
    data: list[int] = np.packbits(stream.astype(np.uint8)).tolist()
    return data
