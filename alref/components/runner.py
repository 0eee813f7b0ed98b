"""Base of runners: they start workers, give each one task after the other, and replace the workers that are lost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, ClassVar, Literal

from alref.errors import AlrefError, ContractError, MissingError, Problem
from alref.utils.libraries import find_missing_libraries

Worker = Callable[[Any], Any]
"""What does the tasks: called with the content of one task, it returns its output. With ``overlap``, by several threads."""
WorkerFactory = Callable[[str], Worker]
"""What makes a worker, in its own process, for a device; it can be pickled. An empty device is the one of the settings."""

MAX_DEATHS = 2
"""A task that was under way when so many workers ended is not tried again."""
MAX_FALSE_STARTS = 3
"""After so many workers in a row that end before they are ready, the run ends."""
SHORT_SECONDS = 1.0
"""Tasks are queued on workers only while tasks take less than this, since a queued task cannot go to another worker."""
POLL_SECONDS = 0.2
"""Seconds between two looks for a task, while there is none."""


@dataclass(frozen=True)
class RunnerTask:
    """One piece of work: its name, and what the worker is called with, which can be pickled."""

    key: str
    content: Any


@dataclass(frozen=True)
class TaskOutcome:
    """What became of a task: its output, or the error. ``seconds`` is its time from its start to the end."""

    task: RunnerTask
    output: Any = None
    error: AlrefError | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class WorkerEvent:
    """News of a worker: it is ready, it finished the task ``key`` with an output or an error, or it is lost."""

    worker: int
    kind: Literal["ready", "finished", "lost"]
    key: str = ""
    output: Any = None
    error: AlrefError | None = None
    reason: str = ""


class Runner(ABC):
    """Runs tasks on workers. ``jobs`` is the number of workers, ``devices`` those that they are spread over, if any.

    ``timeout`` is the time of one task in seconds: a worker that takes longer is stopped, and the task fails. ``overlap`` is
    the number of tasks that one worker does at a time. A subclass starts and stops workers; this class decides what they do.
    ``queue`` is the number of short tasks that a worker holds beside those, so that it need not wait for the next; it starts
    them in the order in which they were submitted.
    """

    name: ClassVar[str]
    extra: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    queue: ClassVar[int] = 0

    def __init__(
        self, jobs: int | None = None, devices: Sequence[str] = (), timeout: float | None = None, overlap: int = 1
    ) -> None:
        self.devices = tuple(devices)
        self.jobs = jobs or max(1, len(self.devices))
        self.timeout = timeout
        self.overlap = overlap

    @classmethod
    def find_missing_libraries(cls) -> list[Problem]:
        """Return one problem that lists the libraries that are not installed; nothing is imported."""
        return find_missing_libraries(cls)

    def open(self) -> None:  # noqa: B027 - optional
        """Connect to what runs the workers. Called once, before the first worker. Raises MissingError."""

    @abstractmethod
    def start_worker(self, make_worker: WorkerFactory, device: str) -> int:
        """Start a worker and return its number; it is used when ``wait_events`` says that it is ready."""

    @abstractmethod
    def submit_task(self, worker: int, task: RunnerTask) -> None:
        """Give a task to a worker. A worker that is lost meanwhile is reported by ``wait_events``."""

    @abstractmethod
    def wait_events(self, seconds: float) -> list[WorkerEvent]:
        """Wait until something happens, at most so long, and return the news."""

    @abstractmethod
    def stop_worker(self, worker: int) -> None:
        """End a worker at once; no further event of it is returned."""

    def close(self) -> None:  # noqa: B027 - optional
        """Disconnect. Called once, after all workers were stopped."""

    def run_tasks(self, make_worker: WorkerFactory, tasks: Iterable[RunnerTask | None]) -> Iterator[TaskOutcome]:
        """Yield the outcome of each task as it ends. Tasks are taken from ``tasks`` when a worker is free; None means later.

        Tasks under way on a worker that is lost are done again, alone on their worker; one that is under way when a second
        worker is lost has failed. Tasks that were queued there have not started, and go to another worker. Raises MissingError
        when workers cannot be started, and the error of a worker that cannot be made.
        """
        loop = _TaskLoop(self, make_worker, iter(tasks))
        self.open()
        try:
            yield from loop.run()
        finally:
            loop.stop()
            self.close()


@dataclass
class _WorkerState:
    """A worker: its device, whether it is ready, and its tasks with the time at which each started; None while it is queued."""

    device: str
    ready: bool = False
    alone: bool = False
    tasks: dict[str, tuple[RunnerTask, float | None]] = field(default_factory=dict)

    def start_tasks(self, overlap: int) -> None:
        """Note the start of the first tasks, as many as are done at a time."""
        for key, (task, started) in list(self.tasks.items())[:overlap]:
            if started is None:
                self.tasks[key] = (task, monotonic())


@dataclass
class _TaskLoop:
    """The tasks and the workers of one run."""

    runner: Runner
    make_worker: WorkerFactory
    tasks: Iterator[RunnerTask | None]
    workers: dict[int, _WorkerState] = field(default_factory=dict)
    waiting: deque[RunnerTask] = field(default_factory=deque)
    deaths: Counter[str] = field(default_factory=Counter)
    exhausted: bool = False
    false_starts: int = 0
    last_seconds: float = SHORT_SECONDS

    def run(self) -> Iterator[TaskOutcome]:
        """Yield outcomes until no task is left."""
        while True:
            self._give_tasks()
            if self.exhausted and not self.waiting and not any(state.tasks for state in self.workers.values()):
                return
            if not self.workers:
                sleep(POLL_SECONDS)
            for event in self.runner.wait_events(self._choose_wait()) if self.workers else ():
                yield from self._handle_event(event)
            yield from self._stop_late_workers()

    def stop(self) -> None:
        """Stop all workers."""
        for number in list(self.workers):
            self.runner.stop_worker(number)
        self.workers.clear()

    def _give_tasks(self) -> None:
        """Give tasks to free workers, and start workers for tasks that wait, as many as there may be."""
        while self.waiting or self._pull_task():
            task = self.waiting.popleft()
            free = self._find_free_worker(task)
            if free is None:
                self.waiting.appendleft(task)
                starting = sum(not state.ready for state in self.workers.values())
                if len(self.workers) < self.runner.jobs and starting < len(self.waiting):
                    device = self._choose_device()
                    self.workers[self.runner.start_worker(self.make_worker, device)] = _WorkerState(device)
                    if starting + 1 < self.runner.jobs and self._pull_task():
                        continue
                return
            state = self.workers[free]
            state.alone = self.deaths[task.key] > 0
            state.tasks[task.key] = (task, None)
            state.start_tasks(self.runner.overlap)
            self.runner.submit_task(free, task)

    def _pull_task(self) -> bool:
        """Take a task from the source to those that wait; return whether there was one."""
        try:
            task = None if self.exhausted else next(self.tasks)
        except StopIteration:
            self.exhausted, task = True, None
        if task is not None:
            self.waiting.append(task)
        return task is not None

    def _find_free_worker(self, task: RunnerTask) -> int | None:
        """Return the worker with the fewest tasks, if one is free; a task that was under way at a loss needs an idle one."""
        queue = self.runner.queue if self.last_seconds < SHORT_SECONDS else 0
        room = 1 if self.deaths[task.key] else self.runner.overlap + queue
        free = [
            (len(state.tasks), number)
            for number, state in self.workers.items()
            if state.ready and len(state.tasks) < room and not (state.alone and state.tasks)
        ]
        return min(free)[1] if free else None

    def _choose_device(self) -> str:
        """Return the device with the fewest workers."""
        used = Counter(state.device for state in self.workers.values())
        return min(self.runner.devices, key=lambda device: used[device], default="")

    def _choose_wait(self) -> float:
        """Return the seconds until the next thing to do if nothing happens."""
        limits = [POLL_SECONDS] if not self.exhausted else [60.0]
        if self.runner.timeout is not None:
            started = [start for state in self.workers.values() for _, start in state.tasks.values()]
            limits += [max(0.0, start + self.runner.timeout - monotonic()) for start in started if start is not None]
        return min(limits)

    def _handle_event(self, event: WorkerEvent) -> Iterator[TaskOutcome]:
        state = self.workers.get(event.worker)
        if state is None:
            return
        if event.kind == "ready":
            state.ready, self.false_starts = True, 0
        elif event.kind == "finished" and event.key in state.tasks:
            task, started = state.tasks.pop(event.key)
            state.start_tasks(self.runner.overlap)
            self.last_seconds = monotonic() - started if started is not None else 0.0
            yield TaskOutcome(task, event.output, event.error, self.last_seconds)
        elif event.kind == "lost":
            yield from self._replace_worker(event.worker, event)

    def _replace_worker(self, number: int, event: WorkerEvent) -> Iterator[TaskOutcome]:
        """Put the tasks of a lost worker back; a task that saw too many losses has failed."""
        state = self.workers.pop(number)
        self.runner.stop_worker(number)
        if not state.ready:
            self.false_starts += 1
            if event.error is not None:
                raise event.error
            if self.false_starts >= MAX_FALSE_STARTS:
                raise MissingError(f"workers of runner {self.runner.name} end before they are ready ({event.reason})")
        for task, started in state.tasks.values():
            self.deaths[task.key] += started is not None
            if started is None or self.deaths[task.key] < MAX_DEATHS:
                self.waiting.append(task)
            else:
                why = f"its worker ended {MAX_DEATHS} times while it was processed ({event.reason})"
                yield TaskOutcome(task, error=ContractError(why), seconds=monotonic() - started)

    def _stop_late_workers(self) -> Iterator[TaskOutcome]:
        """Stop workers with a task that takes too long; their other tasks are done again.

        Of several late tasks, one may have kept the worker from doing the others: each is done again, alone on its worker.
        """
        limit = self.runner.timeout
        for number, state in list(self.workers.items()):
            ends = {key: start + limit for key, (_, start) in state.tasks.items() if start is not None and limit is not None}
            late = {key for key, end in ends.items() if end < monotonic()}
            if not late:
                continue
            self.runner.stop_worker(number)
            del self.workers[number]
            for key, (task, started) in state.tasks.items():
                if late == {key} and started is not None:
                    why = f"not finished after {limit:g} s; raise --timeout, or look at the video"
                    yield TaskOutcome(task, error=ContractError(why), seconds=monotonic() - started)
                else:
                    self.deaths[key] += key in late
                    self.waiting.append(task)
