"""Text of unknown origin, such as a model's answer: storable, and short enough to show."""

from __future__ import annotations

from typing import Any


def shorten_text(text: str, length: int) -> str:
    """Return a text of at most ``length`` characters; an ellipsis stands for the rest.

    >>> shorten_text("the red cup on the table", 12)
    'the red cup…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def replace_surrogates(text: Any) -> Any:
    """Return a text with its surrogate pairs joined and each lone surrogate, which no file can store, replaced.

    Values that are not text are returned as they are.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(text, str) else text
