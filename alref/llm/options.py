"""Options of every reasoner that asks a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from alref.audio.vocabulary import VOCABULARY_NAMES, VocabularyName
from alref.components.base import StageOptions
from alref.errors import ConfigError, suggest_names


class ChatOptions(StageOptions):
    """Options of every language model."""

    prompts: Literal["structured", "paper", "direct"] = Field(
        "structured", description="questions that ask for JSON with reasons, as published, or for the bare answer"
    )
    prompt_files: dict[Literal["frame_text", "frame_sound", "box"], Path] = Field(
        {}, description="prompt files of your own by task, for example {box: my-box.txt}"
    )
    vision: bool = Field(True, description="show pictures; without, frames and candidates are described in words")
    layout: Literal["sharp", "paper", "frames"] = Field(
        "sharp", description="one sheet with large cells, the published sheet, or each frame a picture of its own"
    )
    image_size: int = Field(2048, ge=224, description="longest side in pixels of a picture, except in layout paper")
    image_format: Literal["jpeg", "png"] = Field("jpeg", description="how pictures are sent")
    sampler: Literal["coarse-to-fine", "paper"] = Field(
        "coarse-to-fine", description="frames of the whole video, then closer ones; or chunks of 50 frames as published"
    )
    frames: int = Field(9, ge=1, le=64, description="frames shown in one question, except by sampler paper")
    max_questions: int = Field(
        3, ge=1, description="most questions about the frame of one phrase, whatever the length; not with sampler paper"
    )
    max_candidates: int = Field(10, ge=1, le=64, description="most candidates shown, the best-scored ones")
    ask_single: bool | None = Field(
        None, description="ask even about a single candidate; by default only prompts paper does, for a text reference"
    )
    one_source: bool = Field(False, description="sound: exactly one object makes it")
    vocabulary: VocabularyName | tuple[str, ...] = Field(
        (), description="sound: names to be preferred for what makes it, a list of your own, avsbench or audioset"
    )
    concurrency: int = Field(8, ge=1, description="questions that wait for an answer at once")
    answers: Path | None = Field(None, description="file that keeps answers; the user's own if not given")
    replay: Path | None = Field(None, description="ask no model: take all answers from this run folder, trace or store")

    @field_validator("vocabulary", mode="before")
    @classmethod
    def _check_vocabulary(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in VOCABULARY_NAMES:
            raise ValueError(
                f"expected a list of names, or {' or '.join(VOCABULARY_NAMES)}{suggest_names(value, VOCABULARY_NAMES)}"
            )
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
