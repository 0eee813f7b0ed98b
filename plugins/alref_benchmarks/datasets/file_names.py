"""Names of files as on disk."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def match_suffix_case(path: Path) -> Path:
    """Return a file by its name on disk, whose suffix may be in upper case; unchanged if access is denied."""
    with suppress(PermissionError):
        shouted = path.with_suffix(path.suffix.upper())
        if not path.exists() and shouted.exists():
            return shouted
    return path
