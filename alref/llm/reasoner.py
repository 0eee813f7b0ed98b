"""The reasoner that asks a language model: a plugin implements only ``chat``."""

from __future__ import annotations

from abc import abstractmethod
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from alref.components.base import Reasoner, Reviewer, StageOptions, TrackReasoner
from alref.errors import ConfigError
from alref.llm.options import ChatOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from alref.llm.batch_service import BatchService
    from alref.llm.conversations import AnswerSource, ChatFunction, ConversationRunner, StoreAnswer
    from alref.llm.dialogues import DialogueBuilder
    from alref.llm.messages import Answer, Question, QuestionSlot
    from alref.llm.question_queue import QuestionQueue
    from alref.llm.review_dialogues import ReviewDialogueBuilder
    from alref.llm.track_dialogues import TrackDialogueBuilder
    from alref.llm.track_questions import Appearances
    from alref.media.video import Video
    from alref.records import (
        BehaviorReview,
        Candidates,
        Concept,
        ExistenceAudit,
        MaskReview,
        Phrase,
        PivotBox,
        PivotFrame,
        Track,
        TrackCandidates,
        TrackChoice,
    )


_OPEN_LOCK = Lock()


class ChatReasoner(Reasoner, TrackReasoner, Reviewer):
    """Asks a language model for the pivot frame and the pivot box, which tracks are meant, and whether masks are right.

    A subclass implements ``chat``; one that answers several questions at once may override ``chat_all``. ``neutral_options``
    names the options that do not change an answer; the other options, the model and the question form the key of an answer.
    """

    Options: ClassVar[type[StageOptions]] = ChatOptions
    options: ChatOptions
    resource_options = frozenset(
        {
            *("concurrency", "answers", "timeout", "retries", "requests_per_minute", "tokens_per_minute"),
            *("max_cost", "input_price", "output_price", "key_variable", "batch"),
        }
    )
    neutral_options: ClassVar[frozenset[str]] = frozenset(ChatOptions.model_fields) - {"thinking"}
    _answers: AnswerSource | None = None
    _queue: QuestionQueue | None = None

    @abstractmethod
    def chat(self, question: Question) -> Answer:
        """Ask one question and return the answer. Called from several threads at once. Raises an AlrefError."""

    def chat_all(self, questions: Sequence[Question], store_answer: StoreAnswer) -> Iterator[tuple[int, Answer]]:
        """Ask several questions, ``concurrency`` at once, and yield (index, answer) as they arrive.

        ``store_answer(index, answer)`` may be called from any thread as soon as an answer arrives, before the next question is
        asked; otherwise an answer is stored when it is yielded. After an error no further question is asked; pending answers
        are awaited, then the error is raised.
        """
        from alref.utils.thread_pool import run_in_threads

        def ask_and_store(number: int) -> Answer:
            answer = self.chat(questions[number])
            store_answer(number, answer)
            return answer

        return run_in_threads(ask_and_store, range(len(questions)), self.options.concurrency)

    def get_model_id(self) -> str:
        """Return the requested model, which is part of the key of an answer."""
        return str(getattr(self.options, "model", ""))

    def compute_cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return the cost in dollars of these tokens. Default: None, the price is not known."""
        return None

    def list_input_files(self) -> list[Path]:
        """List the user's prompt files and the files that answers are replayed from."""
        return [*self.options.prompt_files.values(), *filter(None, [self.options.replay])]

    def share_answers(self, answers: AnswerSource) -> None:
        """Look up and store answers in ``answers``, unless an option names another store or a replay."""
        if self.options.answers is None and self.options.replay is None:
            self._answers = answers

    @property
    def uses_batches(self) -> bool:
        """Whether its questions are to be sent in batches of the server."""
        return bool(getattr(self.options, "batch", False)) and self.options.replay is None

    def share_questions(self, queue: QuestionQueue) -> None:
        """Put questions into ``queue`` instead of asking them, and read the replies there."""
        self._queue = queue

    def open_batches(self) -> BatchService:
        """Return the Batch API of the server, after ``load``. Raises ConfigError if it has none."""
        raise ConfigError(f"batch: {self.name} has no batches")

    def compute_lane(self) -> str:
        """Return a digest of what its answers depend on besides model and question, 8 hexadecimal digits."""
        from alref.llm.answer_store import compute_answer_key
        from alref.llm.messages import Question

        return compute_answer_key(self.origin, self.name, self._list_changing_options(), "", Question(messages=(), topic=""))[
            :8
        ]

    def close(self) -> None:
        """Close the answer store."""
        if self._answers is not None:
            self._answers.close()
            self._answers = None

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Ask about all phrases at once; labels of one sound reference are cleaned in one question."""
        from alref.llm.dialogues import select_answered

        builder = self._make_dialogues(video)
        dialogues = list(builder.ask_for_pivots(phrases))
        found: dict[Phrase | str, list[PivotFrame]] = {}
        for (owner, _), pivots in zip(dialogues, builder.runner.run([dialogue for _, dialogue in dialogues]), strict=True):
            found.setdefault(owner, []).extend(pivots)
        selected = [pivots if isinstance(owner, str) else select_answered(pivots) for owner, pivots in found.items()]
        return [pivot for pivots in selected for pivot in pivots]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Ask about all candidates at once; a single candidate is taken without a question if the options allow it."""
        builder = self._make_dialogues(video)
        return builder.runner.run([builder.ask_for_box(boxes) for boxes in candidates])

    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        """Take a plain noun of the words without a question; ask about other phrases, and about nouns that failed."""
        from alref.llm.track_selection import find_concepts

        return find_concepts(self._make_track_dialogues(video), self._make_dialogues(video, "selector"), phrases, failed)

    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        """Show the tracks of each phrase on frames on which they exist, and ask for a choice about every one."""
        from alref.llm.track_selection import choose_tracks

        looks: Appearances = video.remember((self, "appearances"), dict)
        return choose_tracks(self._make_track_dialogues(video, looks), candidates)

    def audit_existence(self, video: Video, candidates: list[TrackCandidates]) -> list[ExistenceAudit]:
        """Ask whether anything in the video contradicts each phrase."""
        from alref.llm.track_selection import audit_phrases

        return audit_phrases(self._make_track_dialogues(video), candidates)

    def review_masks(self, video: Video, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
        """Show each track outlined on its frames, and ask on which of them the outline is on the object."""
        builder = self._make_review_dialogues(video)
        return builder.runner.run([builder.ask_about_masks(*shown) for shown in zip(tracks, frames, strict=True)])

    def review_behavior(self, video: Video, tracks: list[Track]) -> list[BehaviorReview]:
        """Ask about those tracks whose words name a direction, a negation or an order."""
        builder = self._make_review_dialogues(video)
        return builder.runner.run([builder.ask_about_behavior(track) for track in tracks])

    def _make_dialogues(self, video: Video, slot: QuestionSlot = "temporal") -> DialogueBuilder:
        from alref.llm.dialogues import DialogueBuilder
        from alref.llm.question_builder import QuestionBuilder

        return DialogueBuilder(QuestionBuilder(video, self.options), self._make_runner(), slot)

    def _make_track_dialogues(self, video: Video, looks: Appearances | None = None) -> TrackDialogueBuilder:
        from alref.llm.track_dialogues import TrackDialogueBuilder
        from alref.llm.track_questions import TrackQuestionBuilder

        builder = TrackQuestionBuilder(video, self.options, {} if looks is None else looks)
        return TrackDialogueBuilder(builder, self._make_runner())

    def _make_review_dialogues(self, video: Video) -> ReviewDialogueBuilder:
        from alref.llm.review_dialogues import ReviewDialogueBuilder
        from alref.llm.track_questions import TrackQuestionBuilder

        return ReviewDialogueBuilder(TrackQuestionBuilder(video, self.options), self._make_runner())

    def _make_runner(self) -> ConversationRunner:
        """Return what asks questions; open the answer source on the first call."""
        from alref.llm.answer_store import AnswerStore, get_default_path
        from alref.llm.conversations import ConversationRunner
        from alref.llm.replay import AnswerReplay

        options = self.options
        with _OPEN_LOCK:
            if self._answers is None:
                path = options.answers or get_default_path()
                self._answers = AnswerReplay(options.replay) if options.replay else AnswerStore(path)
        answers: AnswerSource = self._answers
        chat: ChatFunction = self.chat_all
        if self._queue is not None:
            from alref.llm.question_queue import QueuedAnswers

            answers = queued = QueuedAnswers(self._queue, self._answers, self._compute_key)
            chat = queued.chat
        return ConversationRunner(chat, self._compute_key, answers, self.name, self.notify, options.unreadable)

    def _compute_key(self, question: Question) -> str:
        from alref.llm.answer_store import compute_answer_key

        model = question.model or self.get_model_id()
        return compute_answer_key(self.origin, self.name, self._list_changing_options(), model, question)

    def _list_changing_options(self) -> dict[str, Any]:
        return self.options.model_dump(mode="json", exclude=set(self.neutral_options))
