"""A unit: one video with its references. Its key names its content, and its result is one object of a store."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ValidationError
from pydantic_core import to_json

from alref.batch.source import BatchRow
from alref.batch.video_files import ContentDigests, identify_video
from alref.errors import AlrefError, ConfigError, InputError, RecordError
from alref.output.store import open_file_system
from alref.pipeline.references import make_references, read_references
from alref.records import Finding, Record, Reference
from alref.result import Result, Usage
from alref.utils.text import format_path

SUMMARY_FILE, RESULT_FILE = "unit.json", "result.json"
TRUE_WORDS, FALSE_WORDS = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class Unit:
    """A video with its references: ``identity`` is a digest of what identifies the video, ``window`` seconds to read."""

    id: str
    video: str
    references: tuple[Reference, ...]
    window: Mapping[str, float]
    identity: str
    key: str


@dataclass(frozen=True)
class UnitBuilder:
    """Builds units from rows. ``references`` are those of rows that say none; ``settings`` are in the key of each unit."""

    settings: Any
    references: Sequence[Reference]
    digests: ContentDigests

    def build_unit(self, row: BatchRow) -> Unit:
        """Return the unit of a row. Raises InputError or ConfigError that says what is wrong with the row."""
        if row.problem:
            raise InputError(row.problem)
        values = row.values
        if not isinstance(values.get("video"), str) or not values["video"].strip():
            raise InputError("no video; fill in the column, or name it with --column video=COLUMN")
        video = join_place(row.root, values["video"].strip())
        references = tuple(self._read_references(row)) or tuple(self.references)
        if not references:
            raise InputError("no references; fill in the column expressions or references, or add an expression to the command")
        window = {name: _parse_seconds(name, values[name]) for name in ("start", "end") if name in values}
        identity = compute_digest(identify_video(video, self.digests))
        content = [each.model_dump(mode="json") for each in references]
        key = compute_digest([identity, window, content, self.settings])
        return Unit(get_row_id(row), video, references, window, identity, key)

    def _read_references(self, row: BatchRow) -> list[Reference]:
        values = row.values
        texts = parse_expressions(values.get("expressions"))
        sound = _parse_flag("sound", values.get("sound", False))
        made = make_references(texts, (), sound) if texts or sound else []
        if "references" not in values:
            return made
        place = join_place(row.root, str(values["references"]))
        if "://" in place:
            raise InputError(f"references: {place}: expected a file on this machine")
        return [*made, *read_references(Path(place))]


def get_row_id(row: BatchRow) -> str:
    """Return the name of a row in the index: its id, else its video as it is written, else its number."""
    return str(row.values.get("id") or row.values.get("video") or f"row {row.number}")


def compute_digest(data: Any) -> str:
    """Return the digest of JSON-like data, 32 hexadecimal digits."""
    return hashlib.blake2b(to_json(data), digest_size=16).hexdigest()


def join_place(root: str, place: str) -> str:
    """Return a path or a URL; a relative path is below ``root``."""
    if "://" in place or not root or Path(place).is_absolute():
        return place if "://" in place else str(Path(place).expanduser())
    return f"{root}/{place}" if "://" in root else str(Path(root) / Path(place).expanduser())


def parse_expressions(value: Any) -> list[str]:
    """Return the expressions of a cell: a list, a JSON list, or one text. Raises InputError for another value."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise InputError(f'expressions: expected a text or a JSON list such as ["the dog"], got {value!r:.80}') from None
    texts = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"expressions: expected a text or a list of texts, got {value!r:.80}")
    return list(texts)


def _parse_flag(name: str, value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in (*TRUE_WORDS, *FALSE_WORDS):
        raise InputError(f"{name}: expected true or false, got {value!r:.80}")
    return word in TRUE_WORDS


def _parse_seconds(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name}: expected seconds, got {value!r:.80}") from None


class ObjectRow(Record):
    """One object of a reference: the verdict on the reference, the frames in which the object is seen, and its flags.

    ``object`` is the phrase; it is empty where nothing was found.
    """

    reference: str
    text: str
    object: str = ""
    verdict: Finding
    why: str = ""
    frames: int = 0
    flags: int = 0


class UnitSummary(Record):
    """What the index says of a unit; the times and costs are here, so that equal results are equal byte for byte."""

    format: Literal[1] = 1
    key: str
    id: str
    video: str
    alref: str
    frames: int
    objects: tuple[ObjectRow, ...]
    seconds: dict[str, float]
    usage: tuple[Usage, ...] = ()
    warnings: int = 0

    @classmethod
    def from_result(cls, unit: Unit, result: Result) -> Self:
        """Create the summary of the result of a unit."""
        return cls(
            key=unit.key,
            id=unit.id,
            video=unit.video,
            alref=result.alref,
            frames=len(result.video.times),
            objects=tuple(row for each in result.references for row in _list_objects(result, each)),
            seconds=result.seconds,
            usage=result.usage,
            warnings=len(result.warnings),
        )

    @property
    def cost(self) -> float | None:
        """Dollars that its questions cost, None if a price is not known."""
        costs = [each.cost for each in self.usage]
        return None if None in costs else sum(cost or 0.0 for cost in costs)


def _list_objects(result: Result, reference: Reference) -> list[ObjectRow]:
    verdict = result.verdict(reference.id)
    bare = ObjectRow(reference=reference.id, text=reference.title, verdict=verdict.finding, why=verdict.why)
    tracks = result.get_tracks(reference.id)
    return [
        bare.model_copy(
            update={
                "object": track.phrase.text,
                "frames": sum(rle.area > 0 for rle in track.rles),
                "flags": len(track.flags),
            }
        )
        for track in tracks
    ] or [bare]


class UnitAlias(Record):
    """Another row with the content of a unit: its id and its video; the index has a row for each."""

    key: str
    id: str
    video: str


class UnitFailure(Record):
    """Why a unit failed: the error and its exit code, the number of attempts, and the command that tries again."""

    format: Literal[1] = 1
    key: str
    id: str
    video: str
    error: str
    exit_code: int
    attempt: int = 1
    command: str = ""

    @property
    def may_pass(self) -> bool:
        """Whether the next run tries again by itself: what was missing or full is not the unit's fault."""
        return self.exit_code in (ConfigError.exit_code, 5, 7)

    @classmethod
    def from_error(cls, row: BatchRow, key: str, error: AlrefError, command: str) -> Self:
        """Create the failure of a row."""
        video = format_path(str(row.values.get("video", "")))
        return cls(key=key, id=get_row_id(row), video=video, error=str(error), exit_code=error.exit_code, command=command)


def pack_unit(summary: UnitSummary, result: Result) -> bytes:
    """Return the object of a unit: a tar file with its summary, then its result without times and costs."""
    bare = result.model_copy(update={"seconds": {}, "usage": ()})
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in ((SUMMARY_FILE, summary.model_dump_json()), (RESULT_FILE, bare.model_dump_json())):
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def compute_unit_size(head: bytes) -> int:
    """Return the size that the object of a unit has, from its beginning. Raises ValueError when that is too short."""
    try:
        with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as archive:
            last = next(entry for entry in archive if entry.name == RESULT_FILE)
    except (tarfile.TarError, StopIteration):
        raise ValueError("expected the beginning of a unit") from None
    blocks = -(-last.size // tarfile.BLOCKSIZE) + 2
    return -(-(last.offset_data + blocks * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def unpack_member(data: bytes, name: str) -> bytes:
    """Return a file of a unit. Raises ValueError when the object is not whole."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for entry in archive:
                if entry.name == name:
                    content = archive.extractfile(entry)
                    found = content.read() if content else b""
                    if len(found) == entry.size:
                        return found
    except tarfile.TarError as error:
        raise ValueError(str(error)) from None
    raise ValueError(f"expected a complete {name}, got none")


def read_summary(data: bytes) -> UnitSummary:
    """Return the summary at the beginning of a unit's object. Raises ValueError when it is not whole or of another format."""
    try:
        return UnitSummary.model_validate_json(unpack_member(data, SUMMARY_FILE))
    except (ValidationError, RecordError) as error:
        raise ValueError(str(error)) from None


def read_result(data: bytes) -> Result:
    """Return the result of a unit's object. Raises ValueError when it is not whole or of another format."""
    summary = read_summary(data)
    try:
        bare = Result.model_validate_json(unpack_member(data, RESULT_FILE))
    except (ValidationError, RecordError) as error:
        raise ValueError(str(error)) from None
    return bare.model_copy(update={"seconds": summary.seconds, "usage": summary.usage})


def load_unit(place: str) -> Result:
    """Read the result of a unit at a path or a URL, as the index names it. Raises InputError."""
    try:
        if "://" in place:
            files, path = open_file_system(place)
            return read_result(files.cat_file(path))
        return read_result(Path(place).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{place}: cannot be read as a unit of a batch ({error})") from None
