"""Processes of this machine."""

from __future__ import annotations

import os


def is_running(process: int) -> bool:
    """Return whether a process of this machine exists; True where that cannot be asked."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
