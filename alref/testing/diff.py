"""Find the first difference between two outputs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from alref.utils.text import shorten_text

MAX_PIXEL_SHARE = 0.001
"""Fraction of the pixels of a mask that may differ, because devices sum floats in any order."""
TOLERANCE = 1e-3
"""Absolute and relative tolerance for numbers."""


def find_difference(expected: Sequence[Any], got: Sequence[Any]) -> str:
    """Describe the first difference between two lists of records; empty if they are equal. ``source`` is ignored."""
    return _compare_values(_to_plain_data(list(expected)), _to_plain_data(list(got)), "the answer")


def copy_inputs(inputs: Sequence[Any]) -> Any:
    """Return a deep copy of the inputs of a component, as plain data."""
    return copy.deepcopy(_to_plain_data(list(inputs)))


def _to_plain_data(value: Any) -> Any:
    """Convert records to dictionaries without ``source``."""
    if isinstance(value, BaseModel):
        return {name: _to_plain_data(getattr(value, name)) for name in type(value).model_fields if name != "source"}
    if isinstance(value, (list, tuple)):
        return [_to_plain_data(each) for each in value]
    return value


def _compare_values(expected: Any, got: Any, where: str) -> str:
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        return next(filter(None, (_compare_values(expected[name], got[name], f"{where}.{name}") for name in expected)), "")
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = enumerate(zip(expected, got, strict=True))
        return next(filter(None, (_compare_values(one, other, f"{where}[{index}]") for index, (one, other) in pairs)), "")
    if isinstance(expected, np.ndarray) and isinstance(got, np.ndarray) and expected.shape == got.shape:
        return _compare_arrays(expected, got, where)
    if isinstance(expected, (float, np.floating)) and isinstance(got, (float, np.floating)):
        return _compare_arrays(np.array(expected), np.array(got), where)
    same = type(expected) is type(got) and not isinstance(expected, np.ndarray) and expected == got
    return "" if same else f"{_format_value(got)} for {_format_value(expected)} in {where}"


def _compare_arrays(expected: Any, got: Any, where: str) -> str:
    if expected.dtype == np.bool_:
        changed = int((expected != got).sum())
        return f"{changed} of {expected.size} pixels differ in {where}" if changed > MAX_PIXEL_SHARE * expected.size else ""
    near = np.allclose(expected, got, rtol=TOLERANCE, atol=TOLERANCE)
    return "" if near else f"{_format_value(got.tolist())} for {_format_value(expected.tolist())} in {where}"


def _format_value(value: Any) -> str:
    text = f"{type(value).__name__} {value.shape}" if isinstance(value, np.ndarray) else repr(value)
    return shorten_text(text, 80)
