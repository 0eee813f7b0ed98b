"""Wrong transcribers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.wrong.correct import Scribe

if TYPE_CHECKING:
    from alref.media.video import Video
    from alref.records import Reference, Transcript


class Reversed(Scribe):
    """Writes the last sentence first."""

    said = Scribe.said[::-1]


class Inaudible(Scribe):
    """Writes nothing down."""

    said = ()


class Addressed(Scribe):
    """Writes for another reference."""

    def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
        said = super().transcribe(video, reference)
        return [each.model_copy(update={"reference": "another"}) for each in said]


class Talkative(Scribe):
    """Breaks where nobody speaks."""

    def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
        return [super().transcribe(video, reference)[0]]


class Indifferent(Scribe):
    """Takes a broken file for silence."""

    def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
        from alref.errors import InputError

        try:
            return super().transcribe(video, reference)
        except InputError:
            return []
