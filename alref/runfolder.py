"""The folder that a run leaves: what was asked, what was found, and pictures of it. ``docs/run-folder.md`` describes each file.

Every file is written whole or not at all, ``run.yaml`` first and ``result.json`` last: a folder that holds all parts is
finished, and one whose run was killed at any instant is completed by the same command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import yaml
from filelock import FileLock
from pydantic import ValidationError

from alref import atomic
from alref.errors import InputError, OutputError, RecordError
from alref.media.write import write_mask_pngs, write_overlay
from alref.pictures import Pictures, label_map, tint
from alref.records import Record, Reference, explain
from alref.report import page
from alref.result import Result
from alref.video import Frame, Video

RUN, RESULT, MASKS, OVERLAY, REPORT, STAGES = "run.yaml", "result.json", "masks", "overlay.mp4", "report.html", "stages"
HALF_WRITTEN = re.compile(r"\.(run|result|overlay|report|\d{5,}|.+-[0-9a-f]{32})\.\d+\.(yaml|json|mp4|html|png)")
Advanced = Callable[[int, int], None]


@dataclass(frozen=True)
class _Content:
    """A video as runs compare it: by its fingerprint, wherever it lies."""

    name: str = field(compare=False)
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint:.8})"


class Run(Record):
    """What was asked for, kept in ``run.yaml``.

    ``input`` is the video's path or name, ``fingerprint`` that of its content, ``versions`` those of alref and of the
    plugins used, ``config`` every option with its value. Two runs are the same when all but ``command`` and ``input`` agree.
    """

    format: Literal[1] = 1
    command: str = ""
    input: str
    fingerprint: str
    versions: dict[str, str]
    references: tuple[Reference, ...]
    config: dict[str, Any]

    def differences(self, other: Run) -> list[str]:
        """Say in what ``other`` is another run, a phrase for each setting; none when it is the same."""
        there, here = dict(self._settings()), dict(other._settings())
        names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
        return [f"{name}: {there.get(name, 'nothing')} there, {here.get(name, 'nothing')} here" for name in names]

    def _settings(self) -> Iterator[tuple[str, Any]]:
        data = self.model_dump(mode="json", include={"versions", "references", "config"})
        yield "the video", _Content(self.input, self.fingerprint)
        yield from _leaves(data.pop("config"))
        yield from _leaves(data)


class RunFolder:
    """A folder taken for one run until ``close``: use it as a context manager."""

    def __init__(self, path: Path, run: Run) -> None:
        self.path = path
        self.run = run
        self._lock: FileLock | None = None

    @classmethod
    def open(cls, path: Path, run: Run, *, force: bool = False) -> Self:
        """Create the folder of a run, or go on in it when it holds the same run; ``force`` starts it anew whatever it holds.

        ``force`` removes only what alref wrote there, the outputs of stages (``stages/``) excepted. Raises OutputError when
        the folder holds another run, or files that are not alref's, or cannot be written, or is in use by another process.
        """
        folder = cls(path, run)
        known = folder._known(force)
        if force or not (known and folder.finished):
            folder._take(force)
        return folder

    @property
    def finished(self) -> bool:
        """Whether every part is there."""
        return all((self.path / part).exists() for part in (RUN, MASKS, OVERLAY, REPORT, RESULT))

    @property
    def stages(self) -> Path:
        """The folder in which outputs of stages are kept."""
        return self.path / STAGES

    def load(self) -> Result:
        """Read the result back. Raises InputError as ``load_result`` does."""
        return load_result(self.path)

    def save(self, result: Result, video: Video, advanced: Advanced | None = None) -> None:
        """Write all parts in one pass over the video, ``result.json`` last; ``advanced(done, total)`` is told of each frame.

        Raises OutputError when a part cannot be written; then no ``result.json`` is there, and what is there is whole.
        """
        _remove(self.path / RESULT)
        pictures = Pictures(result)
        write_overlay(self.path / OVERLAY, self._drawn(result, video, pictures, advanced), result.video.times)
        name = Path(self.run.input).name or self.run.input
        report = page(result, pictures, name=name, versions=self.run.versions, command=self.run.command)
        atomic.write_text(self.path / REPORT, report)
        atomic.write_text(self.path / RESULT, result.model_dump_json(indent=1))

    def close(self) -> None:
        """Let other processes have the folder."""
        if self._lock:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _drawn(self, result: Result, video: Video, pictures: Pictures, advanced: Advanced | None) -> Iterator[Frame]:
        """Write the mask file of each frame and yield the frame with its masks drawn."""
        total = len(result.video.times)
        for index, frame in video.frames():
            masks = pictures.objects.at(index)
            labels = label_map(masks, result.video.height, result.video.width)
            write_mask_pngs(self.path / MASKS, [labels], [f"{index:05d}"])
            pictures.add(index, frame)
            if advanced:
                advanced(index + 1, total)
            yield tint(frame, masks)

    def _known(self, force: bool) -> bool:
        """Whether the folder holds this run already. Raises OutputError when it may not become this run's."""
        there = _read(self.path)
        differences = there.differences(self.run) if there else []
        if differences and not force:
            other = f"{self.path}: holds another run ({_shortened(differences)})"
            raise OutputError(f"{other}; choose another folder with --out, or replace it with --force")
        return there is not None and not differences

    def _take(self, force: bool) -> None:
        """Lock the folder, look again at what it holds now, clear it and write ``run.yaml``."""
        atomic.make_folder(self.path)
        with ExitStack() as undo:
            self._lock = atomic.lock(self.path)
            undo.callback(self.close)
            known = self._known(force)
            self._clear(force)
            if not known:
                run = self.run.model_dump(mode="json")
                atomic.write_text(self.path / RUN, yaml.safe_dump(run, sort_keys=False, allow_unicode=True))
            undo.pop_all()

    def _clear(self, everything: bool) -> None:
        """Remove what killed processes left half written, or all that alref wrote but ``run.yaml`` and outputs of stages."""
        paths = [path for path in self.path.rglob(".*") if HALF_WRITTEN.fullmatch(path.name)]
        if everything:
            paths += [self.path / part for part in (RESULT, OVERLAY, REPORT)]
            paths += [path for path in (self.path / MASKS).glob("*.png") if re.fullmatch(r"\d{5,}\.png", path.name)]
        for path in paths:
            _remove(path)


def load_result(folder: str | Path) -> Result:
    """Read the result of a finished run. Raises InputError when there is none, or when it cannot be read."""
    path = Path(folder) / RESULT
    try:
        return Result.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the folder of a finished run") from None
    except (OSError, ValidationError, RecordError) as error:
        reason = f"{path}: cannot be read as a result ({_reason(error)})"
        raise InputError(f"{reason}; remove the file and run the same command again") from None


def _read(folder: Path) -> Run | None:
    """Read what run a folder holds, None when it is empty or not there. Raises OutputError when it holds something else."""
    try:
        names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
        own = [name for name in names if not name.startswith(".")]
        return Run.model_validate(yaml.safe_load((folder / RUN).read_bytes())) if own else None
    except FileNotFoundError:
        problem = f"{folder}: holds files that are no run ({_shortened(own)})"
    except (OSError, ValueError, RecordError, yaml.YAMLError) as error:
        problem = f"{folder / RUN}: cannot be read as a run ({_reason(error)})"
    raise OutputError(f"{problem}; choose another folder with --out")


def _reason(error: Exception) -> str:
    text = explain(error) if isinstance(error, ValidationError) else str(getattr(error, "strerror", None) or error)
    return _shortened([" ".join(text.split())])


def _shortened(parts: list[str]) -> str:
    """Join the first three, each cut to 160 characters, and say how many more there are."""
    short = [part if len(part) <= 160 else f"{part[:159]}…" for part in parts[:3]]
    return "; ".join(short) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Walk nested data: each plain value under its dotted name; empty lists and mappings are plain."""
    if not value or not isinstance(value, (dict, list)):
        yield name, value
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(each, f"{name}.{key}" if name else str(key))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise atomic.cannot_write(path, error) from error
