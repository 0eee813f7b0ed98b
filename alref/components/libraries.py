"""Check which required libraries are installed, without importing them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from alref.errors import Problem


def find_missing_libraries(needs: Sequence[str], extra: str = "") -> list[Problem]:
    """Return one problem that lists the import names in ``needs`` that are not installed; empty if all are installed.

    ``extra`` is the extra of alref with these libraries; without one the hint names the libraries themselves.
    """
    missing = [module for module in needs if find_spec(module) is None]
    install = f"pip install 'alref[{extra}]'" if extra else f"pip install {' '.join(missing)}"
    return [Problem(message=f"needs {', '.join(missing)}", hint=install)] if missing else []
