"""Whether two answers are the same, and where they differ."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

SHARE = 0.001
"""Share of a mask's pixels that may differ: a device adds up numbers in any order."""
NEAR = 1e-3
"""Difference between numbers that may be, in pixels or relative to their size."""


def difference(expected: Sequence[Any], got: Sequence[Any]) -> str:
    """Say where two lists of records differ first, empty where they are the same; where an answer came from does not count."""
    return _apart(_plain(list(expected)), _plain(list(got)), "the answer")


def frozen(inputs: Sequence[Any]) -> Any:
    """Return a copy of what a component is given that nothing done to the original changes."""
    return copy.deepcopy(_plain(list(inputs)))


def _plain(value: Any) -> Any:
    """Turn records into dictionaries, without where they came from."""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields if name != "source"}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def _apart(expected: Any, got: Any, where: str) -> str:
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        return next(filter(None, (_apart(expected[name], got[name], f"{where}.{name}") for name in expected)), "")
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = enumerate(zip(expected, got, strict=True))
        return next(filter(None, (_apart(one, other, f"{where}[{place}]") for place, (one, other) in pairs)), "")
    if isinstance(expected, np.ndarray) and isinstance(got, np.ndarray) and expected.shape == got.shape:
        return _arrays_apart(expected, got, where)
    if isinstance(expected, (float, np.floating)) and isinstance(got, (float, np.floating)):
        return _arrays_apart(np.array(expected), np.array(got), where)
    same = type(expected) is type(got) and not isinstance(expected, np.ndarray) and expected == got
    return "" if same else f"{_short(got)} for {_short(expected)} in {where}"


def _arrays_apart(expected: Any, got: Any, where: str) -> str:
    if expected.dtype == np.bool_:
        changed = int((expected != got).sum())
        return f"{changed} of {expected.size} other pixels in {where}" if changed > SHARE * expected.size else ""
    near = np.allclose(expected, got, rtol=NEAR, atol=NEAR)
    return "" if near else f"{_short(got.tolist())} for {_short(expected.tolist())} in {where}"


def _short(value: Any) -> str:
    text = f"{type(value).__name__} {value.shape}" if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
