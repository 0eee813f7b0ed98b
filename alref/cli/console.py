"""The console that commands print to: plain text without markup, emoji or highlighting."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from alref.utils.text import escape_controls

MIN_WIDTH, DEFAULT_WIDTH = 20, 80
"""A narrower terminal is taken for one whose width is not known."""


class VisibleConsole(Console):
    """A console that shows control characters of what it prints: a title or a reason may come from a model."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text to print."""
        return super().render_str(escape_controls(text), **options)


def make_console(*, stderr: bool = False, quiet: bool = False, width: int | None = None) -> Console:
    """Return a console on stdout or stderr. If ``quiet``, it prints nothing; ``width`` is in characters."""
    console = VisibleConsole(stderr=stderr, quiet=quiet, width=width, markup=False, emoji=False, highlight=False)
    if console.width < MIN_WIDTH:  # as with COLUMNS=0, which some editors set
        console.width = DEFAULT_WIDTH
    return console
