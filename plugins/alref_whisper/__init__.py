"""Transcribe spoken references with Whisper and transformers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from alref import HubModelName, HubModelOptions, Locator, ModelStage, Tagger, Transcriber, Unifier, hookimpl

if TYPE_CHECKING:
    from alref import Problem, Reference, Transcript, Video
    from alref_whisper._runtime import WhisperTranscriber

SAMPLE_RATE = 16_000


class WhisperOptions(HubModelOptions):
    """Options of whisper."""

    model: HubModelName = "openai/whisper-small"
    language: str | None = Field(
        None, min_length=2, description="spoken language as a code or in English, such as de or german (default: detected)"
    )


class Whisper(ModelStage["WhisperTranscriber"], Transcriber):
    """Transcribes a spoken reference of any length with Whisper (arXiv 2212.04356)."""

    name = "whisper"
    extra = "sound"
    model_files = (
        "config.json",
        "model.safetensors",
        "generation_config.json",
        "preprocessor_config.json|processor_config.json",
        "tokenizer.json|vocab.json",
    )
    model_types = ("whisper",)
    Options = WhisperOptions
    options: WhisperOptions

    def find_model_problems(self) -> list[Problem]:
        """Return also a problem if the model does not support the language."""
        from alref_whisper.languages import find_language_problems

        return super().find_model_problems() or find_language_problems(self.options, self.weights()[0].find_complete_path())

    def load_model(self, folder: Path) -> WhisperTranscriber:
        """Return the model on the device."""
        from alref_whisper._runtime import WhisperTranscriber

        return WhisperTranscriber(folder, self.options, self.device)

    def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
        """Return the transcript of the file by sentence; empty for silence. Raises InputError if it is not an audio file.

        Damage that still allows decoding is reported in ``warnings``.
        """
        from alref import Transcript
        from alref.media.audio_decoder import read_audio

        assert reference.spoken is not None, "the reference is not spoken"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            audio = read_audio(reference.spoken.path, SAMPLE_RATE)
        self.warnings += [str(each.message) for each in caught]
        language, sentences = self.model.transcribe_audio(audio)
        return [Transcript(reference=reference.id, text=text, language=language, span=span) for text, span in sentences]


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Register the component."""
    return [Whisper]
