"""Send the questions of all units in batches of the server, and bring the answers back to the store.

    batches/FILE.json   the questions of one batch, with the ids of its file and, once it was made, of the batch

The file is uploaded and written down before the batch is made from it. After a kill in between, the next process looks at the
server for the batch of this file before it makes one. So nothing is sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from uuid import uuid4

from alref.batch.questions import QUESTIONS, REPLIES, StoredReply, load_question
from alref.batch.unit_store import UnitStore
from alref.config import Configuration
from alref.errors import MissingError
from alref.llm.batch_service import MAX_BYTES, MAX_QUESTIONS, BatchService, BatchState
from alref.llm.messages import Answer, Question
from alref.llm.reasoner import ChatReasoner
from alref.llm.server_errors import ServerError
from alref.llm.shared_limits import sharing_limits
from alref.output.store import StoredObject
from alref.output.stored_tally import StoredTally
from alref.pipeline.engine import Pipeline
from alref.plugins.manager import PluginManager
from alref.records import Record

BATCHES, CLAIM = "batches", "batches"
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between two looks at the server: they double until the longest."""


class SentBatch(Record):
    """One batch: the objects of its questions, the file and the batch at the server, and the dollars that it costs at most."""

    lane: str
    model: str = ""
    questions: tuple[str, ...]
    file_id: str
    batch_id: str = ""
    dollars: float = 0.0


class QuestionBatches:
    """Sends the questions that wait in a store, for the reasoners that use batches. ``report`` gets lines of text."""

    def __init__(self, store: UnitStore, pipeline: Pipeline, report: Callable[[str], object]) -> None:
        self._store, self._objects, self._report = store, store.objects, report
        self._stages = {each.compute_lane(): each for each in list_batch_reasoners(pipeline)}
        self._services: dict[str, BatchService] = {}
        self._next, self._wait = 0.0, FIRST_WAIT

    def look_soon(self) -> None:
        """Let the next look at the server be due now, because there are new questions."""
        self._next, self._wait = 0.0, FIRST_WAIT

    def list_waiting_keys(self) -> set[str] | None:
        """Send what waits, collect what has ended, and return the keys of the questions that wait still; None before it is due.

        Call it when no unit is under way, so that one batch has the questions of all. Raises MissingError or ConfigError.
        """
        if monotonic() < self._next:
            return None
        if self._store.claim(CLAIM):  # else another process does it
            try:
                self._exchange()
            except ServerError as failure:
                self._report(f"the server gave no answer ({failure.said}); it is asked again in {self._wait:.0f} s")
            finally:
                self._store.release(CLAIM)
        self._next, self._wait = monotonic() + self._wait, min(2 * self._wait, LONGEST_WAIT)
        return {get_key(each.name) for each in self._objects.list_objects(QUESTIONS)}

    def close(self) -> None:
        """Close the connections."""
        for lane in self._services:
            self._stages[lane].close()
        self._services.clear()

    def _exchange(self) -> None:
        sent = dict(self._read_batches())
        for name, batch in sent.items():
            if batch.lane in self._stages:
                self._follow_batch(name, batch)
        for lane, names in self._group_waiting({each for batch in sent.values() for each in batch.questions}):
            self._send_questions(lane, names)

    def _read_batches(self) -> Iterator[tuple[str, SentBatch]]:
        for each in self._objects.list_objects(BATCHES):
            if data := self._objects.read_bytes(f"{BATCHES}/{each.name}"):
                yield each.name, SentBatch.model_validate_json(data)

    def _group_waiting(self, sent: set[str]) -> Iterator[tuple[str, list[str]]]:
        """Yield the lane and the questions of each batch to be sent; one that has a reply already is removed."""
        replied = {each.name.removesuffix(".json") for each in self._objects.list_objects(REPLIES)}
        waiting = sorted(self._objects.list_objects(QUESTIONS), key=lambda each: each.name)
        for each in waiting:
            if get_key(each.name) in replied:
                self._objects.remove(f"{QUESTIONS}/{each.name}")
        unsent = [each for each in waiting if each.name not in sent and get_key(each.name) not in replied]
        for group, listed in groupby(unsent, key=lambda each: each.name.rpartition("-")[0]):
            lane = group.partition("-")[0]
            if lane in self._stages:
                yield from ((lane, names) for names in split_questions(list(listed)))

    def _send_questions(self, lane: str, names: list[str]) -> None:
        service, models = self._open_service(lane), set()

        def read_questions() -> Iterator[tuple[str, Question]]:
            for name in names:
                if data := self._objects.read_bytes(f"{QUESTIONS}/{name}"):
                    question = load_question(data)
                    models.add(question.model)
                    yield get_key(name), question

        with TemporaryDirectory(prefix="alref-questions-") as folder:
            file_id, dollars = service.upload_questions(read_questions(), Path(folder))
        name = f"{uuid4().hex}.json"
        batch = SentBatch(lane=lane, model="".join(models), questions=tuple(names), file_id=file_id, dollars=dollars)
        self._write_batch(name, batch)
        self._make_batch(name, batch, service.create_batch(file_id))

    def _make_batch(self, name: str, batch: SentBatch, batch_id: str) -> SentBatch:
        batch = batch.model_copy(update={"batch_id": batch_id})
        self._write_batch(name, batch)
        self._report(
            f"{batch_id}: {len(batch.questions)} questions are sent; stop, and run the same command again, at any time"
        )
        return batch

    def _write_batch(self, name: str, batch: SentBatch) -> None:
        self._objects.write_bytes(f"{BATCHES}/{name}", batch.model_dump_json().encode())

    def _follow_batch(self, name: str, batch: SentBatch) -> None:
        """Look at a batch: make it if that was interrupted, and collect its answers if it has ended."""
        service = self._open_service(batch.lane)
        if not batch.batch_id:
            batch_id = service.find_batch(batch.file_id) or service.create_batch(batch.file_id)
            batch = self._make_batch(name, batch, batch_id)
        state = service.read_state(batch.batch_id)
        if state.kind == "running":
            self._report(f"{batch.batch_id}: {state.answered} of {len(batch.questions)} questions are answered")
            return
        if state.kind == "failed":
            self._objects.remove(f"{BATCHES}/{name}")
            service.correct_cost(-batch.dollars)
            raise MissingError(
                f"{batch.batch_id}: the server refuses the batch ({state.reason}); run the same again when it may"
            )
        self._collect_answers(name, batch, state, service)

    def _collect_answers(self, name: str, batch: SentBatch, state: BatchState, service: BatchService) -> None:
        """Write the replies of a batch. Questions without one have failed; those to be asked again stay where they are."""
        there = {each.name for each in self._objects.list_objects(QUESTIONS)}
        left = {get_key(each): each for each in batch.questions if each in there}
        cost, errors = 0.0, 0
        for key, found in service.read_replies(batch.batch_id, batch.model):
            cost += (found.cost or 0.0) if isinstance(found, Answer) else 0.0
            errors += isinstance(found, str)
            if (question := left.pop(key, "")) and found is not None:
                self._write_reply(key, question, found)
        for key, question in left.items():
            self._write_reply(key, question, state.reason)
        self._objects.remove(f"{BATCHES}/{name}")
        service.correct_cost(cost - batch.dollars)
        service.remove_files(batch.batch_id)
        lost = errors + len(left)
        self._report(f"{batch.batch_id}: {len(batch.questions) - lost} answers are here" + f", {lost} failed" * (lost > 0))

    def _write_reply(self, key: str, question: str, found: Answer | str) -> None:
        reply = StoredReply(error=found) if isinstance(found, str) else StoredReply(answer=found)
        self._objects.write_bytes(f"{REPLIES}/{key}.json", reply.model_dump_json().encode())
        self._objects.remove(f"{QUESTIONS}/{question}")

    def _open_service(self, lane: str) -> BatchService:
        """Return the Batch API of a lane; connect on the first call."""
        if lane not in self._services:
            stage = self._stages[lane]
            with sharing_limits(partial(StoredTally, self._objects)):
                stage.load()
            self._services[lane] = stage.open_batches()
        return self._services[lane]


def list_batch_reasoners(pipeline: Pipeline) -> list[ChatReasoner]:
    """Return the reasoners of a pipeline whose questions are sent in batches."""
    return [stage for stage in pipeline.stages if isinstance(stage, ChatReasoner) and stage.uses_batches]


def open_question_batches(
    config: Configuration, plugins: PluginManager, store: UnitStore, report: Callable[[str], object]
) -> QuestionBatches | None:
    """Return what sends the questions of a batch of videos, None if no reasoner uses batches."""
    pipeline = Pipeline.from_config(config, plugins)
    return QuestionBatches(store, pipeline, report) if list_batch_reasoners(pipeline) else None


def get_key(name: str) -> str:
    """Return the key of a question from the name of its object."""
    return name.removesuffix(".json").rpartition("-")[2]


def split_questions(listed: Sequence[StoredObject]) -> Iterator[list[str]]:
    """Yield the names of questions in parts that one batch may have."""
    names: list[str] = []
    size = 0
    for each in listed:
        if names and (len(names) == MAX_QUESTIONS or size + each.size > MAX_BYTES):
            yield names
            names, size = [], 0
        names.append(each.name)
        size += each.size
    if names:
        yield names
