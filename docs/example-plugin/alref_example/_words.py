"""What an expression says: the word that names the object, colors, and a place."""

from __future__ import annotations

import re
from collections.abc import Collection

COLORS = ("red", "orange", "yellow", "green", "blue", "purple")
PLACES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}
"""The direction of each place, (x, y)."""


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"\w+", text.lower())


def plain(text: str, courtesies: Collection[str]) -> str:
    """Return a text without courtesies and punctuation."""
    return " ".join(word for word in words(text) if word not in courtesies)


def named(text: str) -> str:
    """Return the last word before a place is told: "ball" of "the red ball on the left"."""
    return (words(re.split(r"\b(?:on|at|in)\b", text, maxsplit=1)[0]) or [""])[-1]


def colors_in(text: str) -> list[str]:
    """Return the colors that a text names, in its order."""
    return [word for word in words(text) if word in COLORS]


def place_in(text: str) -> str:
    """Return the first place that a text names, empty where it names none."""
    return next((word for word in words(text) if word in PLACES), "")
