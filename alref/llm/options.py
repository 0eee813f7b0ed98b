"""Options of all reasoners that query a language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from alref.audio.vocabulary import VOCABULARY_NAMES, VocabularyName
from alref.components.base import StageOptions
from alref.errors import ConfigError, suggest_names
from alref.llm.tasks import QuestionTask

if TYPE_CHECKING:
    from alref.llm.messages import Question

MAX_VOTES = 9


class ChatOptions(StageOptions):
    """Options of all language models."""

    prompts: Literal["structured", "paper", "direct"] = Field(
        "structured", description="prompt style: JSON with reasons, as published, or the bare answer"
    )
    prompt_files: dict[QuestionTask, Path] = Field({}, description="custom prompt files by task, such as {box: my-box.txt}")
    vision: bool = Field(True, description="send images; if false, describe frames and candidates in text")
    layout: Literal["sharp", "paper", "frames"] = Field(
        "sharp", description="one sheet with large cells, the published sheet, or one image per frame"
    )
    image_size: int = Field(2048, ge=224, description="longest side of an image in pixels, except in layout paper")
    image_format: Literal["jpeg", "png"] = Field("jpeg", description="format of the images that are sent")
    sampler: Literal["coarse-to-fine", "paper"] = Field(
        "coarse-to-fine",
        description="frames of the whole video, then neighbors of the chosen one; or chunks of 50 frames as published",
    )
    frames: int = Field(9, ge=1, le=64, description="frames per question, except with sampler paper")
    max_questions: int = Field(
        3, ge=1, description="maximum questions per phrase for picking a frame; ignored with sampler paper"
    )
    unreadable: Literal["ask-again", "paper"] = Field(
        "ask-again",
        description="after an answer that cannot be read: ask once more, then use a visible fallback; or the published rule",
    )
    pivot: Literal["chosen", "middle"] = Field(
        "chosen",
        description="start from the frame that the model picks, or from the middle frame; labels of audio are cleaned anyway",
    )
    max_candidates: int = Field(10, ge=1, le=64, description="maximum number of candidates to show, highest score first")
    ask_single: bool | None = Field(
        None, description="query the model even if there is one candidate (default: only with prompts=paper and text)"
    )
    track_frames: int = Field(16, ge=1, le=64, description="order tracks and review: frames per question")
    max_tracks: int = Field(24, ge=1, le=64, description="order tracks: maximum number of tracks per question; more are paged")
    appearance: bool = Field(
        False, description="order tracks: if looks matter, describe each track from a crop before tracks are picked"
    )
    votes: int | tuple[str, ...] = Field(
        1,
        description="order tracks: ask several times with other frames, or ask these models of the server; "
        "where they disagree, one more question decides",
    )
    one_source: bool = Field(False, description="for audio: assume that exactly one object makes the sound")
    vocabulary: VocabularyName | tuple[str, ...] = Field(
        (), description="for audio: preferred names of sounding objects: your own list, avsbench or audioset"
    )
    thinking: bool | None = Field(
        None, description="let the model think before it answers (default: not if JSON is asked for, else as the model does)"
    )
    concurrency: int = Field(8, ge=1, description="concurrent questions")
    answers: Path | None = Field(None, description="file that caches answers (default: in the user's cache folder)")
    replay: Path | None = Field(
        None, description="replay answers from this run folder, trace or store instead of querying a model"
    )

    def choose_thinking(self, question: Question) -> bool | None:
        """Return whether to ask the model to think about a question; None leaves it to the model.

        A thinking model spends its tokens on thoughts, and several servers then return no JSON.
        """
        return False if self.thinking is None and question.answer_schema is not None else self.thinking

    @field_validator("vocabulary", mode="before")
    @classmethod
    def _check_vocabulary(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in VOCABULARY_NAMES:
            raise ValueError(
                f"expected a list of names, or {' or '.join(VOCABULARY_NAMES)}{suggest_names(value, VOCABULARY_NAMES)}"
            )
        return value

    @property
    def voters(self) -> list[str]:
        """The model of each vote, empty for the model of the options."""
        return [""] * self.votes if isinstance(self.votes, int) else list(self.votes)

    @field_validator("votes")
    @classmethod
    def _check_votes(cls, value: int | tuple[str, ...]) -> int | tuple[str, ...]:
        count = value if isinstance(value, int) else len(value)
        if not 1 <= count <= MAX_VOTES or (not isinstance(value, int) and not all(value)):
            raise ValueError(f"expected a number from 1 to {MAX_VOTES}, or as many names of models, got {value!r}")
        return value

    @field_validator("prompt_files")
    @classmethod
    def _check_prompt_files(cls, value: dict[str, Path]) -> dict[str, Path]:
        for task, path in value.items():
            _check_template_file(task, path)
        return value

    @field_validator("replay")
    @classmethod
    def _check_replay(cls, value: Path | None) -> Path | None:
        if value is not None and not value.exists():
            raise ValueError(f"{value}: nothing there to replay; name a run folder, a trace.jsonl or an answer store")
        return value


def _check_template_file(task: str, path: Path) -> None:
    """Raise ValueError, which pydantic collects, when a prompt file cannot be used."""
    from alref.llm.prompt_templates import read_template

    try:
        read_template(task, path)
    except ConfigError as error:
        raise ValueError(str(error)) from None
