"""Many videos on many processes or machines, with one store of results.

The package can be called as well: ``alref.batch(rows, "the dog")`` yields the results of many videos.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """The type of the package; a call segments many videos."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        from alref.batch.many import segment_many

        return segment_many(*arguments, **settings)


sys.modules[__name__].__class__ = _CallablePackage
