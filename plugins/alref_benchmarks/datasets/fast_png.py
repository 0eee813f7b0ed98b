"""Decode 8-bit gray and indexed PNG files of masks quickly: large even areas cost nearly nothing.

``zlib-ng`` inflates such files 20 times as fast as zlib, and rows are unfiltered together. Everything unusual, damaged files
included, is left to the usual decoders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from struct import error as ShortDataError  # noqa: N812  # as it is meant here

import numpy as np
import numpy.typing as npt

from alref_benchmarks.datasets.two_values import AVERAGE, NONE, PAETH, SUB, UP, unfilter_two_values

try:
    from zlib_ng import zlib_ng as zlib
except ImportError:  # four times as slow
    import zlib  # type: ignore[no-redef]

Pixels = npt.NDArray[np.uint8]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LENGTH, _HEADER = Struct(">I"), Struct(">IIBBBBB")
_HARMLESS = {b"pHYs", b"tEXt", b"zTXt", b"iTXt", b"tIME"}
_GRAY, _INDEXED = 0, 3
_MAX_STEPS = 4000
"""Number of pixels of Paeth's filter that are computed one by one; photographs have more."""


@dataclass(frozen=True)
class IndexedImage:
    """The stored values of an 8-bit PNG, uint8 (H, W), and its palette, uint8 (N, 3); gray values have none."""

    values: Pixels
    palette: Pixels | None = None


def decode_png(data: bytes) -> IndexedImage | None:
    """Decode a gray or indexed 8-bit PNG that is neither interlaced nor transparent; None for any other or a damaged file."""
    try:
        return _decode_chunks(dict(_read_chunks(data)))
    except (ValueError, KeyError, ShortDataError, zlib.error):  # type: ignore[misc]
        return None


def _read_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield chunks by name, the image data in one piece at the end. Raises ValueError for one that is unusual or damaged."""
    place, parts = len(SIGNATURE), []
    if not data.startswith(SIGNATURE):
        raise ValueError
    while place + 12 <= len(data):
        (length,), name = _LENGTH.unpack_from(data, place), data[place + 4 : place + 8]
        end = place + 8 + length
        if zlib.crc32(data[place + 4 : end]) != _LENGTH.unpack_from(data + bytes(4), end)[0]:
            raise ValueError
        if name == b"IDAT":
            parts.append(data[place + 8 : end])
        elif name == b"IEND":
            yield b"IDAT", b"".join(parts)
            return
        elif name in (b"IHDR", b"PLTE"):
            yield name, data[place + 8 : end]
        elif name not in _HARMLESS:
            raise ValueError
        place = end + 4
    raise ValueError


def _decode_chunks(chunks: dict[bytes, bytes]) -> IndexedImage | None:
    width, height, depth, color, *methods = _HEADER.unpack(chunks[b"IHDR"])
    if depth != 8 or color not in (_GRAY, _INDEXED) or any(methods) or not (width and height):
        return None
    size = height * (width + 1)
    raw = zlib.decompress(chunks[b"IDAT"], 15, size + 1)
    if len(raw) != size:
        return None
    rows = np.frombuffer(raw, np.uint8).reshape(height, width + 1)
    values = unfilter_two_values(rows)
    if values is None:
        values = _unfilter_rows(rows[:, 0], rows[:, 1:].copy())
    if values is None or color == _GRAY:
        return None if values is None else IndexedImage(values)
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    return IndexedImage(values, palette) if int(values.max()) < len(palette) else None


def _unfilter_rows(filters: Pixels, values: Pixels) -> Pixels | None:
    """Undo the filters of rows, in place; None if one is not supported.

    Only columns with differences and one more are computed: if that one is empty, so is everything to the right of it.
    """
    if filters.max() == NONE:
        return values
    if filters.max() > PAETH or (filters == AVERAGE).any():
        return None
    used = np.flatnonzero(values.max(axis=0))
    if not len(used):
        return values
    first, last = int(used[0]), min(int(used[-1]) + 2, values.shape[1])
    part = values[:, first:last].copy()
    if not _unfilter_part(filters, part):
        return None
    if last == values.shape[1] or not part[:, -1].any():
        values[:, first:last] = part
        return values
    return values if _unfilter_part(filters, values) else None


def _unfilter_part(filters: Pixels, values: Pixels) -> bool:
    """Undo the filters in place, a run of rows with one filter at a time; False after too many steps."""
    starts = [0, *(np.flatnonzero(filters[1:] != filters[:-1]) + 1).tolist(), len(filters)]
    steps = 0
    for kind, (start, end) in zip(filters[starts[:-1]].tolist(), pairwise(starts), strict=True):
        if kind == SUB:
            part = values[start:end]
            np.add.accumulate(part, axis=1, dtype=np.uint8, out=part)
        elif kind == UP and end > 1:
            part = values[max(start, 1) - 1 : end]
            np.add.accumulate(part, axis=0, dtype=np.uint8, out=part)
        elif kind == PAETH:
            for row in range(start, end):
                steps += _undo_paeth(values[row], values[row - 1] if row else np.zeros_like(values[0]))
                if steps > _MAX_STEPS:
                    return False
    return True


def _undo_paeth(row: Pixels, above: Pixels) -> int:
    """Undo Paeth's filter of one row in place, and return the number of its steps.

    A pixel repeats the left one, unless a difference is stored or the row above changes.
    """
    changes = above.copy()
    changes[1:] ^= above[:-1]
    changes |= row
    places: list[int] = changes.nonzero()[0].tolist()
    if len(places) > _MAX_STEPS:
        return len(places)
    left, stored, ups = 0, row.tolist(), above.tolist()
    for place, end in pairwise([*places, len(row)]):
        corner = ups[place - 1] if place else 0
        left = (stored[place] + _predict_paeth(left, ups[place], corner)) & 255
        row[place:end] = left
    return len(places)


def _predict_paeth(left: int, up: int, corner: int) -> int:
    """Return which of three neighbors is nearest to left + up - corner; ties in this order."""
    by_left, by_up, by_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if by_left <= by_up and by_left <= by_corner:
        return left
    return up if by_up <= by_corner else corner
