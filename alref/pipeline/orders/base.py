"""What the engine expects of an order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from alref.media.video import Video
from alref.pipeline.stage_runner import StageRunner
from alref.records import Reference
from alref.result import Result


class Order(ABC):
    """One run over one video: calls the stages through ``runner`` and builds the result."""

    def __init__(self, runner: StageRunner, video: Video, references: Sequence[Reference]) -> None:
        self.runner, self.video, self.references = runner, video, references

    @classmethod
    @abstractmethod
    def list_slots(cls, *, text: bool, sound: bool, spoken: bool) -> list[str]:
        """List the slots that references of these kinds use, in the order of work."""

    @classmethod
    @abstractmethod
    def list_needed_slots(cls, references: Sequence[Reference]) -> list[str]:
        """List the slots that these references use, in the order of work."""

    @abstractmethod
    def build_result(self, config: dict[str, Any]) -> Result:
        """Call the stages and return the result; ``config`` is the resolved configuration that the result keeps."""
