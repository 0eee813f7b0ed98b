"""Folders for caches and data: the one that ALREF_HOME names, else the user's own folders."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path


def get_cache_path(name: str) -> Path:
    """Return the path of a file or folder that can be created again."""
    return _find_home(user_cache_path("alref", appauthor=False)) / name


def get_data_path(name: str) -> Path:
    """Return the path of a file or folder that costs money to create again."""
    return _find_home(user_data_path("alref", appauthor=False)) / name


def _find_home(default: Path) -> Path:
    return Path(os.environ.get("ALREF_HOME") or default)
