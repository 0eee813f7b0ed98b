"""Which of the libraries that a class needs are not installed; nothing is imported to find out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec


def describe_missing_libraries(needs: Sequence[str], extra: str = "") -> str:
    """Name those of some import names that are not installed, with the command that installs them; empty if all are.

    ``extra`` is the extra of alref that holds them; without one the command names the libraries themselves.
    """
    missing = [module for module in needs if find_spec(module) is None]
    install = f"pip install 'alref[{extra}]'" if extra else f"pip install {' '.join(missing)}"
    return f"needs {', '.join(missing)}: {install}" if missing else ""
