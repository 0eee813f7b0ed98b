"""Text that is shown on one line."""

from __future__ import annotations


def shorten_text(text: str, length: int) -> str:
    """Return a text of at most ``length`` characters; an ellipsis stands for the rest.

    >>> shorten_text("the red cup on the table", 12)
    'the red cup…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"
