"""Write CVAT for video 1.1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import numpy as np

from alref import FinishedRun, RunObject
from alref.utils.masks import Rle, compute_rle_box, decode_crop
from alref_exporters._categories import list_categories
from alref_exporters._piece_matcher import PieceMatcher
from alref_exporters._polygons import Polygon, compute_area, trace_polygons

if TYPE_CHECKING:
    from alref_exporters.tool_formats import Cvat

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold."""
BUFFER_BYTES = 4 * 1024 * 1024
"""Bytes of one track that are held in memory; longer ones go through a temporary file."""


def write_cvat(run: FinishedRun, folder: Path, options: Cvat.Options) -> None:
    """Write annotations.xml and labels.json, the labels of the task, which CVAT takes in its raw constructor."""
    names = list(list_categories(run))
    labels = [{"name": _clean(name), "attributes": []} for name in names]
    (folder / "labels.json").write_text(json.dumps(labels, indent=1, ensure_ascii=False), encoding="utf-8")
    numbers = run.source_numbers
    with (folder / "annotations.xml").open("w", encoding="utf-8") as file:
        file.writelines(_format_head(run, names))
        count = 0
        for each in run.objects:
            if options.shapes == "masks":
                count += _write_mask_tracks(file, run, each, numbers, count)
            else:
                count += _write_polygon_tracks(file, run, each, numbers, count, options)
        file.write("</annotations>\n")


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
    yield text("name", _clean(run.name)) + text("size", run.source_numbers[-1] + 1)
    yield text("mode", "interpolation") + text("overlap", 0) + "<labels>\n"
    for name in names:
        yield "<label>\n" + text("name", _clean(name)) + text("type", "any") + "<attributes></attributes>\n</label>\n"
    yield "</labels>\n<original_size>\n" + text("width", run.width) + text("height", run.height)
    yield "</original_size>\n</task>\n</meta>\n"


@contextmanager
def _open_track(file: IO[str], each: RunObject, number: int) -> Iterator[None]:
    attributes = {"id": number, "label": _clean(each.category), "source": "auto", "group_id": each.id}
    file.write(_open_element("track", **attributes) + ">\n")
    yield
    file.write("</track>\n")


def _write_mask_tracks(file: IO[str], run: FinishedRun, each: RunObject, numbers: list[int], first: int) -> int:
    """Write a track of one frame for each frame of an object; return how many."""
    count = 0
    for index, rle in run.iterate_masks(each):
        if rle is None:
            continue
        left, top, right, bottom = compute_rle_box(rle)
        crop = decode_crop(rle).ravel()
        ends = np.flatnonzero(np.diff(crop, append=~crop[-1])) + 1
        runs = [*([0] if crop[0] else []), *np.diff(ends, prepend=0).tolist()]
        shape = {"rle": ", ".join(map(str, runs)), "left": left, "top": top, "width": right - left, "height": bottom - top}
        with _open_track(file, each, first + count):
            for outside in (0, 1) if index + 1 < len(run) else (0,):
                place = {"frame": numbers[index + outside], "keyframe": 1, "outside": outside, "occluded": 0}
                file.write(_open_element("mask", **place, **shape, z_order=0) + "/>\n")
        count += 1
    return count


def _write_polygon_tracks(
    file: IO[str], run: FinishedRun, each: RunObject, numbers: list[int], first: int, options: Cvat.Options
) -> int:
    """Write a track for each piece that an object has at the same time; return how many."""
    matcher = PieceMatcher()
    last: list[Polygon | None] = []
    with ExitStack() as stack:
        tracks: list[SpooledTemporaryFile[str]] = []
        for index, rle in run.iterate_masks(each):
            here = matcher.match_pieces(_list_pieces(rle, options) if rle else [])
            while len(tracks) < len(here):
                tracks.append(stack.enter_context(SpooledTemporaryFile(BUFFER_BYTES, "w+", encoding="utf-8")))
            last += [None] * (len(here) - len(last))
            for track, before, polygon in zip(tracks, last, here, strict=True):
                if polygon is not None and (before is None or index % options.every == 0 or index == len(run) - 1):
                    track.write(_format_polygon(numbers[index], polygon, 0))
                elif polygon is None and before is not None:
                    track.write(_format_polygon(numbers[index], before, 1))
            last = here
        for number, track in enumerate(tracks):
            with _open_track(file, each, first + number):
                track.seek(0)
                copyfileobj(track, file)
    return len(tracks)


def _format_polygon(frame: int, polygon: Polygon, outside: int) -> str:
    """Return a keyframe; ``outside`` is 1 where the piece is gone."""
    points = ";".join(f"{x:g},{y:g}" for x, y in polygon)
    place = {"frame": frame, "keyframe": 1, "outside": outside, "occluded": 0}
    return _open_element("polygon", **place, points=points, z_order=0) + "/>\n"


def _list_pieces(rle: Rle, options: Cvat.Options) -> list[Polygon]:
    largest, *others = trace_polygons(rle, options.tolerance)
    return [largest, *(each for each in others if compute_area(each) >= options.min_area)]
