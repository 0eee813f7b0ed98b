"""The contract of a unifier that reads text."""

from __future__ import annotations

from typing import Any

from alref.components.base import Unifier
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import Phrase, Reference
from alref.testing.contract import Task, TrueMasks
from alref.testing.shapes import FrameContract


class UnifierContract(FrameContract):
    """The contract of a unifier that reads text. Override ``make_component``, and ``make_reference`` for another text."""

    def make_component(self) -> Unifier:
        """Return the unifier to test."""
        raise NotImplementedError("return the unifier to test")

    def make_reference(self) -> Reference:
        """Return a reference that the unifier understands."""
        return Reference(id="1", text=self.text)

    def unify_reference(self) -> list[Phrase]:
        """Return the phrases of the reference."""
        with self.load_component() as component:
            phrases: list[Phrase] = component.unify(self.make_video()[0], self.make_reference())
            return phrases

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that unifies the reference."""
        return [*super().build_tasks(video, truth), Task("unify", (self.make_reference(),), self._check_phrases)]

    def _check_phrases(self, output: Any) -> None:
        contracts.check_list_of(output, Phrase)
        contracts.check_phrases(output, [self.make_reference().id])

    def test_finds_phrases_of_the_reference(self) -> None:
        """It returns at least one phrase, each with the id of the reference.

        Make each ``Phrase`` with ``reference=reference.id``; override ``make_reference`` if it does not understand the default
        text.
        """
        phrases = self.unify_reference()
        self._check_phrases(phrases)
        assert phrases, f"expected at least one phrase for {self.make_reference().text!r}, got none"

    def test_gives_distinct_phrases(self) -> None:
        """It returns each phrase once.

        Remove duplicates: ``list(dict.fromkeys(phrases))``.
        """
        phrases = self.unify_reference()
        repeated = sorted({phrase.text for phrase in phrases if phrases.count(phrase) > 1})
        assert not repeated, f"expected distinct phrases, got {', '.join(repeated)} more than once"
