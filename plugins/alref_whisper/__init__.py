"""Spoken references: Whisper by the transformers library."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from alref.components.base import Locator, StageOptions, Tagger, Transcriber, Unifier
from alref.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from alref.errors import Problem
    from alref.media.video import Video
    from alref.models.weights import Weights
    from alref.records import Reference, Transcript
    from alref_whisper._runtime import WhisperTranscriber

SAMPLE_RATE = 16_000


class WhisperOptions(StageOptions):
    """Options of whisper."""

    model: str = Field("openai/whisper-small", min_length=1, description="name on the Hugging Face hub, or a folder")
    revision: str | None = Field(None, description="branch, tag or commit of the model on the hub; the newest if not given")
    language: str | None = Field(
        None, min_length=2, description="what is spoken, as a code or in English: de or german; found out if not given"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="type of the numbers to compute in; auto is bfloat16 where CUDA has it, else float32"
    )


class Whisper(Transcriber):
    """Writes down a spoken reference by Whisper (arXiv 2212.04356), in the language that is spoken; a file of any length."""

    name = "whisper"
    extra = "sound"
    needs = ("torch", "transformers")
    Options = WhisperOptions
    options: WhisperOptions
    _transcriber: WhisperTranscriber | None = None

    def weights(self) -> list[Weights]:
        """Name the one model that the options say."""
        from alref_whisper.models import describe_weights

        return [describe_weights(self.options)]

    def problems(self) -> list[Problem]:
        """Say what is missing: a library, the model's files, the device, the type of numbers, the language."""
        from alref.models import devices
        from alref_whisper.models import find_problems

        computing = [] if self.find_missing_libraries() else devices.find_device_problems(self.device, self.options.dtype)
        return super().problems() or computing or find_problems(self.options)

    def load(self) -> None:
        """Bring the model to the device. Raises MissingError or ConfigError when it cannot be used."""
        from alref.errors import ConfigError
        from alref_whisper._runtime import WhisperTranscriber
        from alref_whisper.models import find_problems

        folder = self.weights()[0].fetch_files()
        if said := find_problems(self.options):
            raise ConfigError(*(problem.assign_slot(self.slot) for problem in said))
        self._transcriber = WhisperTranscriber(folder, self.options, self.device)

    def close(self) -> None:
        """Let go of the model."""
        self._transcriber = None

    def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
        """Return what is said in the file, sentence by sentence; nothing for silence. Raises InputError for no sound file.

        What is wrong with the file but can be heard around is said in ``warnings``.
        """
        from alref.media.audio_decoder import read_audio
        from alref.records import Transcript

        assert self._transcriber is not None, "load() comes first"
        assert reference.spoken is not None, "the reference is not spoken"
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            audio = read_audio(reference.spoken.path, SAMPLE_RATE)
        self.warnings += [str(each.message) for each in told]
        language, said = self._transcriber.transcribe_audio(audio)
        return [Transcript(reference=reference.id, text=text, language=language, span=span) for text, span in said]


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Announce it."""
    return [Whisper]
