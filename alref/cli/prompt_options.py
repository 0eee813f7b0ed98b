"""Flags that give a prompt on a frame: ``--box``, ``--mask``, ``--point`` and ``--frame``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from alref.cli.plugin_option import CommandFunction
from alref.errors import InputError
from alref.media.write import read_mask

_NUMBER = r"\d+(?:\.\d+)?"
_POINT = re.compile(rf"\s*(-?)\s*({_NUMBER})\s*,\s*({_NUMBER})\s*")


def add_point_option(text: str) -> Callable[[CommandFunction], CommandFunction]:
    """Return a decorator that adds the repeatable ``--point``, whose help begins with ``text``."""
    note = "With a minus before it (--point=-30,40), the point 30,40 is not on the object. Repeatable."
    return click.option("--point", "points", multiple=True, metavar="X,Y", help=f"{text}. {note}")


def read_prompt_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the prompt that the flags give; those that are not given are None. Raises InputError."""
    points = [_parse_point(text) for text in flags["points"]]
    return {
        "box": None if flags["box"] is None else _parse_box(flags["box"]),
        "mask": None if flags["mask"] is None else read_mask(flags["mask"]),
        "points": [place for place, _ in points] or None,
        "labels": [inside for _, inside in points] or None,
        "frame": flags["frame"],
    }


def _parse_box(text: str) -> list[float]:
    numbers = re.findall(rf"-?{_NUMBER}", text)
    if len(numbers) != 4:
        raise InputError(f"--box {text!r}: expected four numbers X0,Y0,X1,Y1 in pixels, for example --box 40,60,200,180")
    return [float(number) for number in numbers]


def _parse_point(text: str) -> tuple[list[float], bool]:
    """Return the place of a point, and whether it is on the object: without a minus before it."""
    found = _POINT.fullmatch(text)
    if not found:
        raise InputError(f"--point {text!r}: expected X,Y in pixels, or -X,Y for a point that is not on the object")
    return [float(found[2]), float(found[3])], not found[1]
