"""A size in bytes as the value of an option."""

from __future__ import annotations

import re
from typing import Any

import click

BYTE_UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}


class ByteSize(click.ParamType[int]):
    """A size in bytes: 500MB, 10GB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Convert the value to bytes."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", str(value).strip().upper())
        if not found:
            self.fail(f"expected a size such as 500MB or 10GB, got {value!r}", param, ctx)
        return int(float(found[1]) * BYTE_UNITS[found[2]])
