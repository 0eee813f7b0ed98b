"""A plugin with a runner that does its tasks in this process, which spares tests the start of another; ``--plugin FILE``.

What is about processes, such as their loss, is tested with the runner ``local``.
"""

from __future__ import annotations

from collections import deque

import alref
from alref.batch.worker import UnitWorker
from alref.components.runner import Runner, RunnerTask, Worker, WorkerEvent, WorkerFactory
from alref.errors import AlrefError, format_exception
from alref.llm import shared_limits


class InlineRunner(Runner):
    """Has one worker, in this process."""

    name = "inline"

    def open(self) -> None:
        self._events: deque[WorkerEvent] = deque()
        self._tasks: deque[RunnerTask] = deque()
        self._worker: Worker | None = None

    def start_worker(self, make_worker: WorkerFactory, device: str) -> int:
        try:
            self._worker = make_worker(device)
            self._events.append(WorkerEvent(0, "ready"))
        except AlrefError as error:
            self._events.append(WorkerEvent(0, "lost", error=error))
        return 0

    def submit_task(self, worker: int, task: RunnerTask) -> None:
        self._tasks.append(task)

    def wait_events(self, seconds: float) -> list[WorkerEvent]:
        if not self._events and self._tasks:
            self._events.append(self._do_task(self._tasks.popleft()))
        found, self._events = list(self._events), deque()
        return found

    def stop_worker(self, worker: int) -> None:
        self._tasks.clear()

    def close(self) -> None:
        if isinstance(self._worker, UnitWorker):  # in a process of its own it would end with that
            self._worker._pipeline.close()
        shared_limits._open_tally.clear()

    def _do_task(self, task: RunnerTask) -> WorkerEvent:
        assert self._worker is not None
        try:
            return WorkerEvent(0, "finished", task.key, self._worker(task.content))
        except AlrefError as error:
            return WorkerEvent(0, "finished", task.key, error=error)
        except Exception as error:
            return WorkerEvent(0, "finished", task.key, error=AlrefError(f"unexpected error: {format_exception(error)}"))


@alref.hookimpl
def register_runners() -> list[type[Runner]]:
    return [InlineRunner]
