"""Audio tags by BEATs, the tagger of AL-Ref-SAM 2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, field_validator, model_validator

from alref import AlrefError, Locator, ModelStage, Problem, StageOptions, Tagger, Transcriber, Unifier, hookimpl

if TYPE_CHECKING:
    from alref import Phrase, Reference, Video, Weights
    from alref_beats._runtime import BeatsEnsemble

AS2M, AS20K = "as2m", "as20k"
SHA256 = {
    "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt": "e5815275a04b6885e7b8af63d120b29bffae2cd2225cf4915e1ec6d819d3022c",
    "BEATs_iter3_plus_AS20K_finetuned_on_AS2M_cpt2.pt": "6d28b32bfa7bcaaf84ab834186581c2a360c6669e372e808d054cf0ef4d5c2d2",
}
"""Digests of the two checkpoints that AL-Ref-SAM 2 uses, by their published file names."""
NAME, AS20K_NAME = SHA256
URL = f"https://huggingface.co/THUdyh/Ola_speech_encoders/resolve/main/{NAME}"
SIZE = 363_145_291
PAGE = "https://github.com/microsoft/unilm/tree/master/beats"


class BeatsOptions(StageOptions):
    """Options of beats."""

    checkpoints: tuple[str, ...] = Field(
        (AS2M,),
        min_length=1,
        description="fine-tuned checkpoints whose tags are merged: as2m, as20k, or original files (.pt)",
    )
    top_k: int = Field(5, ge=1, description="maximum number of tags per checkpoint, best first")
    threshold: float = Field(0.0, ge=0, le=1, description="minimum score of a tag; 0 returns all of the top_k")
    window: float = Field(10.0, ge=0.2, le=100, description="length of a window in seconds; shorter audio is one window")
    hop: float = Field(5.0, gt=0, description="seconds between the starts of windows, at most window")
    relative_threshold: float | None = Field(
        0.5,
        gt=0,
        le=1,
        description="a tag is active in seconds that score at least this share of its best score; null returns no times",
    )
    batch_size: int = Field(4, ge=1, description="windows per batch")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="compute dtype; auto is bfloat16 on CUDA devices that support it, else float32"
    )

    @field_validator("checkpoints", mode="before")
    @classmethod
    def _wrap_string(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_hop(self) -> Self:
        if self.hop > self.window:
            raise ValueError(f"hop: expected at most window, {self.window:g} seconds, got {self.hop:g}")
        return self


class Beats(ModelStage["BeatsEnsemble"], Tagger):
    """Tags audio with the 527 classes of AudioSet, using BEATs (arXiv 2212.09058)."""

    name = "beats"
    extra = "sound"
    Options = BeatsOptions
    options: BeatsOptions

    def weights(self) -> list[Weights]:
        """List the checkpoints, of which ``as2m`` can be downloaded; a browser can get ``as20k`` for the folder of weights."""
        return [_describe_weights(given) for given in self.options.checkpoints]

    def problems(self) -> list[Problem]:
        """Return also problems of missing checkpoints, with the page that provides them, and of wrong ones."""
        return super().problems() or self._find_wrong_checkpoints()

    def load_model(self, folder: Path) -> BeatsEnsemble:
        """Return the networks of all checkpoints, of which ``folder`` is the first."""
        from alref_beats._runtime import BeatsEnsemble

        others = [Path(weights.get_source()) for weights in self.weights()[1:]]
        return BeatsEnsemble([folder, *others], self.options, self.device)

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the tags of all checkpoints, highest score first, with the intervals in which each is heard.

        The score of a tag is its maximum over windows, so that a short sound in a long video counts.
        """
        from alref import Phrase
        from alref.audio.windows import cut_windows
        from alref_beats.spectrogram import SAMPLE_RATE
        from alref_beats.tag_scores import TagScores

        listener, options = self.model, self.options
        tally = TagScores(listener.step)
        for window, logits in listener.compute_logits(
            cut_windows(video.read_audio_blocks(SAMPLE_RATE), options.window, options.hop)
        ):
            tally.add_window(window, logits)
        return [
            Phrase(
                reference=reference.id,
                text=listener.class_names[number],
                score=score,
                sound=True,
                heard=tally.find_active_spans(number, options.relative_threshold) if options.relative_threshold else None,
            )
            for number, score in tally.rank_classes(options.top_k, options.threshold, listener.silence_index)
        ]

    def _find_wrong_checkpoints(self) -> list[Problem]:
        from alref_beats._checkpoint import read_checkpoint

        problems = []
        for path in filter(None, (weights.find_complete_path() for weights in self.weights())):
            try:
                read_checkpoint(path)
            except AlrefError as error:
                problems += error.problems
        return problems


def _describe_weights(checkpoint: str) -> Weights:
    from alref import Weights
    from alref.models import download

    if checkpoint == AS2M:
        return Weights(AS2M, "checkpoints", urls={AS2M: URL}, sha256=SHA256, size=SIZE, license="MIT", files=(NAME,))
    place = download.get_weights_folder() / AS20K_NAME if checkpoint == AS20K else Path(checkpoint).expanduser()
    manual = f"download {place.name} from {PAGE} (in a browser) and put it into {place.parent.absolute()}"
    return Weights(str(place), "checkpoints", files=(place.name,), sha256=SHA256, license="MIT", manual=manual)


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Register the component."""
    return [Beats]
