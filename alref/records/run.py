"""A video in a result, and the events of a run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
)

from alref.records.base import (
    FilePath,
    Record,
)


class VideoInfo(Record):
    """A video in a result: its path, its size in pixels, its frames' times in seconds, its fingerprint."""

    path: FilePath | None
    height: int
    width: int
    fps: float
    times: tuple[float, ...]
    fingerprint: str
    warnings: tuple[str, ...] = ()


class StageEvent(BaseModel):
    """An event for observers: stage, method and component, progress (``done`` of ``total`` frames), seconds.

    ``output`` is set at the end. ``cached`` is True if it came from the cache. ``note`` is a line for the user.
    """

    model_config = ConfigDict(frozen=True)

    video: str
    stage: str
    method: str
    component: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    cached: bool = False
    note: str = ""
    output: Annotated[Any, Field(exclude=True)] = None
