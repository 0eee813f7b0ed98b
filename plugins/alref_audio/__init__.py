"""Listeners that install everywhere: AST and CLAP tag sounds, CLAP and PE-A-Frame say when they are heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from alref.audio.options import SimilarityOptions
from alref.audio.vocabulary import VocabularyName
from alref.components.base import Locator, Stage, StageOptions, Tagger, Transcriber, Unifier
from alref.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from alref.errors import Problem
    from alref.media.video import Video
    from alref.models.weights import Weights
    from alref.records import Phrase, Reference
    from alref_audio._ast import AstModel
    from alref_audio._clap import ClapEncoder
    from alref_audio._pe_a_frame import PeAFrameModel


class AudioModelOptions(StageOptions):
    """Options of every listener."""

    model: str
    revision: str | None = Field(None, description="branch, tag or commit of the model on the hub; the newest if not given")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="type of the numbers to compute in; auto is bfloat16 where CUDA has it, else float32"
    )


class TagOptions(AudioModelOptions):
    """Options of listeners that tag: windows of ten seconds, and which tags are given."""

    top_k: int = Field(5, ge=1, description="most tags, the surest first")
    threshold: float = Field(0.0, ge=0, le=1, description="score under which a tag is not given; 0 gives all of the top_k")
    hop: float = Field(5.0, gt=0, le=10, description="seconds from one window of ten seconds to the next")
    relative_threshold: float | None = Field(
        0.5,
        gt=0,
        le=1,
        description="a tag is active in windows that score at least this share of its best score; null gives no times",
    )
    batch_size: int = Field(4, ge=1, description="windows per batch")


def _make_model_field(name: str) -> Any:
    return Field(name, min_length=1, description="name on the Hugging Face hub, or a folder")


class AstOptions(TagOptions):
    """Options of ast."""

    model: str = _make_model_field("MIT/ast-finetuned-audioset-10-10-0.4593")


class ClapOptions(SimilarityOptions, TagOptions):
    """Options of clap."""

    model: str = _make_model_field("laion/clap-htsat-unfused")
    labels: VocabularyName | tuple[str, ...] = Field(
        "audioset",
        min_length=1,
        description="what tags are chosen from: AudioSet's 527 sounds, AVSBench's 70 objects, or your list",
    )
    seconds: float = Field(1.0, ge=0.1, le=10, description="length of a window in which phrases are looked for")


class PeAFrameOptions(AudioModelOptions):
    """Options of pe-a-frame."""

    model: str = _make_model_field("facebook/pe-a-frame-base")
    threshold: float = Field(0.3, ge=0, le=1, description="a phrase is heard where it scores more than this, 0 to 1")
    gap: float = Field(0.2, ge=0, description="pauses shorter than so many seconds are bridged")


class AudioModelStage(Stage):
    """A model of the hub, or in a folder, that listens."""

    extra = "sound"
    needs = ("torch", "transformers")
    options: AudioModelOptions
    model_type: ClassVar[str]
    """The value of ``model_type`` in the configurations of models that it runs."""
    model_files: ClassVar[tuple[str, ...]] = ("model.safetensors",)
    """The files that must come with the model, beside its configurations."""

    def weights(self) -> list[Weights]:
        """Name the one model that the options say."""
        from alref_audio.models import describe_weights

        return [describe_weights(self.options, self.model_files)]

    def problems(self) -> list[Problem]:
        """Say what is missing: a library, the model's files, the device, the type of numbers, a model of the right kind."""
        from alref.models import devices
        from alref_audio.models import find_model_type_problems

        computing = [] if self.find_missing_libraries() else devices.find_device_problems(self.device, self.options.dtype)
        other = [] if self.find_missing_libraries() else find_model_type_problems(self.weights()[0], self.name, self.model_type)
        return super().problems() or computing or other

    def fetch_folder(self) -> Path:
        """Return the model's folder. Raises MissingError where it cannot be had, ConfigError where it is of another kind."""
        from alref.errors import ConfigError
        from alref_audio.models import find_model_type_problems

        weights = self.weights()[0]
        folder = weights.fetch_files()
        if said := find_model_type_problems(weights, self.name, self.model_type):
            raise ConfigError(*(problem.assign_slot(self.slot) for problem in said))
        return folder


class Ast(AudioModelStage, Tagger):
    """Tags with the sounds of AudioSet's 527 that the Audio Spectrogram Transformer (arXiv 2104.01778) hears."""

    name = "ast"
    model_type = "audio-spectrogram-transformer"
    Options = AstOptions
    options: AstOptions
    _model: AstModel | None = None

    def load(self) -> None:
        """Bring the model to the device. Raises MissingError or ConfigError when it cannot be used."""
        from alref_audio._ast import AstModel

        self._model = AstModel(self.fetch_folder(), self.options, self.device)

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the surest tags; a tag's score, 0 to 1, is that of the window in which it is surest. Silence is no tag."""
        from alref_audio.tags import tag_video

        assert self._model is not None, "load() comes first"
        return tag_video(self._model, video, reference.id, self.options)


class Clap(AudioModelStage, Tagger, Locator):
    """Tags with names of your own, and says when phrases sound, by CLAP (arXiv 2211.06687): it compares sounds with words."""

    name = "clap"
    model_type = "clap"
    model_files = ("model.safetensors|pytorch_model.bin", "tokenizer.json|vocab.json")
    Options = ClapOptions
    options: ClapOptions
    _model: ClapEncoder | None = None

    def load(self) -> None:
        """Bring the model to the device. Raises MissingError or ConfigError when it cannot be used."""
        from alref_audio._clap import ClapEncoder

        self._model = ClapEncoder(self.fetch_folder(), self.options, self.device)

    def close(self) -> None:
        """Let go of the model and of the labels it has read."""
        self._model = None

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the surest of the labels; a score is its share, 0 to 1, among all labels and what stands for nothing."""
        from alref_audio.tags import tag_video

        assert self._model is not None, "load() comes first"
        return tag_video(self._model, video, reference.id, self.options)

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the parts of the sound track that are like them.

        Raises InputError for a clip that the file of segments does not name, ConfigError for too many phrases in mode subsets.
        """
        from alref.audio.similarity import locate_phrases

        assert self._model is not None, "load() comes first"
        return locate_phrases(self._model, video, phrases, self.options)

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the word of a vocabulary that is equal, or else nearest in meaning."""
        from alref.audio.similarity import match_to_vocabulary

        assert self._model is not None, "load() comes first"
        return match_to_vocabulary(self._model, names, vocabulary)


class PeAFrame(AudioModelStage, Locator):
    """Says every 40 milliseconds which phrases are heard, by PE-A-Frame (arXiv 2512.19687)."""

    name = "pe-a-frame"
    model_type = "pe_audio"
    model_files = ("model.safetensors", "tokenizer.json")
    Options = PeAFrameOptions
    options: PeAFrameOptions
    _model: PeAFrameModel | None = None

    def load(self) -> None:
        """Bring the model to the device. Raises MissingError or ConfigError when it cannot be used."""
        from alref_audio._pe_a_frame import PeAFrameModel

        self._model = PeAFrameModel(self.fetch_folder(), self.options, self.device)

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the spans in which each scores more than the threshold, whatever the others do."""
        from alref_audio.frame_scores import locate_phrases

        assert self._model is not None, "load() comes first"
        return locate_phrases(self._model, video, phrases, self.options)

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the word of a vocabulary that is equal, or else nearest in meaning."""
        from alref.audio.similarity import match_to_vocabulary

        assert self._model is not None, "load() comes first"
        return match_to_vocabulary(self._model, names, vocabulary)


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Announce them."""
    return [Ast, Clap, PeAFrame]
