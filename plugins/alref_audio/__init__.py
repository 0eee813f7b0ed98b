"""Listeners that install everywhere: AST and CLAP tag sounds, CLAP and PE-A-Frame say when they are heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from alref.audio.options import MatchOptions
from alref.audio.vocabulary import Shipped
from alref.components.base import Locator, Stage, StageOptions, Tagger, Transcriber, Unifier
from alref.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from alref.media.video import Video
    from alref.models.weights import Weights
    from alref.records import Phrase, Reference
    from alref_audio._ast import AstModel
    from alref_audio._clap import ClapEars
    from alref_audio._pe_a_frame import FrameModel


class ListenerOptions(StageOptions):
    """Options of every listener."""

    model: str
    revision: str | None = Field(None, description="branch, tag or commit of the model on the hub; the newest if not given")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="type of the numbers to compute in; auto is bfloat16 where CUDA has it, else float32"
    )


class TagOptions(ListenerOptions):
    """Options of listeners that tag: windows of ten seconds, and which tags are given."""

    top_k: int = Field(5, ge=1, description="most tags, the surest first")
    threshold: float = Field(0.0, ge=0, le=1, description="score under which a tag is not given; 0 gives all of the top_k")
    hop: float = Field(5.0, gt=0, le=10, description="seconds from one window of ten seconds to the next")
    heard: float | None = Field(
        0.5, gt=0, le=1, description="a tag is heard in windows that score this share of its best one; null to leave times out"
    )
    batch: int = Field(4, ge=1, description="windows that are heard in one go")


def _model(name: str) -> Any:
    return Field(name, min_length=1, description="name on the Hugging Face hub, or a folder")


class AstOptions(TagOptions):
    """Options of ast."""

    model: str = _model("MIT/ast-finetuned-audioset-10-10-0.4593")


class ClapOptions(MatchOptions, TagOptions):
    """Options of clap."""

    model: str = _model("laion/clap-htsat-unfused")
    labels: Shipped | tuple[str, ...] = Field(
        "audioset",
        min_length=1,
        description="what tags are chosen from: AudioSet's 527 sounds, AVSBench's 70 objects, or your list",
    )
    seconds: float = Field(1.0, ge=0.1, le=10, description="length of a window in which phrases are looked for")


class PeAFrameOptions(ListenerOptions):
    """Options of pe-a-frame."""

    model: str = _model("facebook/pe-a-frame-base")
    threshold: float = Field(0.3, ge=0, le=1, description="a phrase is heard where it scores more than this, 0 to 1")
    gap: float = Field(0.2, ge=0, description="pauses shorter than so many seconds are bridged")


class Listener(Stage):
    """A model of the hub, or in a folder, that listens."""

    extra = "sound"
    needs = ("torch", "transformers")
    options: ListenerOptions
    kind: ClassVar[str]
    """The value of ``model_type`` in the configurations of models that it runs."""
    files: ClassVar[tuple[str, ...]] = ("model.safetensors",)
    """The files that must come with the model, beside its configurations."""

    def weights(self) -> list[Weights]:
        """Name the one model that the options say."""
        from alref_audio.models import weights

        return [weights(self.options, self.files)]

    def problems(self) -> list[str]:
        """Say what is missing: a library, the model's files, the device, the type of numbers, a model of the right kind."""
        from alref.models import devices
        from alref_audio.models import strange

        computing = [] if self.missing() else devices.problems(self.device, self.options.dtype)
        other = [] if self.missing() else strange(self.weights()[0], self.name, self.kind)
        return super().problems() or computing or [f"{said}: -o KIND.model=NAME" for said in other]

    def fetched(self) -> Path:
        """Return the model's folder. Raises MissingError where it cannot be had, ConfigError where it is of another kind."""
        from alref.errors import ConfigError
        from alref_audio.models import strange

        weights = self.weights()[0]
        folder = weights.fetch()
        if said := strange(weights, self.name, self.kind):
            raise ConfigError(f"{said[0]}: take another model")
        return folder


class Ast(Listener, Tagger):
    """Tags with the sounds of AudioSet's 527 that the Audio Spectrogram Transformer (arXiv 2104.01778) hears."""

    name = "ast"
    kind = "audio-spectrogram-transformer"
    Options = AstOptions
    options: AstOptions
    _loaded: AstModel | None = None

    def load(self) -> None:
        """Bring the model to the device. Raises MissingError or ConfigError when it cannot be used."""
        from alref_audio._ast import AstModel

        self._loaded = AstModel(self.fetched(), self.options, self.device)

    def close(self) -> None:
        """Let go of the model."""
        self._loaded = None

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the surest tags; a tag's score, 0 to 1, is that of the window in which it is surest. Silence is no tag."""
        from alref_audio.tags import tags

        assert self._loaded is not None, "load() comes first"
        return tags(self._loaded, video, reference.id, self.options)


class Clap(Listener, Tagger, Locator):
    """Tags with names of your own, and says when phrases sound, by CLAP (arXiv 2211.06687): it compares sounds with words."""

    name = "clap"
    kind = "clap"
    files = ("model.safetensors|pytorch_model.bin", "tokenizer.json|vocab.json")
    Options = ClapOptions
    options: ClapOptions
    _loaded: ClapEars | None = None

    def load(self) -> None:
        """Bring the model to the device. Raises MissingError or ConfigError when it cannot be used."""
        from alref_audio._clap import ClapEars

        self._loaded = ClapEars(self.fetched(), self.options, self.device)

    def close(self) -> None:
        """Let go of the model and of the labels it has read."""
        self._loaded = None

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the surest of the labels; a score is its share, 0 to 1, among all labels and what stands for nothing."""
        from alref_audio.tags import tags

        assert self._loaded is not None, "load() comes first"
        return tags(self._loaded, video, reference.id, self.options)

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the parts of the sound track that are like them.

        Raises InputError for a clip that the file of segments does not name, ConfigError for too many phrases in mode subsets.
        """
        from alref.audio.similarity import located

        assert self._loaded is not None, "load() comes first"
        return located(self._loaded, video, phrases, self.options)

    def name_as(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the word of a vocabulary that is equal, or else nearest in meaning."""
        from alref.audio.similarity import named

        assert self._loaded is not None, "load() comes first"
        return named(self._loaded, names, vocabulary)


class PeAFrame(Listener, Locator):
    """Says every 40 milliseconds which phrases are heard, by PE-A-Frame (arXiv 2512.19687)."""

    name = "pe-a-frame"
    kind = "pe_audio"
    files = ("model.safetensors", "tokenizer.json")
    Options = PeAFrameOptions
    options: PeAFrameOptions
    _loaded: FrameModel | None = None

    def load(self) -> None:
        """Bring the model to the device. Raises MissingError or ConfigError when it cannot be used."""
        from alref_audio._pe_a_frame import FrameModel

        self._loaded = FrameModel(self.fetched(), self.options, self.device)

    def close(self) -> None:
        """Let go of the model."""
        self._loaded = None

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the phrases with the spans in which each scores more than the threshold, whatever the others do."""
        from alref_audio.frame_scores import located

        assert self._loaded is not None, "load() comes first"
        return located(self._loaded, video, phrases, self.options)

    def name_as(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the word of a vocabulary that is equal, or else nearest in meaning."""
        from alref.audio.similarity import named

        assert self._loaded is not None, "load() comes first"
        return named(self._loaded, names, vocabulary)


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Announce them."""
    return [Ast, Clap, PeAFrame]
