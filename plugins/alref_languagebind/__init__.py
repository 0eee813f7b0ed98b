"""Locate phrases in audio with LanguageBind, the model of AL-Ref-SAM 2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alref import HubModelName, HubModelOptions, Locator, ModelStage, Tagger, Transcriber, Unifier, hookimpl
from alref.audio.options import SimilarityOptions

if TYPE_CHECKING:
    from alref import Phrase, Reference, Video
    from alref_languagebind._runtime import LanguageBindEncoder


class LanguageBindOptions(SimilarityOptions, HubModelOptions):
    """Options of languagebind."""

    model: HubModelName = "LanguageBind/LanguageBind_Audio_FT"


class LanguageBind(ModelStage["LanguageBindEncoder"], Locator):
    """Locates phrases with LanguageBind (arXiv 2310.01852), as AL-Ref-SAM 2 does or independently."""

    name = "languagebind"
    extra = "sound"
    model_files = ("config.json", "pytorch_model.bin|model.safetensors", "tokenizer.json|vocab.json")
    Options = LanguageBindOptions
    options: LanguageBindOptions

    def load_model(self, folder: Path) -> LanguageBindEncoder:
        """Return both towers; the text tower is the same in all models of LanguageBind."""
        from alref_languagebind._runtime import LanguageBindEncoder

        return LanguageBindEncoder(folder, self.options.dtype, self.device)

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the similar parts of the sound track.

        Raises InputError if the file of segments does not name the clip, ConfigError for too many phrases in mode subsets.
        """
        from alref.audio.similarity import locate_phrases

        return locate_phrases(self.model, video, phrases, self.options)

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the equal word of a vocabulary, or else the most similar one by the text tower, as published."""
        from alref.audio.similarity import match_to_vocabulary

        return match_to_vocabulary(self.model, names, vocabulary)


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Register the component."""
    return [LanguageBind]
