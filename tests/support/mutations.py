"""Damage files and folders at random: flipped bytes, holes, cuts, swapped parts, missing and exchanged files."""

from __future__ import annotations

import random
import struct
from pathlib import Path

CONTAINER_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts")


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """Return damaged bytes: one or two mutations of different kinds."""
    for _ in range(chance.choice((1, 1, 2))):
        data = chance.choice((flip_bytes, flip_head, cut_end, zero_hole, repeat_part, swap_parts, swap_boxes))(data, chance)
    return data


def flip_bytes(data: bytes, chance: random.Random) -> bytes:
    """Change up to 32 bytes anywhere."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 32) if data else 0):
        damaged[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(damaged)


def flip_head(data: bytes, chance: random.Random) -> bytes:
    """Change bytes near the beginning or the end, where headers and tables are."""
    part = min(len(data), 1500)
    head = chance.random() < 0.6
    kept = data[part:] if head else data[: len(data) - part]
    damaged = flip_bytes(data[:part] if head else data[len(data) - part :], chance)
    return damaged + kept if head else kept + damaged


def cut_end(data: bytes, chance: random.Random) -> bytes:
    """Cut the end off."""
    return data[: chance.randint(0, len(data))]


def zero_hole(data: bytes, chance: random.Random) -> bytes:
    """Overwrite a part with zeros."""
    first, last = _pick_range(data, chance)
    return data[:first] + bytes(last - first) + data[last:]


def repeat_part(data: bytes, chance: random.Random) -> bytes:
    """Insert a part twice."""
    first, last = _pick_range(data, chance)
    return data[:last] + data[first:]


def swap_parts(data: bytes, chance: random.Random) -> bytes:
    """Exchange two neighboring parts."""
    first, last = _pick_range(data, chance)
    middle = chance.randint(first, last)
    return data[:first] + data[middle:last] + data[first:middle] + data[last:]


def swap_boxes(data: bytes, chance: random.Random) -> bytes:
    """Exchange two boxes of an MP4 file that lie beside each other, at any depth; other files swap parts."""
    siblings = [boxes for boxes in _list_boxes(data, 0, len(data)) if len(boxes) > 1]
    if not siblings:
        return swap_parts(data, chance)
    boxes = chance.choice(siblings)
    (first, middle), (_, last) = boxes[place := chance.randrange(len(boxes) - 1)], boxes[place + 1]
    return data[:first] + data[middle:last] + data[first:middle] + data[last:]


def mutate_folder(folder: Path, chance: random.Random) -> None:
    """Damage one to four files below a folder: other bytes, missing, empty, a folder in place of a file, or another's place."""
    for _ in range(chance.randint(1, 4)):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if not files:
            return
        tables = [path for path in files if path.suffix in (".json", ".csv", ".txt")]
        path = chance.choice(tables) if tables and chance.random() < 0.15 else chance.choice(files)
        kind = chance.randrange(7)
        if kind <= 2:
            path.write_bytes(mutate_bytes(path.read_bytes(), chance))
        elif kind == 3:
            path.unlink()
        elif kind == 4:
            path.write_bytes(b"")
        elif kind == 5:
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes(chance.choice(files).read_bytes())


def _pick_range(data: bytes, chance: random.Random) -> tuple[int, int]:
    first = chance.randint(0, len(data))
    return first, min(len(data), first + chance.randint(1, 1 + len(data) // 4))


def _list_boxes(data: bytes, start: int, end: int) -> list[list[tuple[int, int]]]:
    """List the boxes of each level of an MP4 file: the place of the first byte and of the one after the last."""
    level: list[tuple[int, int]] = []
    deeper = []
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8 or start + size > end:
            break
        level.append((start, start + size))
        if kind in CONTAINER_BOXES:
            deeper += _list_boxes(data, start + 8, start + size)
        start += size
    return [level, *deeper]
