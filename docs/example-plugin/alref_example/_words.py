"""Parsing of an expression: the word that names the object, colors, and a position."""

from __future__ import annotations

import re
from collections.abc import Collection

COLORS = ("red", "orange", "yellow", "green", "blue", "purple")
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}
"""The direction of each position, (x, y)."""


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"\w+", text.lower())


def remove_words(text: str, words: Collection[str]) -> str:
    """Return a text without some words and without punctuation."""
    return " ".join(word for word in split_words(text) if word not in words)


def find_category(text: str) -> str:
    """Return the last word before the position: "ball" of "the red ball on the left"."""
    return (split_words(re.split(r"\b(?:on|at|in)\b", text, maxsplit=1)[0]) or [""])[-1]


def find_colors(text: str) -> list[str]:
    """Return the colors that a text names, in its order."""
    return [word for word in split_words(text) if word in COLORS]


def find_position(text: str) -> str:
    """Return the first position that a text names, or an empty string."""
    return next((word for word in split_words(text) if word in DIRECTIONS), "")
