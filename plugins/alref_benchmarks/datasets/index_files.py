"""Read and validate the index files of datasets: expressions in JSON, tables in CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from alref import InputError, RecordError, Reference
from alref.output.job_folder import join_shortened
from alref.utils.text import format_validation_error
from alref_benchmarks.datasets.base import Expression, VideoEntry


class _ExpressionMeta(BaseModel):
    exp: str
    obj_id: Any = None
    anno_id: list[int | str] | None = None
    type: Any = None
    type_id: Any = None

    def to_expression(self, by_mask: bool) -> Expression:
        """Return the expression with the ids of its masks, as in MeViS, or of its one object."""
        if by_mask:
            kind = "" if self.type_id is None else str(self.type_id)
            return Expression(self.exp, tuple(map(str, self.anno_id or ())), has_truth=self.anno_id is not None, kind=kind)
        kind = self.type if isinstance(self.type, str) else ""
        return Expression(self.exp, (str(self.obj_id),) if isinstance(self.obj_id, str | int) else (), kind=kind)


class _VideoMeta(BaseModel):
    expressions: dict[str, _ExpressionMeta]
    frames: list[str] = Field(min_length=1)
    height: int | None = None
    width: int | None = None


class _ExpressionsMeta(BaseModel):
    videos: dict[str, _VideoMeta]


class _ReasonVosExpression(BaseModel):
    exp_text: str
    obj_id: int | str


class _ReasonVosVideo(BaseModel):
    source: str
    expressions: dict[str, _ReasonVosExpression]


class _ReasonVosMeta(BaseModel):
    videos: dict[str, _ReasonVosVideo]


def read_reasonvos_videos(path: Path) -> Iterator[tuple[str, str, dict[str, Expression]]]:
    """Yield the name, the source and the expressions of each video of ReasonVOS, by object: the last one of several."""
    try:
        meta = _ReasonVosMeta.model_validate(read_json_object(path))
    except ValidationError as error:
        raise InputError(f"{path}: {join_shortened([format_validation_error(error)])}; download it again") from None
    for video, each in meta.videos.items():
        said = {
            check_file_name(path, str(one.obj_id)): Expression(one.exp_text, (str(one.obj_id),))
            for one in each.expressions.values()
        }
        yield check_file_name(path, video), check_file_name(path, each.source), said


def read_expressions(path: Path, by_mask: bool = False) -> dict[str, VideoEntry]:
    """Read ``meta_expressions.json``: clips in its order, frames in the order of their names.

    Expressions name masks, as in MeViS, if ``by_mask``; otherwise one object each.
    """
    clips = {}
    for video, meta in _read_meta(path).videos.items():
        expressions = {check_file_name(path, name): each.to_expression(by_mask) for name, each in meta.expressions.items()}
        places = sorted(range(len(meta.frames)), key=meta.frames.__getitem__)
        clips[check_nested_name(path, video)] = VideoEntry(
            tuple(check_file_name(path, meta.frames[place]) for place in places),
            expressions,
            places=tuple(places),
            problem=_find_wrong_expression(path, video, expressions),
            size=(meta.height, meta.width) if meta.height and meta.width else None,
        )
    return clips


def _find_wrong_expression(path: Path, video: str, expressions: Mapping[str, Expression]) -> str:
    """Return a message if an expression of a video is not a valid reference; empty otherwise."""
    for name, each in expressions.items():
        try:
            Reference(id=name, text=each.text)
        except RecordError as error:
            return f"{path}: expression {name} of {video}: {error}; download it again"
    return ""


def require_object_numbers(path: Path, entries: dict[str, VideoEntry]) -> dict[str, VideoEntry]:
    """Return clips whose expressions each refer to one object. Raises InputError otherwise."""
    for video, clip in entries.items():
        for name, expression in clip.expressions.items():
            if len(expression.objects) != 1 or not expression.objects[0].isdecimal():
                raise InputError(f"{path}: expected an object id for expression {name} of {video}; convert it again")
    return entries


def _read_meta(path: Path) -> _ExpressionsMeta:
    try:
        return _ExpressionsMeta.model_validate(read_json_object(path))
    except ValidationError as error:
        raise InputError(f"{path}: {join_shortened([format_validation_error(error)])}; download it again") from None


def find_repeated_keys(path: Path) -> Iterator[str]:
    """Yield a message for each key that occurs more than once in an object of a JSON file: only its last value counts."""
    return _find_repeated(path, json.loads(read_file(path), object_pairs_hook=_Pairs), ())


class _Pairs(list[tuple[str, Any]]):
    """The pairs of a JSON object, repeated keys included."""


def _find_repeated(path: Path, content: Any, keys: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(content, _Pairs):
        return
    for key, count in Counter(key for key, _ in content).items():
        if count > 1:
            where = " of ".join(reversed([*keys, repr(key)]))
            yield f"{path}: {where} occurs {count} times; only the last one is used, here as in official programs"
    for key, value in content:
        yield from _find_repeated(path, value, (*keys, key))


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield the rows of a CSV file: all cells, and the cells of the required ``columns`` by name. Raises InputError."""
    header, *rows = [*csv.reader(io.StringIO(read_file(path).decode("utf-8-sig", "replace"), newline=""))] or [[]]
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"{path}: expected a column {missing[0]!r}, got {', '.join(header) or 'no columns'}; download it again"
        )
    for number, row in enumerate(rows, 2):
        if row and len(row) < len(header):
            raise InputError(f"{path}: line {number}: expected {len(header)} cells, got {len(row)}; download it again")
        if row:
            yield row, {name: row[header.index(name)] for name in columns}


def read_listed_videos(path: Path) -> list[str]:
    """Read a list of DAVIS: a video per line, or the image and the mask of a frame, in whose folder's name the video is."""
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected the list of videos ({error}); download it again") from None
    names = (Path(words[0]).parent.name if "/" in words[0] else " ".join(words) for words in lines)
    return [check_file_name(path, name) for name in dict.fromkeys(names)]


def check_file_name(path: Path, name: str) -> str:
    """Return a file or folder name from ``path``. Raises InputError if it leads to another folder."""
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise InputError(f"{path}: expected the name of a file or folder, got {name!r}; download it again")
    return name


def check_nested_name(path: Path, name: str) -> str:
    """Return a name from ``path`` that may contain folders. Raises InputError if it leads to a folder above."""
    return "/".join(check_file_name(path, part) for part in name.split("/"))


def find_first_existing(*paths: Path) -> Path:
    """Return the first path that exists, or the first one if none does."""
    return next((path for path in paths if path.exists()), paths[0])


def read_file(path: Path) -> bytes:
    """Read a file. Raises InputError with the expected path."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); is this the folder of the dataset? see docs/datasets.md"
        ) from None


def read_run_lengths(path: Path) -> dict[str, list[Any]]:
    """Read the masks of objects by id: COCO run lengths, or null, for each frame. Raises InputError if one is not."""
    content = read_json_object(path)
    for number, frames in content.items():
        check_run_lengths(path, f"mask {number}", frames)
    return content


def check_run_lengths(path: Path, where: str, masks: Any) -> None:
    """Raise InputError unless ``masks`` of ``path`` are a list of COCO run lengths or null; ``where`` names them."""
    if not isinstance(masks, list):
        raise InputError(f"{path}: {where}: expected a list of masks, got {type(masks).__name__}; download it again")
    for place, runs in enumerate(masks):
        if runs and not (isinstance(runs, dict) and "size" in runs and isinstance(runs.get("counts"), str | list)):
            got = f"only {', '.join(runs)}" if isinstance(runs, dict) else type(runs).__name__
            raise InputError(f"{path}: {where}, mask {place}: expected size and counts, got {got}; download it again")


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises InputError."""
    try:
        content = json.loads(read_file(path))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); download it again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(content).__name__}; download it again")
    return content
