"""Write CVAT for video 1.1."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import numpy as np

from alref import FinishedRun, RunFrame, RunObject
from alref.components.finished_run import MaskCrop
from alref_exporters._categories import list_categories
from alref_exporters._piece_matcher import PieceMatcher
from alref_exporters._polygons import Polygon, compute_area, trace_object

if TYPE_CHECKING:
    from alref_exporters.tool_formats import Cvat

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold."""
MAX_LABEL = 64
"""Characters of a label in CVAT, which cuts longer ones off."""
BUFFER_BYTES = 256 * 1024
"""Bytes of one track that are held in memory; longer ones go through a temporary file."""


def write_cvat(run: FinishedRun, folder: Path, options: Cvat.Options) -> None:
    """Write annotations.xml and labels.json, the labels of the task, which CVAT takes in its raw constructor."""
    names = make_label_names(list_categories(run))
    labels = [{"name": name, "attributes": []} for name in names.values()]
    (folder / "labels.json").write_text(json.dumps(labels, indent=1, ensure_ascii=False), encoding="utf-8")
    numbers = run.source_numbers
    if numbers[-1] + 1 < run.source_length:  # where objects end in CVAT, which shows the last shape of a track until the end
        numbers = [*numbers, numbers[-1] + 1]
    with (folder / "annotations.xml").open("w", encoding="utf-8") as file:
        file.writelines(_format_head(run, names.values()))
        if options.shapes == "masks":
            _write_mask_tracks(file, run, numbers, names)
        else:
            _write_polygon_tracks(file, run, numbers, names, options)
        file.write("</annotations>\n")


def make_label_names(categories: Iterable[str]) -> dict[str, str]:
    """Return the label of each class: without characters that XML cannot hold, at most 64 of them, and no two alike."""
    names: dict[str, str] = {}
    for category in categories:
        name, count = _clean(category)[:MAX_LABEL].strip() or "object", 1
        while name in names.values():
            count += 1
            ending = f" {count}"
            name = (_clean(category) or "object")[: MAX_LABEL - len(ending)] + ending
        names[category] = name
    return names


def _clean(text: str) -> str:
    return " ".join(NOT_XML.sub(" ", text).split())


def _open_element(name: str, **attributes: object) -> str:
    values = "".join(f" {key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{name}{values}"


def _format_head(run: FinishedRun, names: Iterable[str]) -> Iterator[str]:
    def text(name: str, value: object) -> str:
        escaped = str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"<{name}>{escaped}</{name}>\n"

    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta>\n<task>\n'
    yield text("name", _clean(run.name)) + text("size", run.source_length)
    yield text("mode", "interpolation") + text("overlap", 0) + "<labels>\n"
    for name in names:
        yield "<label>\n" + text("name", name) + text("type", "any") + "<attributes></attributes>\n</label>\n"
    yield "</labels>\n<original_size>\n" + text("width", run.width) + text("height", run.height)
    yield "</original_size>\n</task>\n</meta>\n"


@contextmanager
def _open_track(file: IO[str], each: RunObject, label: str, number: int) -> Iterator[None]:
    attributes = {"id": number, "label": label, "source": "auto", "group_id": each.id}
    file.write(_open_element("track", **attributes) + ">\n")
    yield
    file.write("</track>\n")


def _write_mask_tracks(file: IO[str], run: FinishedRun, numbers: list[int], names: dict[str, str]) -> None:
    """Write a track of one frame for each object on each frame."""
    count = 0
    for frame in run.read_frames():
        for each in run.objects:
            if (crop := frame.crops.get(each.id)) is None:
                continue
            shape = _format_mask(crop)
            with _open_track(file, each, names[each.category], count):
                for outside in (0, 1) if frame.index + 1 < len(numbers) else (0,):
                    place = {"frame": numbers[frame.index + outside], "keyframe": 1, "outside": outside, "occluded": 0}
                    file.write(_open_element("mask", **place, **shape, z_order=0) + "/>\n")
            count += 1


def _format_mask(crop: MaskCrop) -> dict[str, object]:
    """Return the box and the run lengths of a mask: row by row inside of the box, first of the background, which may be 0."""
    pixels = crop.mask.ravel()
    ends = np.flatnonzero(np.diff(pixels, append=~pixels[-1])) + 1
    runs = [*([0] if pixels[0] else []), *np.diff(ends, prepend=0).tolist()]
    size = {"width": crop.right - crop.left, "height": crop.bottom - crop.top}
    return {"rle": ", ".join(map(str, runs)), "left": crop.left, "top": crop.top, **size}


def _write_polygon_tracks(
    file: IO[str], run: FinishedRun, numbers: list[int], names: dict[str, str], options: Cvat.Options
) -> None:
    """Write a track for each piece that an object has at the same time."""
    with ExitStack() as stack:

        def open_file() -> SpooledTemporaryFile[str]:
            return stack.enter_context(SpooledTemporaryFile(BUFFER_BYTES, "w+", encoding="utf-8"))

        writers = [(each, _PieceTracks(open_file, len(run), options.every)) for each in run.objects]
        for frame in run.read_frames():
            for each, tracks in writers:
                pieces = _list_pieces(frame, each.id, options) if each.id in frame.rles else []
                tracks.write_frame(frame.index, numbers[frame.index], pieces)
        for _, tracks in writers if len(numbers) > len(run) else ():
            tracks.write_frame(len(run), numbers[-1], [])
        parts = ((each, part) for each, tracks in writers for part in tracks.files)
        for number, (each, part) in enumerate(parts):
            with _open_track(file, each, names[each.category], number):
                part.seek(0)
                copyfileobj(part, file)


class _PieceTracks:
    """The keyframes of the pieces of one object, each piece in a temporary file."""

    def __init__(self, open_file: Callable[[], SpooledTemporaryFile[str]], length: int, every: int) -> None:
        self.files: list[SpooledTemporaryFile[str]] = []
        self._open_file, self._length, self._every = open_file, length, every
        self._matcher = PieceMatcher()
        self._last: list[Polygon | None] = []

    def write_frame(self, index: int, number: int, pieces: list[Polygon]) -> None:
        """Write the pieces on frame ``index``, which has this ``number`` in the video."""
        here = self._matcher.match_pieces(pieces)
        while len(self.files) < len(here):
            self.files.append(self._open_file())
        self._last += [None] * (len(here) - len(self._last))
        for file, before, polygon in zip(self.files, self._last, here, strict=True):
            if polygon is not None and (before is None or index % self._every == 0 or index == self._length - 1):
                file.write(_format_polygon(number, polygon, 0))
            elif polygon is None and before is not None:
                file.write(_format_polygon(number, before, 1))
        self._last = here


def _format_polygon(frame: int, polygon: Polygon, outside: int) -> str:
    """Return a keyframe; ``outside`` is 1 where the piece is gone."""
    points = ";".join(f"{x:g},{y:g}" for x, y in polygon.tolist())
    place = {"frame": frame, "keyframe": 1, "outside": outside, "occluded": 0}
    return _open_element("polygon", **place, points=points, z_order=0) + "/>\n"


def _list_pieces(frame: RunFrame, number: int, options: Cvat.Options) -> list[Polygon]:
    largest, *others = trace_object(frame, number, options.tolerance)
    return [largest, *(each for each in others if compute_area(each) >= options.min_area)]
