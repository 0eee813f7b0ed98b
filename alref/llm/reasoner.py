"""The reasoner that asks a language model: a plugin writes ``chat`` and nothing else."""

from __future__ import annotations

from abc import abstractmethod
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from alref.components.base import Reasoner, StageOptions
from alref.llm.options import ChatOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from alref.llm.conversations import Desk
    from alref.llm.dialogues import Asker
    from alref.llm.messages import Answer, Question
    from alref.llm.replay import Answers
    from alref.media.video import Video
    from alref.records import Candidates, Phrase, PivotBox, PivotFrame


_OPENING = Lock()


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
        from alref.utils.thread_pool import in_threads

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
        from alref.llm.pivot_frames import frames

        return frames(self._asker(video), self._desk(), phrases) if phrases else []

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Ask about all candidates at once; a single one is taken without a question where the options allow it."""
        if not candidates:
            return []
        asker = self._asker(video)
        return self._desk().hold([asker.box(each) for each in candidates])

    def _asker(self, video: Video) -> Asker:
        from alref.llm.dialogues import Asker
        from alref.llm.question_builder import Poser

        return Asker(Poser(video, self.options), self.name, self.tell)

    def _desk(self) -> Desk:
        from alref.llm.conversations import Desk
        from alref.llm.replay import opened

        with _OPENING:
            if self._answers is None:
                self._answers = opened(self.options.answers, self.options.replay)
        return Desk(self.chat_all, self._key, self._answers)

    def _key(self, question: Question) -> str:
        from alref.llm.answer_keys import key

        changing = self.options.model_dump(mode="json", exclude=set(self.neutral))
        return key(self.origin, self.name, changing, self.model_id(), question)
