"""How the contract kit calls a component."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar
from unittest import SkipTest

from alref.components.base import Stage
from alref.media.video import Video
from alref.records import Phrase
from alref.testing.observation import ObservedComponent, holds_something
from alref.testing.videos import make_buzzing_video, make_moving_square
from alref.utils.masks import Mask

TrueMasks = Sequence[Mask] | Mask
"""True masks bool (H, W) of the object, one per frame."""

TestMethod = TypeVar("TestMethod", bound=Callable[..., None])


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


class NotExercised(SkipTest):
    """A requirement cannot be checked, because the test lacks something that the component knows; the message says what."""


def expect_nothing(test: TestMethod) -> TestMethod:
    """Mark a test in which there is nothing to find, so that it also counts when the component finds nothing."""
    test.expects_nothing = True  # type: ignore[attr-defined]
    return test


class Contract:
    """Base class of all contracts. Override ``make_component``.

    Where the component does not know a red square, override ``make_video``, and set ``text`` and ``category`` to what it shows.
    ``other_text`` and ``other_category`` name something else, which may be absent. If the component can find nothing in any
    small video, set ``finds_nothing`` to the reason.

    Each ``test_`` method checks one requirement: the first line of its docstring states it, the rest says how to meet it.
    """

    text: ClassVar[str] = "the red square"
    category: ClassVar[str] = "square"
    other_text: ClassVar[str] = "the gray ground"
    other_category: ClassVar[str] = "ground"
    finds_nothing: ClassVar[str] = ""
    called = False
    """Whether this test called the component."""
    found = False
    """Whether any record that it returned held something."""

    @property
    def phrase(self) -> Phrase:
        """The object of ``make_video``, as reference 1."""
        return Phrase(reference="1", text=self.text, category=self.category)

    @property
    def other_phrase(self) -> Phrase:
        """Something else, as reference 2."""
        return Phrase(reference="2", text=self.other_text, category=self.other_category)

    def make_component(self) -> Stage:
        """Return a new instance of the component to test."""
        raise NotImplementedError("return the component to test")

    def prepare_component(self) -> Stage:
        """Return a new instance that can be loaded and called; default: what ``make_component`` returns."""
        return self.make_component()

    @contextmanager
    def load_component(self) -> Iterator[Any]:
        """Yield the loaded component, and close it at the end."""
        component = self.prepare_component()
        component.load()
        try:
            yield ObservedComponent(component, self.observe_record)
        finally:
            component.close()

    def observe_record(self, record: object) -> None:
        """Note that the component was called, and whether it found something."""
        self.called = True
        self.found = self.found or holds_something(record)

    def make_video(self) -> tuple[Video, Mask]:
        """Return a video with audio, and the true masks bool (T, H, W) of the object that ``text`` names."""
        return make_buzzing_video(0.8, (0.2, 0.6)), make_moving_square(8)[1]

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return the calls to make on a video: one task for each slot that the component fills."""
        return []

    def collect_answers(self, component: Any, video: Video, truth: TrueMasks) -> list[Any]:
        """Return all outputs of a component for a video, unchecked."""
        return [record for task in self.build_tasks(video, truth) for record in task.run(component, video)]
