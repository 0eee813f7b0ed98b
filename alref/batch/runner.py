"""Run a batch: build units from rows, skip those that are done or claimed, and give the others to a runner."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from alref.batch.question_batches import QuestionBatches
from alref.batch.shards import Shard
from alref.batch.source import BatchRow
from alref.batch.unit_store import UnitStore
from alref.batch.units import Unit, UnitBuilder, UnitFailure, UnitSummary, compute_digest, get_row_id
from alref.components.runner import Runner, RunnerTask, TaskOutcome, WorkerFactory
from alref.errors import AlrefError, ConfigError, InputError, MissingError, OutputError
from alref.llm.question_queue import PendingAnswersError

LOOK_AHEAD, READERS = 32, 8
"""Rows that are identified before they are needed, and threads that read them."""
MAX_MISSING = 3
"""After so many units in a row that lack a requirement, the batch ends."""


@dataclass(frozen=True)
class UnitOutcome:
    """What became of a row: ``done`` now, ``cached`` from an earlier run, ``elsewhere`` by another process, or ``failed``."""

    id: str
    key: str
    state: Literal["done", "cached", "elsewhere", "failed"]
    summary: UnitSummary | None = None
    failure: UnitFailure | None = None
    seconds: float = 0.0


@dataclass
class BatchRunner:
    """One run of a batch. With ``questions``, units whose questions wait for a batch of the server are computed again later."""

    rows: Iterable[BatchRow | None]
    builder: UnitBuilder
    store: UnitStore
    shard: Shard = field(default_factory=Shard)
    limit: int | None = None
    retry_failed: bool = False
    command: str = ""
    questions: QuestionBatches | None = None
    taken: int = 0
    _outcomes: deque[UnitOutcome] = field(default_factory=deque)
    _rows_by_key: dict[str, BatchRow] = field(default_factory=dict)
    _postponed: dict[str, tuple[BatchRow, Unit, frozenset[str]]] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _failures: dict[str, UnitFailure] = field(default_factory=dict)
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
        finally:
            if self.questions is not None:
                self.questions.close()

    def list_waiting(self) -> Iterator[Unit | UnitOutcome]:
        """Yield each row of this shard as the unit that is to be computed, or as the outcome that is known already."""
        self._done = self.store.list_done()
        self._failures = self.store.read_failures()
        for item in self._build_units():
            if item is not None:
                yield item if isinstance(item, UnitOutcome) else self._find_outcome(*item) or item[1]

    def iterate_tasks(self) -> Iterator[RunnerTask | None]:
        """Yield a task for each unit that this process has claimed; None while all that are left wait.

        They wait for other processes that work on them, or for answers.
        """
        self._done = self.store.list_done()
        self._failures = self.store.read_failures()
        claimed_elsewhere: deque[tuple[BatchRow, Unit]] = deque()
        for item in self._build_units():
            if item is None:
                yield from self._resume_units()
                yield None
            elif isinstance(item, UnitOutcome):
                self._outcomes.append(item)
            else:
                yield from self._try_unit(*item, claimed_elsewhere)
        while claimed_elsewhere or self._may_resume:
            for _ in range(len(claimed_elsewhere)):
                yield from self._try_unit(*claimed_elsewhere.popleft(), claimed_elsewhere)
            yield from self._resume_units()
            if claimed_elsewhere or self._may_resume:
                yield None

    @property
    def _may_resume(self) -> bool:
        """Whether a unit waits for answers, or is under way and may have to."""
        return self.questions is not None and bool(self._postponed or self._rows_by_key)

    def _postpone_unit(self, outcome: TaskOutcome) -> bool:
        """Return whether a unit has to wait for answers; its claim is held meanwhile."""
        if not isinstance(outcome.error, PendingAnswersError) or self.questions is None:
            return False
        unit: Unit = outcome.task.content
        self._postponed[unit.key] = (self._rows_by_key.pop(unit.key), unit, frozenset(outcome.error.keys))
        return True

    def _resume_units(self) -> Iterator[RunnerTask]:
        """Send the questions of all units when none is under way, and yield the units whose answers are here."""
        if self.questions is None or not self._postponed or self._rows_by_key:
            return
        waiting = self.questions.list_waiting_keys()
        for key, (row, unit, keys) in list(self._postponed.items()):
            if not keys & waiting:
                del self._postponed[key]
                self._rows_by_key[key] = row
                yield RunnerTask(key, unit)

    def _try_unit(self, row: BatchRow, unit: Unit, claimed_elsewhere: deque[tuple[BatchRow, Unit]]) -> Iterator[RunnerTask]:
        """Yield the task of a unit if it is to be done and can be claimed."""
        if known := self._find_outcome(row, unit):
            self._outcomes.append(known)
        elif not self.store.claim(unit.key):
            claimed_elsewhere.append((row, unit))
            if self.store.is_done(unit.key):  # another process completed it meanwhile
                self._done.add(unit.key)
        elif self.store.is_done(unit.key):
            self.store.release(unit.key)
            self._outcomes.append(UnitOutcome(unit.id, unit.key, "elsewhere"))
        else:
            self._rows_by_key[unit.key] = row
            yield RunnerTask(unit.key, unit)

    def _find_outcome(self, row: BatchRow, unit: Unit) -> UnitOutcome | None:
        """Return the outcome of a unit that is not to be computed now."""
        if unit.key in self._done:
            return UnitOutcome(unit.id, unit.key, "cached")
        failure = self._failures.get(unit.key)
        if failure is not None and not (self.retry_failed or failure.may_pass):
            return UnitOutcome(unit.id, unit.key, "failed", failure=failure)
        return None

    def _build_units(self) -> Iterator[tuple[BatchRow, Unit] | UnitOutcome | None]:
        """Yield units in the order of the rows of this shard; a row that is not a unit is a failure; None while it waits."""
        ahead: deque[tuple[BatchRow, Future[Unit]]] = deque()
        with ThreadPoolExecutor(READERS, "rows") as pool:
            try:
                for row in self._select_rows():
                    if isinstance(row, BatchRow):
                        ahead.append((row, pool.submit(self.builder.build_unit, row)))
                    elif isinstance(row, UnitOutcome):
                        yield row
                    if len(ahead) > LOOK_AHEAD or (row is None and ahead):
                        yield self._take_unit(*ahead.popleft())
                    elif row is None:
                        yield None
                while ahead:
                    yield self._take_unit(*ahead.popleft())
            finally:
                for _, future in ahead:
                    future.cancel()

    def _select_rows(self) -> Iterator[BatchRow | UnitOutcome | None]:
        """Yield the rows of this shard up to the limit; a row whose id another has is a failure."""
        seen: Counter[str] = Counter()
        for row in self.rows:
            if row is None:
                yield None
                continue
            name = get_row_id(row)
            seen[name] += 1
            if not self.shard.holds(name):
                continue
            if self.limit is not None and self.taken >= self.limit:
                return
            self.taken += 1
            if seen[name] > 1:
                error = InputError(f"row {row.number}: the id {name!r} is that of another row; give each row an id of its own")
                yield self._fail_row(row, error)
            else:
                yield row

    def _take_unit(self, row: BatchRow, future: Future[Unit]) -> tuple[BatchRow, Unit] | UnitOutcome:
        try:
            unit = future.result()
        except AlrefError as error:
            return self._fail_row(row, InputError(f"row {row.number}: {error}"))
        if (key := make_row_key(row)) in self._failures:  # the row was wrong in an earlier run
            self.store.remove_failure(key)
        return row, unit

    def _fail_row(self, row: BatchRow, error: AlrefError) -> UnitOutcome:
        """Record the failure of a row that is not a unit."""
        return self._record_failure(UnitFailure.from_error(row, make_row_key(row), error, self.command))

    def _record_failure(self, failure: UnitFailure, seconds: float = 0.0) -> UnitOutcome:
        before = self._failures.get(failure.key)
        failure = failure.model_copy(update={"attempt": before.attempt + 1 if before else 1})
        self.store.write_failure(failure)
        return UnitOutcome(failure.id, failure.key, "failed", failure=failure, seconds=seconds)

    def _finish_task(self, outcome: TaskOutcome) -> UnitOutcome:
        """Return what became of a unit, release its claim, and end the batch if the error holds for all units."""
        unit: Unit = outcome.task.content
        row = self._rows_by_key.pop(unit.key)
        self.store.release(unit.key)
        if outcome.error is None:
            self._missing, self._succeeded = 0, True
            self._done.add(unit.key)
            return UnitOutcome(unit.id, unit.key, "done", outcome.output, seconds=outcome.seconds)
        error = outcome.error
        if isinstance(error, (ConfigError, OutputError)):
            raise error
        self._missing += isinstance(error, MissingError)
        if isinstance(error, MissingError) and (not self._succeeded or self._missing >= MAX_MISSING):
            raise error
        failure = UnitFailure.from_error(row, unit.key, error, self.command)
        return self._record_failure(failure.model_copy(update={"id": unit.id}), outcome.seconds)

    def _take_outcomes(self) -> Iterator[UnitOutcome]:
        while self._outcomes:
            yield self._outcomes.popleft()


def make_row_key(row: BatchRow) -> str:
    """Return the key under which the failure of a row that is not a unit is recorded."""
    return f"row-{compute_digest([row.number, get_row_id(row)])}"
