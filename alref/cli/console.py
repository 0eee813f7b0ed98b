"""The console that commands print to: plain text without markup, emoji or highlighting."""

from __future__ import annotations

from rich.console import Console


def make_console(*, stderr: bool = False, quiet: bool = False, width: int | None = None) -> Console:
    """Return a console on stdout or stderr. If ``quiet``, it prints nothing; ``width`` is in characters."""
    return Console(stderr=stderr, quiet=quiet, width=width, markup=False, emoji=False, highlight=False)
