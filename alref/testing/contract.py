"""How the contract kit asks a component."""

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
"""True masks bool (H, W) of the square, one for each frame."""


@dataclass(frozen=True)
class Task:
    """One call of a component, as the engine makes it: the method, what follows the video, and the check of what it returns."""

    method: str
    inputs: tuple[Any, ...]
    check: Callable[[Any], None]

    def run(self, component: Any, video: Video) -> Any:
        """Return what the component answers, a list where it yields."""
        output = getattr(component, self.method)(video, *self.inputs)
        return list(output) if isinstance(output, Iterator) else output


class Contract:
    """Base of all contracts. Override ``make_component``; override ``make_video`` where it cannot see a moving square.

    Each ``test_`` method is one promise: the first line of its docstring says which, what follows says what to do about it.
    """

    def make_component(self) -> Stage:
        """Return the component to test, made anew."""
        raise NotImplementedError("return the component to test")

    @contextmanager
    def load_component(self) -> Iterator[Any]:
        """Give the component, loaded, and close it at the end."""
        component = self.make_component()
        component.load()
        try:
            yield component
        finally:
            component.close()

    def make_video(self) -> tuple[Video, Mask]:
        """Return a video with sound, and the true masks bool (T, H, W) of SQUARE in it."""
        return make_buzzing_video(0.8, (0.2, 0.6)), make_moving_square(8)[1]

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return what the component is asked about a video: one task for each kind that it is of."""
        return []

    def collect_answers(self, component: Any, video: Video, truth: TrueMasks) -> list[Any]:
        """Return all that a component answers about a video, unchecked."""
        return [record for task in self.build_tasks(video, truth) for record in task.run(component, video)]
