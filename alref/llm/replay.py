"""Replays of runs without a network: each answer comes from a store or from the trace of an earlier run."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import ValidationError

from alref.errors import InputError, MissingError, RecordError
from alref.llm.answer_store import STORE_FILE, AnswerStore
from alref.llm.messages import Answer, Question, QuestionEvent
from alref.records import DecisionSource

TRACE_FILE = "trace.jsonl"


class AnswerReplay:
    """Recorded answers from a store, a trace, or a folder that holds one of them.

    Raises InputError if there is none, or if it cannot be read.
    """

    source: ClassVar[DecisionSource] = "replay"

    def __init__(self, path: Path) -> None:
        self.path = _find_replay_file(path)
        self._trace = None if _is_sqlite_file(self.path) else _read_answers(self.path)
        self._store = AnswerStore(self.path)

    def get(self, key: str, phrase: str = "") -> Answer:
        """Return the answer stored under a key. Raises MissingError that names the key and the phrase."""
        answer = self._store.get(key) if self._trace is None else self._trace.get(key)
        if answer is None:
            raise MissingError(
                f"{self.path}: no answer to the question about {phrase!r} (key {key}); "
                "run with the options and versions of the run to be replayed, or without --replay to ask the model"
            )
        return answer

    def put(self, key: str, question: Question, answer: Answer) -> None:
        """Do nothing, because no model is asked in a replay."""

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def read_trace(path: Path) -> list[QuestionEvent]:
    """Read the questions of a ``trace.jsonl``; a truncated last line is skipped.

    Raises InputError if the file cannot be read or a line is not a question.
    """
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    events = []
    for number, line in enumerate(lines, 1):
        try:
            events.append(QuestionEvent.model_validate_json(line))
        except (ValidationError, RecordError):
            raise InputError(f"{path}, line {number}: expected a question as JSON; remove the line to go on") from None
    return events


def _read_answers(path: Path) -> dict[str, Answer]:
    return {event.key: event.answer for event in read_trace(path) if event.answer is not None}


def _find_replay_file(path: Path) -> Path:
    """Return the file to replay. Raises InputError if there is none."""
    choices = [path / TRACE_FILE, path / STORE_FILE] if path.is_dir() else [path]
    for choice in choices:
        if choice.is_file():
            return choice
    raise InputError(f"{path}: nothing to replay; expected a folder with {TRACE_FILE} or {STORE_FILE}, or one of these files")


def _is_sqlite_file(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"
