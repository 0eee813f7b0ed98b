"""Segment the object that a person points at, in every frame of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alref.api import segment
    from alref.media.reader import open_video
    from alref.pipeline.engine import Pipeline
    from alref.plugins.hookspecs import hookimpl
    from alref.records import Reference
    from alref.result import Result

_HOMES = {
    "Pipeline": "alref.pipeline.engine",
    "Reference": "alref.records",
    "Result": "alref.result",
    "hookimpl": "alref.plugins.hookspecs",
    "open_video": "alref.media.reader",
    "segment": "alref.api",
}

__all__ = ["Pipeline", "Reference", "Result", "hookimpl", "open_video", "segment"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import alref`` stays light."""
    from importlib import import_module, metadata

    if name == "__version__":
        return metadata.version("alref")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'alref' has no attribute {name!r}")
