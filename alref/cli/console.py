"""The console that commands print to: text as it is, without markup, emoji or colors of its own."""

from __future__ import annotations

from rich.console import Console


def make_console(*, stderr: bool = False, quiet: bool = False, width: int | None = None) -> Console:
    """Return a console on stdout, or on stderr; ``quiet`` prints nothing, ``width`` is in characters."""
    return Console(stderr=stderr, quiet=quiet, width=width, markup=False, emoji=False, highlight=False)
