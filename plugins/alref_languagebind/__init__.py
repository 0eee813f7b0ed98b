"""When things sound: LanguageBind, the model of AL-Ref-SAM 2, which compares sounds with words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from alref.audio.options import SimilarityOptions
from alref.components.base import Locator, StageOptions, Tagger, Transcriber, Unifier
from alref.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from alref.errors import Problem
    from alref.media.video import Video
    from alref.models.weights import Weights
    from alref.records import Phrase, Reference
    from alref_languagebind._runtime import LanguageBindEncoder


class LanguageBindOptions(SimilarityOptions, StageOptions):
    """Options of languagebind."""

    model: str = Field(
        "LanguageBind/LanguageBind_Audio_FT", min_length=1, description="name on the Hugging Face hub, or a folder"
    )
    revision: str | None = Field(None, description="branch, tag or commit of the model on the hub; the newest if not given")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="type of the numbers to compute in; auto is bfloat16 where CUDA has it, else float32"
    )


class LanguageBind(Locator):
    """Says when phrases sound by LanguageBind (arXiv 2310.01852), as AL-Ref-SAM 2 does, or each phrase for itself."""

    name = "languagebind"
    extra = "sound"
    needs = ("torch", "transformers")
    Options = LanguageBindOptions
    options: LanguageBindOptions
    _encoder: LanguageBindEncoder | None = None

    def weights(self) -> list[Weights]:
        """Name the one model that the options say: its text tower is that of all LanguageBind models, which never changed."""
        from alref.models.weights import Weights

        files = ("config.json", "pytorch_model.bin|model.safetensors", "tokenizer.json|vocab.json")
        return [Weights(model=self.options.model, revision=self.options.revision, files=files)]

    def problems(self) -> list[Problem]:
        """Say what is missing: a library, the model's files, the device, the type of numbers."""
        from alref.models import devices

        computing = [] if self.find_missing_libraries() else devices.find_device_problems(self.device, self.options.dtype)
        return super().problems() or computing

    def load(self) -> None:
        """Bring the model to the device. Raises MissingError or ConfigError when it cannot be used."""
        from alref_languagebind._runtime import LanguageBindEncoder

        self._encoder = LanguageBindEncoder(self.weights()[0].fetch_files(), self.options.dtype, self.device)

    def close(self) -> None:
        """Let go of the model."""
        self._encoder = None

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the parts of the sound track that are like them.

        Raises InputError for a clip that the file of segments does not name, ConfigError for too many phrases in mode subsets.
        """
        from alref.audio.similarity import locate_phrases

        assert self._encoder is not None, "load() comes first"
        return locate_phrases(self._encoder, video, phrases, self.options)

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the word of a vocabulary that is equal, or else most like it to the text tower, as published."""
        from alref.audio.similarity import match_to_vocabulary

        assert self._encoder is not None, "load() comes first"
        return match_to_vocabulary(self._encoder, names, vocabulary)


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Announce it."""
    return [LanguageBind]
