"""Text of unknown origin, such as a model's answer: storable, and short enough to show."""

from __future__ import annotations

import os
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


def format_path(path: str | os.PathLike[str]) -> str:
    r"""Return a path as text that every file and terminal takes: bytes that are not UTF-8 become ``\xe9``.

    >>> format_path("café.mp4")
    'café.mp4'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")
