"""Names of files as they are on disk."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def match_suffix_case(path: Path) -> Path:
    """Return a file as it is called on disk, where its suffix may be in upper case; one that may not be looked at, as it is."""
    with suppress(PermissionError):
        shouted = path.with_suffix(path.suffix.upper())
        if not path.exists() and shouted.exists():
            return shouted
    return path
