"""Observers of a run: a progress bar, or one JSON event per line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from alref.cli.advice import format_error
from alref.cli.console import make_console
from alref.errors import AlrefError
from alref.plugins.hookspecs import hookimpl
from alref.records import StageEvent


class ProgressBar:
    """A progress bar on stderr with stage, frames and remaining time. Use it as a context manager."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=make_console(stderr=True), transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show_progress(self, done: int, total: int, what: str = "writing") -> None:
        """Show that ``done`` of ``total`` frames are processed."""
        if self._task is None:
            self._task = self._progress.add_task(what, total=total)
        self._progress.update(self._task, description=what, completed=done, total=total)

    @hookimpl
    def stage_started(self, event: StageEvent) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(_format_title(event), total=None)

    @hookimpl
    def stage_advanced(self, event: StageEvent) -> None:
        if event.note:
            self._progress.console.print(event.note, highlight=False)
            return
        self.show_progress(event.done, event.total, _format_title(event))

    @hookimpl
    def stage_finished(self, event: StageEvent) -> None:
        cached = ", cached" if event.cached else ""
        self._progress.console.print(f"{_format_title(event)}: {event.seconds:.2f} s{cached}", highlight=False)
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


class JsonEventWriter:
    """Prints every event as one JSON object per line on stdout."""

    @hookimpl
    def stage_started(self, event: StageEvent) -> None:
        emit_event("stage_started", **_to_dict(event))

    @hookimpl
    def stage_advanced(self, event: StageEvent) -> None:
        emit_event("stage_advanced", **_to_dict(event))

    @hookimpl
    def stage_finished(self, event: StageEvent) -> None:
        emit_event("stage_finished", **_to_dict(event))


_CONTROLS = re.compile(r"[\x7f-\x9f]")
"""Control characters that JSON does not escape."""
_OUTPUT: list[TextIO] = []
"""The stream for events while other output goes to stderr."""


@contextmanager
def reserve_stdout(as_json: bool) -> Iterator[None]:
    """Reserve stdout for events if ``as_json``: output of components goes to stderr, and an error is an event."""
    if not as_json:
        yield
        return
    _OUTPUT.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    except AlrefError as error:
        problems = [problem.to_dict() for problem in error.problems]
        emit_event("error", message=format_error(error), exit_code=error.exit_code, problems=problems)
        raise
    finally:
        _OUTPUT.pop()


def emit_event(name: str, **facts: Any) -> None:
    """Print one event as one line of JSON."""
    stream = _OUTPUT[-1] if _OUTPUT else sys.stdout
    line = json.dumps({"event": name, **facts}, ensure_ascii=False)
    try:
        line.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        line = json.dumps({"event": name, **facts})
    line = _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
    click.echo(line, file=stream)


def _to_dict(event: StageEvent) -> dict[str, Any]:
    return event.model_dump(mode="json")


def _format_title(event: StageEvent) -> str:
    return f"{event.stage} {event.component}, {event.method.replace('_', ' ')}"
