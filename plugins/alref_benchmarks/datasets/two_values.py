"""Undo the filters of a PNG file that holds two values, 0 and another one, as most masks do: all rows together, as bits.

Between two values the filters are simple. A stored difference toggles a pixel: against 0 (filter None), the left one (Sub) or
the upper one (Up). Paeth's filter repeats the upper pixel where that differs from its left one, and the left pixel elsewhere.
Empty areas cost nothing, because differences are looked for in words of eight bytes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
NONE, SUB, UP, AVERAGE, PAETH = range(5)
_WORD, _BYTES, _BITS = np.dtype("<u8"), 8, 64
_MAX_DIFFERENCES = 20_000
"""Number of stored differences above which a mask is as noisy as a photograph, and a general decoder is faster."""


def unfilter_two_values(rows: Pixels) -> Pixels | None:
    """Return the pixels, uint8 (H, W), of ``rows`` (H, 1 + W): filter and differences.

    None if there are more values than 0 and another one, too many differences, or Average filters.
    """
    height, stride = rows.shape
    places = _find_nonzero(rows.ravel())
    if len(places) > _MAX_DIFFERENCES or (rows[:, 0] == AVERAGE).any() or rows[:, 0].max() > PAETH:
        return None
    pixels = np.zeros((height, stride - 1), np.uint8)
    y, x = np.divmod(places, stride)
    y, x = y[x > 0], x[x > 0] - 1
    if not len(y):
        return pixels
    differences = rows[y, x + 1]
    value = differences[0]
    rises = differences == value
    if not (rises | (differences == np.uint8(256 - int(value)))).all():
        return None
    first, end = places[0] // stride, places[-1] // stride + 1
    solved = _solve_rows(rows[first:end, 0], _set_bits((end - first, stride), y - first, x))
    bits = np.unpackbits(solved.view(np.uint8), axis=1, count=stride - 1, bitorder="little")
    if value != 128 and ((bits[y - first, x] > 0) != rises).any():  # a difference that leads to a third value
        return None
    np.multiply(bits, value, out=pixels[first:end])
    return pixels


def _find_nonzero(data: Pixels) -> Places:
    """Return the places of nonzero bytes, in order; at least as many as there are nonzero words if these are too many."""
    whole = len(data) // _BYTES * _BYTES
    words = np.flatnonzero(data[:whole].view(_WORD) != 0)
    if len(words) > _MAX_DIFFERENCES:
        return words
    candidates = np.append((words[:, None] * _BYTES + np.arange(_BYTES)).ravel(), np.arange(whole, len(data)))
    return candidates[data[candidates] > 0]


def _set_bits(size: tuple[int, int], y: Places, x: Places) -> Words:
    """Return rows of bits, (H, words) for ``size`` (H, W), of which the given ones are set; each is given once."""
    words = np.zeros((size[0], -(-size[1] // _BITS)), _WORD)
    np.add.at(words.ravel(), y * words.shape[1] + x // _BITS, np.left_shift(_WORD.type(1), (x % _BITS).astype(_WORD)))
    return words


def _solve_rows(filters: Pixels, toggles: Words) -> Words:
    """Undo the filters of rows of bits, of which the first one is below an empty row. Bits after the last pixel are arbitrary.

    A row is the nearest row above that does not depend on others, and all differences of filter Up since.
    """
    kinds = filters.copy()
    kinds[0] = {UP: NONE, PAETH: SUB}.get(int(kinds[0]), kinds[0])
    is_up = kinds == UP
    differences = np.bitwise_xor.accumulate(np.where(is_up[:, None], toggles, _WORD.type(0)), axis=0)
    bases = np.maximum.accumulate(np.where(is_up, 0, np.arange(len(kinds))))
    rows = toggles.copy()
    rows[kinds == SUB] = _toggle_rightward(toggles[kinds == SUB])
    for row in np.flatnonzero(kinds == PAETH).tolist():
        base = bases[row - 1]
        rows[row] = _undo_paeth(rows[base] ^ differences[base] ^ differences[row - 1], toggles[row])
    return rows[bases] ^ differences ^ differences[bases]


def _toggle_rightward(toggles: Words) -> Words:
    """Return rows in which every toggle changes all following pixels."""
    words = toggles.copy()
    for step in (1, 2, 4, 8, 16, 32):
        words ^= words << step
    carried = np.bitwise_xor.accumulate(words >> (_BITS - 1), axis=1)
    words[:, 1:] ^= np.negative(carried[:, :-1])
    return words


def _undo_paeth(above: Words, toggles: Words) -> Words:
    """Return a row: a toggle changes the pixels up to the next one at which the row above changes."""
    row, left = (int.from_bytes(each.tobytes(), "little") for each in (above, toggles))
    end = 1 << _BITS * len(above)
    turns = (row ^ row << 1) | end
    while left:
        first = left & -left
        left ^= first
        following = turns & -(first << 1)
        row ^= (following & -following) - first
    return np.frombuffer((row & (end - 1)).to_bytes(len(above) * _BYTES, "little"), _WORD)
