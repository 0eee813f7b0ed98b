"""Base classes for plugins: components, their options, datasets and protocols.

The package can be called as well: ``alref.components("propagator")`` lists the components that fill a slot.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import alref


class _CallablePackage(ModuleType):
    """The type of the package; a call lists components."""

    def __call__(self, slot: str) -> Any:
        return alref.list_components(slot)


sys.modules[__name__].__class__ = _CallablePackage
