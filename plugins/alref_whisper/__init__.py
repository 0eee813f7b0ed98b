"""Spoken references: Whisper by the transformers library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from alref.hookspecs import hookimpl
from alref.stages import Locator, StageOptions, Tagger, Transcriber, Unifier

if TYPE_CHECKING:
    from alref.records import Reference, Transcript
    from alref.video import Video


class WhisperOptions(StageOptions):
    """Options of whisper."""

    model: str = Field("openai/whisper-small", min_length=1, description="name on the Hugging Face hub, or a folder")


class Whisper(Transcriber):
    """Writes down a spoken reference."""

    name = "whisper"
    extra = "sound"
    needs = ("torch", "transformers")
    Options = WhisperOptions
    options: WhisperOptions

    def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
        """Return what is said."""
        raise NotImplementedError


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Announce it."""
    return [Whisper]
