"""Text of unknown origin, such as a model's answer: storable, and short enough to show."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters other than a tab and a new line, and signs that change the direction of the text behind them."""


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


def escape_controls(text: str) -> str:
    r"""Return a text that cannot change a terminal or hide text on a page: ``\x1b`` stands for an escape character."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


def format_validation_error(error: ValidationError) -> str:
    """Return a pydantic error in one line: each invalid field, the expected value and the value given."""
    lines = []
    for item in error.errors(include_url=False):
        where = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        got = "" if "got" in message or item["type"] == "missing" else f", got {shorten_text(repr(item['input']), 80)}"
        lines.append(f"{where}: {message}{got}" if where else f"{message}{got}")
    return "; ".join(lines)
