"""Audio components based on transformers: AST and CLAP tag sounds, CLAP and PE-A-Frame locate them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from alref import HubModelName, HubModelOptions, Locator, ModelStage, Tagger, Transcriber, Unifier, hookimpl
from alref.audio.options import SimilarityOptions
from alref.audio.vocabulary import VocabularyName

if TYPE_CHECKING:
    from alref import Phrase, Reference, Video
    from alref_audio._ast import AstModel
    from alref_audio._clap import ClapEncoder
    from alref_audio._pe_a_frame import PeAFrameModel


class TagOptions(HubModelOptions):
    """Options of taggers: windows of ten seconds, and which tags are returned."""

    top_k: int = Field(5, ge=1, description="maximum number of tags, best first")
    threshold: float = Field(0.0, ge=0, le=1, description="minimum score of a tag; 0 returns all of the top_k")
    hop: float = Field(5.0, gt=0, le=10, description="seconds between the starts of windows of ten seconds")
    relative_threshold: float | None = Field(
        0.5,
        gt=0,
        le=1,
        description="a tag is active in windows that score at least this share of its best score; null gives no times",
    )
    batch_size: int = Field(4, ge=1, description="windows per batch")


class AstOptions(TagOptions):
    """Options of ast."""

    model: HubModelName = "MIT/ast-finetuned-audioset-10-10-0.4593"


class ClapOptions(SimilarityOptions, TagOptions):
    """Options of clap."""

    model: HubModelName = "laion/clap-htsat-unfused"
    labels: VocabularyName | tuple[str, ...] = Field(
        "audioset",
        min_length=1,
        description="vocabulary of tags: the 527 classes of AudioSet, the 70 of AVSBench, or your own list",
    )
    seconds: float = Field(1.0, ge=0.1, le=10, description="length of a window for locating phrases")


class PeAFrameOptions(HubModelOptions):
    """Options of pe-a-frame."""

    model: HubModelName = "facebook/pe-a-frame-base"
    threshold: float = Field(0.3, ge=0, le=1, description="minimum score, 0 to 1, at which a phrase is heard")
    gap: float = Field(0.2, ge=0, description="merge spans separated by less than this many seconds")


CONFIG_FILES = ("config.json", "preprocessor_config.json|processor_config.json")


class Ast(ModelStage["AstModel"], Tagger):
    """Tags audio with the 527 classes of AudioSet, using the Audio Spectrogram Transformer (arXiv 2104.01778)."""

    name = "ast"
    extra = "sound"
    model_types = ("audio-spectrogram-transformer",)
    model_files = (*CONFIG_FILES, "model.safetensors")
    Options = AstOptions
    options: AstOptions

    def load_model(self, folder: Path) -> AstModel:
        """Return the model on the device."""
        from alref_audio._ast import AstModel

        return AstModel(folder, self.options, self.device)

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the tags with the highest scores; a score, 0 to 1, is the maximum over windows. Silence is not a tag."""
        from alref_audio.tags import tag_video

        return tag_video(self.model, video, reference.id, self.options)


class Clap(ModelStage["ClapEncoder"], Tagger, Locator):
    """Tags audio with any labels and locates phrases, using CLAP (arXiv 2211.06687)."""

    model_options = (*ModelStage.model_options, "labels", "negatives")

    name = "clap"
    extra = "sound"
    model_types = ("clap",)
    model_files = (*CONFIG_FILES, "model.safetensors|pytorch_model.bin", "tokenizer.json|vocab.json")
    Options = ClapOptions
    options: ClapOptions

    def load_model(self, folder: Path) -> ClapEncoder:
        """Return the model on the device."""
        from alref_audio._clap import ClapEncoder

        return ClapEncoder(folder, self.options, self.device)

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the labels with the highest scores; a score is the share, 0 to 1, among all labels and the negative texts."""
        from alref_audio.tags import tag_video

        return tag_video(self.model, video, reference.id, self.options)

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the similar parts of the sound track.

        Raises InputError if the file of segments does not name the clip, ConfigError for too many phrases in mode subsets.
        """
        from alref.audio.similarity import locate_phrases

        return locate_phrases(self.model, video, phrases, self.options)

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the equal word of a vocabulary, or else the nearest in meaning."""
        from alref.audio.similarity import match_to_vocabulary

        return match_to_vocabulary(self.model, names, vocabulary)


class PeAFrame(ModelStage["PeAFrameModel"], Locator):
    """Locates phrases with a resolution of 40 ms, using PE-A-Frame (arXiv 2512.19687)."""

    name = "pe-a-frame"
    extra = "sound"
    model_types = ("pe_audio",)
    model_files = (*CONFIG_FILES, "model.safetensors", "tokenizer.json")
    Options = PeAFrameOptions
    options: PeAFrameOptions

    def load_model(self, folder: Path) -> PeAFrameModel:
        """Return the model on the device."""
        from alref_audio._pe_a_frame import PeAFrameModel

        return PeAFrameModel(folder, self.options, self.device)

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the intervals in which each scores above the threshold, independently of the others."""
        from alref_audio.frame_scores import locate_phrases

        return locate_phrases(self.model, video, phrases, self.options)

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the equal word of a vocabulary, or else the nearest in meaning."""
        from alref.audio.similarity import match_to_vocabulary

        return match_to_vocabulary(self.model, names, vocabulary)


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Register the components."""
    return [Ast, Clap, PeAFrame]
