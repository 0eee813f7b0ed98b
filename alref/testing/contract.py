"""How the contract kit calls a component."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from alref.components.base import Stage
from alref.media.video import Video
from alref.testing.videos import make_buzzing_video, make_moving_square
from alref.utils.masks import Mask

TrueMasks = Sequence[Mask] | Mask
"""True masks bool (H, W) of the square, one per frame."""


@dataclass(frozen=True)
class Task:
    """One call of a component: the method, the arguments after the video, and the check of the output."""

    method: str
    inputs: tuple[Any, ...]
    check: Callable[[Any], None]

    def run(self, component: Any, video: Video) -> Any:
        """Return the output of the component; a generator is turned into a list."""
        output = getattr(component, self.method)(video, *self.inputs)
        return list(output) if isinstance(output, Iterator) else output


class Contract:
    """Base class of all contracts. Override ``make_component``; override ``make_video`` if a moving square is not suitable.

    Each ``test_`` method checks one requirement: the first line of its docstring states it, the rest says how to meet it.
    """

    def make_component(self) -> Stage:
        """Return a new instance of the component to test."""
        raise NotImplementedError("return the component to test")

    @contextmanager
    def load_component(self) -> Iterator[Any]:
        """Yield the loaded component, and close it at the end."""
        component = self.make_component()
        component.load()
        try:
            yield component
        finally:
            component.close()

    def make_video(self) -> tuple[Video, Mask]:
        """Return a video with audio, and the true masks bool (T, H, W) of SQUARE in it."""
        return make_buzzing_video(0.8, (0.2, 0.6)), make_moving_square(8)[1]

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return the calls to make on a video: one task for each slot that the component fills."""
        return []

    def collect_answers(self, component: Any, video: Video, truth: TrueMasks) -> list[Any]:
        """Return all outputs of a component for a video, unchecked."""
        return [record for task in self.build_tasks(video, truth) for record in task.run(component, video)]
