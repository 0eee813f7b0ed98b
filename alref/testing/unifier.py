"""What a unifier promises that reads text."""

from __future__ import annotations

from typing import Any

from alref.components.base import Unifier
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import Phrase, Reference
from alref.testing.contract import Task, Truth
from alref.testing.shapes import SeeingContract


class UnifierContract(SeeingContract):
    """What a unifier promises: that it reads text. Override ``component``; override ``reference`` for other words."""

    def component(self) -> Unifier:
        """Return the unifier to test."""
        raise NotImplementedError("return the unifier to test")

    def reference(self) -> Reference:
        """Return a reference that it understands."""
        return Reference(id="1", text="the red square")

    def phrases(self) -> list[Phrase]:
        """Return what the unifier makes of the reference."""
        with self.at_work() as component:
            found: list[Phrase] = component.unify(self.video()[0], self.reference())
            return found

    def tasks(self, video: Video, truth: Truth) -> list[Task]:
        """Return the task to unify the reference."""
        return [*super().tasks(video, truth), Task("unify", (self.reference(),), self._fits)]

    def _fits(self, output: Any) -> None:
        contracts.each_is(output, Phrase)
        contracts.phrases(output, [self.reference().id])

    def test_finds_phrases_of_the_reference(self) -> None:
        """It returns a list of phrases that carry the id of the reference, at least one.

        Make each ``Phrase`` with ``reference=reference.id``; where it does not understand these words, override ``reference``.
        """
        phrases = self.phrases()
        self._fits(phrases)
        assert phrases, f"expected at least one phrase for {self.reference().text!r}, got none"

    def test_gives_distinct_phrases(self) -> None:
        """It gives each phrase once.

        Drop repeated ones: ``list(dict.fromkeys(phrases))``.
        """
        phrases = self.phrases()
        twice = sorted({phrase.text for phrase in phrases if phrases.count(phrase) > 1})
        assert not twice, f"expected distinct phrases, got {', '.join(twice)} more than once"
