"""The reasoner that asks a language model: a plugin writes ``chat`` and nothing else."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from alref.errors import ConfigError, nearest
from alref.hearing.vocabulary import SHIPPED, Shipped
from alref.stages import Reasoner, StageOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alref.answers import Answers
    from alref.chat.dialogues import Asker
    from alref.chat.exchange import Desk
    from alref.chat.messages import Answer, Question
    from alref.records import Candidates, Phrase, PivotBox, PivotFrame
    from alref.video import Video


_OPENING = Lock()


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
    vocabulary: Shipped | tuple[str, ...] = Field(
        (), description="sound: names to be preferred for what makes it, a list of your own, avsbench or audioset"
    )
    concurrency: int = Field(8, ge=1, description="questions that wait for an answer at once")
    answers: Path | None = Field(None, description="file that keeps answers; the user's own if not given")
    replay: Path | None = Field(None, description="ask no model: take all answers from this run folder, trace or store")

    @field_validator("vocabulary", mode="before")
    @classmethod
    def _is_known(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in SHIPPED:
            raise ValueError(f"expected a list of names, or {' or '.join(SHIPPED)}{nearest(value, SHIPPED)}")
        return value

    @field_validator("prompt_files")
    @classmethod
    def _can_be_used(cls, value: dict[str, Path]) -> dict[str, Path]:
        for task, path in value.items():
            _check_prompt(task, path)
        return value

    @field_validator("replay")
    @classmethod
    def _is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.exists():
            raise ValueError(f"{value}: nothing there to replay; name a run folder, a trace.jsonl or an answer store")
        return value


def _check_prompt(task: str, path: Path) -> None:
    """Raise ValueError, which pydantic collects, when a prompt file cannot be used."""
    from alref.chat.questions import read_prompt

    try:
        read_prompt(task, path)
    except ConfigError as error:
        raise ValueError(str(error)) from None


class ChatReasoner(Reasoner):
    """Asks a language model for the pivot frame and the pivot box.

    A subclass writes ``chat``; one that answers several questions at once may override ``chat_all``. Names of options that do
    not change what a model says go into ``neutral``: answers are kept under the others, the model and the whole question.
    """

    Options: ClassVar[type[StageOptions]] = ChatOptions
    options: ChatOptions
    neutral: ClassVar[frozenset[str]] = frozenset(ChatOptions.model_fields)
    _answers: Answers | None = None

    @abstractmethod
    def chat(self, question: Question) -> Answer:
        """Ask one question and return the answer. Called from several threads at once. Raises an AlrefError."""

    def chat_all(self, questions: Sequence[Question]) -> Iterator[tuple[int, Answer]]:
        """Ask several questions and yield (index, answer) as they come, ``concurrency`` at once.

        Each answer is kept before the next question is asked. After an error no further question is asked; answers on their
        way are waited for, then the error is raised.
        """
        from alref.chat.pool import in_threads

        return in_threads(self._chat_and_keep, questions, self.options.concurrency)

    def _chat_and_keep(self, question: Question) -> Answer:
        answer = self.chat(question)
        if self._answers is not None:
            self._answers.put(self._key(question), question, answer)
        return answer

    def model_id(self) -> str:
        """Return the model as it is asked for: part of what answers are kept under."""
        return str(getattr(self.options, "model", ""))

    def price(self, sent: int, answered: int) -> float | None:
        """Return the dollars of so many tokens sent and answered. Default: None, no price is known."""
        return None

    def reads(self) -> list[Path]:
        """List the prompt files of one's own, and what answers are replayed from."""
        return [*self.options.prompt_files.values(), *filter(None, [self.options.replay])]

    def close(self) -> None:
        """Close the answer store."""
        if self._answers is not None:
            self._answers.close()
            self._answers = None

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Ask about all phrases at once; labels of one sound reference are cleaned in one question."""
        from alref.chat.temporal import frames

        return frames(self._asker(video), self._desk(), phrases) if phrases else []

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Ask about all candidates at once; a single one is taken without a question where the options allow it."""
        if not candidates:
            return []
        asker = self._asker(video)
        return self._desk().hold([asker.box(each) for each in candidates])

    def _asker(self, video: Video) -> Asker:
        from alref.chat.dialogues import Asker
        from alref.chat.posing import Poser

        return Asker(Poser(video, self.options), self.name, self.tell)

    def _desk(self) -> Desk:
        from alref.answers import opened
        from alref.chat.exchange import Desk

        with _OPENING:
            if self._answers is None:
                self._answers = opened(self.options.answers, self.options.replay)
        return Desk(self.chat_all, self._key, self._answers)

    def _key(self, question: Question) -> str:
        from alref.answers import key

        changing = self.options.model_dump(mode="json", exclude=set(self.neutral))
        return key(self.origin, self.name, changing, self.model_id(), question)
