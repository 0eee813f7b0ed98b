"""Check which required libraries are installed, without importing them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from alref.errors import Problem


def find_missing_libraries(needs: Sequence[str], extra: str = "") -> list[Problem]:
    """Return one problem that names those of some import names that are not installed; none if all are.

    ``extra`` is the extra of alref that holds them; without one the hint names the libraries themselves.
    """
    missing = [module for module in needs if find_spec(module) is None]
    install = f"pip install 'alref[{extra}]'" if extra else f"pip install {' '.join(missing)}"
    return [Problem(message=f"needs {', '.join(missing)}", hint=install)] if missing else []
