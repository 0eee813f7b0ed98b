"""Progress over videos, with and without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from time import monotonic

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from alref.cli.console import make_console

LINE_SECONDS, LINE_SHARE = 60, 0.05


class ProgressLines:
    """Progress where there is no terminal: a line at the start, then one after every minute or 5 %, on stderr."""

    def __init__(self, what: str, total: int, quiet: bool) -> None:
        self._what, self._total, self._quiet = what, total, quiet
        self._shown, self._time = 0, monotonic()
        self.show(0, at_once=True)

    def show(self, done: int, rest: str = "", at_once: bool = False) -> None:
        """Show that ``done`` of the total are processed, if it is time to."""
        waited = monotonic() - self._time >= LINE_SECONDS
        if self._quiet or not (at_once or waited or done - self._shown >= LINE_SHARE * self._total):
            return
        self._shown, self._time = done, monotonic()
        click.echo(f"{self._what}: {done} of {self._total}{f', {rest}' if rest else ''}", err=True)


@contextmanager
def show_progress(what: str, total: int, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """Show progress on stderr: a bar on a terminal, lines otherwise. Call what it gives once for each that is done."""
    console = make_console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        lines, done = ProgressLines(what, total, quiet or console.is_terminal), count(1)

        def advance() -> None:
            bar.advance(task)
            lines.show(next(done))

        yield advance
