"""Wrong unifiers."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING, Any

from support.wrong.correct import Words

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import Phrase, Reference


class LoadedOnce(Words):
    """Cannot be loaded again."""

    count = 0

    def load(self) -> None:
        self.count += 1
        if self.count > 1:
            raise RuntimeError("loaded already")


class ClosedOnce(Words):
    """Cannot be closed twice."""

    def load(self) -> None:
        self.model = "a model"

    def close(self) -> None:
        del self.model


class Counting(Words):
    """Gives another answer each time."""

    count = 0

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        self.count += 1
        return self.found(reference, category=f"thing {self.count}")


class Guessing(Words):
    """Answers something else each time: numbers that look random, and are never close to the one before."""

    asked = count()

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        return self.found(reference, score=next(self.asked) * 0.618 % 1)


class OneThread(Words):
    """Says that it can be asked in several threads, and works only in the one that loaded it."""

    concurrent = True

    def load(self) -> None:
        self.thread = threading.get_ident()

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        if threading.get_ident() != self.thread:
            raise RuntimeError("asked in another thread")
        return super().unify(video, reference)


class Misplaced(Words):
    """Answers another reference."""

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        return self.found(reference, reference="another")


class Wordless(Words):
    """Understands nothing."""

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        return []


class Stuttering(Words):
    """Says everything twice."""

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        return self.found(reference) * 2


class Tupled(Words):
    """Returns a tuple."""

    def unify(self, video: Video, reference: Reference) -> Any:
        return tuple(self.found(reference))
