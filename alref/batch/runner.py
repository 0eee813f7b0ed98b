"""Run a batch: skip the units that are done or claimed, give the others to a runner, and record what became of each row."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from alref.batch.question_batches import QuestionBatches
from alref.batch.source import BatchRow
from alref.batch.unit_reader import ReadRow, UnitReader
from alref.batch.unit_store import UnitStore
from alref.batch.units import Unit, UnitAlias, UnitFailure, UnitSummary, compute_digest, get_row_id
from alref.components.runner import Runner, RunnerTask, TaskOutcome, WorkerFactory
from alref.errors import AlrefError, ConfigError, MissingError, OutputError
from alref.llm.question_queue import PendingAnswersError

MAX_MISSING = 3
"""After so many units in a row that lack a requirement, the batch ends."""


@dataclass(frozen=True)
class UnitOutcome:
    """What became of a row.

    It is ``done`` now, ``cached`` from an earlier run, done ``elsewhere`` by another process or as another row, only
    ``exported``, or ``failed``.
    """

    id: str
    key: str
    state: Literal["done", "cached", "exported", "elsewhere", "failed"]
    summary: UnitSummary | None = None
    failure: UnitFailure | None = None
    seconds: float = 0.0


@dataclass
class BatchRunner:
    """One run of a batch. Finished units that were not exported in ``formats`` are only exported.

    With ``questions``, units whose questions wait for a batch of the server are computed again later.
    """

    reader: UnitReader
    store: UnitStore
    retry_failed: bool = False
    command: str = ""
    formats: tuple[str, ...] = ()
    questions: QuestionBatches | None = None
    _outcomes: deque[UnitOutcome] = field(default_factory=deque)
    _claimed_elsewhere: deque[ReadRow] = field(default_factory=deque)
    _under_way: dict[str, ReadRow] = field(default_factory=dict)
    _postponed: dict[str, tuple[ReadRow, frozenset[str]]] = field(default_factory=dict)
    _failures: dict[str, UnitFailure] = field(default_factory=dict)
    _failed_now: set[str] = field(default_factory=set)
    _exported: set[str] = field(default_factory=set)
    _aliases: set[str] = field(default_factory=set)
    _missing: int = 0
    _succeeded: bool = False

    def run(self, runner: Runner, make_worker: WorkerFactory) -> Iterator[UnitOutcome]:
        """Yield the outcome of every row as it is known. A row that fails is recorded, and the others continue.

        Raises ConfigError or OutputError when a unit cannot be computed or stored for a reason that holds for all, and
        MissingError when a requirement is missing for the first unit, or for several in a row.
        """
        try:
            for outcome in runner.run_tasks(make_worker, self.iterate_tasks()):
                yield from self._take_outcomes()
                if not self._postpone_unit(outcome):
                    yield self._finish_task(outcome)
            yield from self._take_outcomes()
            self.store.clear_claims()
        finally:
            if self.questions is not None:
                self.questions.close()

    def list_waiting(self) -> Iterator[Unit | UnitOutcome]:
        """Yield each row as the unit that is to be computed, or as the outcome that is known already. Nothing is written."""
        for found in self._read_units():
            if found is None:
                continue
            if found.unit is None:
                yield UnitOutcome(get_row_id(found.row), make_row_key(found.row), "failed")
            else:
                yield self._find_outcome(found.unit, found.summary) or found.unit

    def iterate_tasks(self) -> Iterator[RunnerTask | None]:
        """Yield a task for each unit that this process has claimed; None while all that are left wait.

        They wait for other processes that work on them, or for answers.
        """
        for found in self._read_units():
            if found is None:
                yield from self._resume_units()
                yield None
            elif found.error is not None:
                self._outcomes.append(self._fail_row(found.row, found.error))
            else:
                if (key := make_row_key(found.row)) in self._failures:  # the row was wrong in an earlier run
                    self.store.remove_failure(key)
                yield from self._try_unit(found)
        while self._claimed_elsewhere or self._may_resume:
            for _ in range(len(self._claimed_elsewhere)):
                yield from self._try_unit(self._claimed_elsewhere.popleft())
            yield from self._resume_units()
            if self._claimed_elsewhere or self._may_resume:
                yield None

    def _read_units(self) -> Iterator[ReadRow | None]:
        self._failures = self.store.read_failures()
        self._exported, self._aliases = self.store.list_exported(), self.store.list_aliases()
        return self.reader.read_units(self.store, self.store.list_done())

    def _try_unit(self, found: ReadRow) -> Iterator[RunnerTask]:
        """Yield the task of a unit if it is to be done and can be claimed."""
        assert found.unit is not None
        unit = found.unit
        if known := self._find_outcome(unit, found.summary):
            self._add_alias(known, unit)
            self._outcomes.append(known)
            return
        claimed = self.store.claim(unit.key)
        summary = self.store.read_whole_summary(unit.key)  # another process, or another row, may have completed it meanwhile
        if summary is not None and self._is_exported(unit):
            outcome = UnitOutcome(unit.id, unit.key, "elsewhere", summary)
            self._add_alias(outcome, unit)
            self._outcomes.append(outcome)
            if claimed:
                self.store.release(unit.key)
        elif claimed:
            self._under_way[unit.key] = ReadRow(found.row, unit, summary=summary)
            yield RunnerTask(unit.key, unit)
        else:
            self._claimed_elsewhere.append(found)

    def _find_outcome(self, unit: Unit, summary: UnitSummary | None) -> UnitOutcome | None:
        """Return the outcome of a unit that is not to be computed now."""
        if summary is not None:
            return UnitOutcome(unit.id, unit.key, "cached", summary) if self._is_exported(unit) else None
        failure = self._failures.get(unit.key)
        tried = unit.key in self._failed_now
        if failure is not None and (tried or not (self.retry_failed or failure.may_pass)):
            return UnitOutcome(unit.id, unit.key, "failed", failure=failure.model_copy(update={"id": unit.id}))
        return None

    def _is_exported(self, unit: Unit) -> bool:
        return all(self.store.name_export(unit.key, unit.id, each) in self._exported for each in self.formats)

    def _add_alias(self, outcome: UnitOutcome, unit: Unit) -> None:
        """Note in the store that a unit has the content of another row, so that the index has both."""
        owner = outcome.summary or self._failures.get(unit.key)
        if owner is not None and owner.id != unit.id:
            self.store.add_alias(UnitAlias(key=unit.key, id=unit.id, video=unit.video), self._aliases)

    @property
    def _may_resume(self) -> bool:
        """Whether a unit waits for answers, or is under way and may have to."""
        return self.questions is not None and bool(self._postponed or self._under_way)

    def _postpone_unit(self, outcome: TaskOutcome) -> bool:
        """Return whether a unit has to wait for answers; its claim is held meanwhile."""
        if not isinstance(outcome.error, PendingAnswersError) or self.questions is None:
            return False
        key = outcome.task.key
        self._postponed[key] = (self._under_way.pop(key), frozenset(outcome.error.keys))
        self.questions.look_soon()
        return True

    def _resume_units(self) -> Iterator[RunnerTask]:
        """Send the questions of all units when none is under way, and yield the units whose answers are here."""
        if self.questions is None or not self._postponed or self._under_way:
            return
        waiting = self.questions.list_waiting_keys()
        if waiting is None:
            return
        for key, (found, keys) in list(self._postponed.items()):
            if not keys & waiting:
                del self._postponed[key]
                self._under_way[key] = found
                yield RunnerTask(key, found.unit)

    def _finish_task(self, outcome: TaskOutcome) -> UnitOutcome:
        """Return what became of a unit, release its claim, and end the batch if the error holds for all units."""
        unit: Unit = outcome.task.content
        found = self._under_way.pop(unit.key)
        self.store.release(unit.key)
        if outcome.error is None:
            self._missing, self._succeeded = 0, True
            state: Literal["done", "exported"] = "done" if found.summary is None else "exported"
            made = UnitOutcome(unit.id, unit.key, state, outcome.output, seconds=outcome.seconds)
            self._add_alias(made, unit)
            return made
        error = outcome.error
        if isinstance(error, (ConfigError, OutputError)):
            raise error
        self._missing += isinstance(error, MissingError)
        if isinstance(error, MissingError) and (not self._succeeded or self._missing >= MAX_MISSING):
            raise error
        failure = UnitFailure.from_error(found.row, unit.key, error, self.command)
        return self._record_failure(failure.model_copy(update={"id": unit.id}), outcome.seconds)

    def _fail_row(self, row: BatchRow, error: AlrefError) -> UnitOutcome:
        """Record the failure of a row that is not a unit."""
        return self._record_failure(UnitFailure.from_error(row, make_row_key(row), error, self.command))

    def _record_failure(self, failure: UnitFailure, seconds: float = 0.0) -> UnitOutcome:
        before = self._failures.get(failure.key)
        failure = failure.model_copy(update={"attempt": before.attempt + 1 if before else 1})
        self.store.write_failure(failure)
        self._failures[failure.key] = failure
        self._failed_now.add(failure.key)
        return UnitOutcome(failure.id, failure.key, "failed", failure=failure, seconds=seconds)

    def _take_outcomes(self) -> Iterator[UnitOutcome]:
        while self._outcomes:
            yield self._outcomes.popleft()


def make_row_key(row: BatchRow) -> str:
    """Return the key under which the failure of a row that is not a unit is recorded."""
    return f"row-{compute_digest([row.number, get_row_id(row)])}"
