"""The contract of a runner."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, ClassVar
from unittest import SkipTest

from alref.components.runner import Runner, RunnerTask, Worker, WorkerEvent
from alref.errors import AlrefError, InputError, MissingError

FAULTS: dict[str, type[Exception]] = {"input": InputError, "defect": ZeroDivisionError}
"""The tasks of the contract that raise an error."""
END = "end"
"""The task of the contract that ends the process of its worker."""


def make_test_worker(device: str) -> Worker:
    """Return a worker that returns its task with the id of its process, or does what one of ``FAULTS`` or ``END`` says."""
    return _do_test_task


def _do_test_task(content: Any) -> Any:
    if content in FAULTS:
        raise FAULTS[content]("this error is part of the test")
    if content == END:
        os._exit(3)
    return content, os.getpid()


def refuse_worker(device: str) -> Worker:
    """Raise MissingError, as a worker whose weights are missing."""
    raise MissingError("this error is part of the test")


class RunnerContract:
    """The contract of a runner. Override ``make_runner``; ``patience`` is the longest wait for an event, in seconds."""

    patience: ClassVar[float] = 120.0

    def make_runner(self) -> Runner:
        """Return a new instance of the runner to test, with one worker."""
        raise NotImplementedError("return the runner to test")

    @contextmanager
    def open_runner(self) -> Iterator[Runner]:
        """Yield an opened runner; at the end, stop the workers that ``start_worker`` started, and close it."""
        runner, self.started = self.make_runner(), list[int]()
        runner.open()
        try:
            yield runner
        finally:
            for worker in self.started:
                runner.stop_worker(worker)
            runner.close()

    def start_worker(self, runner: Runner) -> int:
        """Start a worker and wait until it is ready. Return its number."""
        worker = runner.start_worker(make_test_worker, "")
        self.started.append(worker)
        event = self.wait_for(runner, "ready")
        assert event.worker == worker, f"expected worker {worker} to be ready, got {event}"
        return worker

    def wait_for(self, runner: Runner, kind: str) -> WorkerEvent:
        """Return the next event, which must be of this kind and the only one."""
        started = monotonic()
        while monotonic() - started < self.patience:
            if events := runner.wait_events(0.2):
                assert [event.kind for event in events] == [kind], f"expected one event {kind!r}, got {events}"
                return events[0]
        raise AssertionError(f"expected an event {kind!r} within {self.patience:g} s, got none")

    def run_task(self, runner: Runner, worker: int, content: object) -> WorkerEvent:
        """Give a task to a worker that is ready, and return the event at its end."""
        runner.submit_task(worker, RunnerTask("task", content))
        event = self.wait_for(runner, "finished")
        assert (event.worker, event.key) == (worker, "task"), f"expected worker {worker} and key 'task', got {event}"
        return event

    def test_explains_itself(self) -> None:
        """It has a name of one word and a docstring.

        Set ``name``, and write what it runs tasks on as the docstring of the class.
        """
        cls = type(self.make_runner())
        assert [cls.name] == cls.name.split(), f"expected a name of one word, got {cls.name!r}"
        assert inspect.getdoc(cls), f"expected a docstring of {cls.__name__}, got none"

    def test_runs_tasks_on_a_worker_that_is_ready(self) -> None:
        """A worker that was started is ready once, and each task is finished once, with what the worker returned.

        Return a ``WorkerEvent`` of kind ``ready``, then one of kind ``finished`` with ``key`` and ``output`` for each task.
        """
        with self.open_runner() as runner:
            worker = self.start_worker(runner)
            for content in (1, "two", 3.0):
                output = self.run_task(runner, worker, content).output
                assert [*(output or ())][:1] == [content], f"expected the output of the worker for {content!r}, got {output!r}"
            more = runner.wait_events(0.0)
            assert more == [], f"expected no event after the last task, got {more}"

    def test_reports_errors_of_tasks(self) -> None:
        """An error of a task is the ``error`` of its event, an AlrefError, and the worker runs the next task.

        Catch every exception of the worker; any but an AlrefError is a defect, and its message has the name of its class.
        """
        with self.open_runner() as runner:
            worker = self.start_worker(runner)
            for content, kind in FAULTS.items():
                error = self.run_task(runner, worker, content).error
                assert isinstance(error, AlrefError), f"expected an AlrefError for {kind.__name__}, got {error!r}"
                named = isinstance(error, kind) or kind.__name__ in str(error)
                assert named, f"expected {kind.__name__} or its name, got {error!r}"
            assert self.run_task(runner, worker, 1).error is None, "expected the next task to succeed"

    def test_reports_a_worker_that_cannot_be_made(self) -> None:
        """If the worker cannot be made, it is lost, with the error.

        Catch AlrefError where ``make_worker`` is called, and return a ``WorkerEvent`` of kind ``lost`` with it.
        """
        with self.open_runner() as runner:
            self.started.append(runner.start_worker(refuse_worker, ""))
            error = self.wait_for(runner, "lost").error
            assert isinstance(error, MissingError), f"expected the MissingError of the worker, got {error!r}"

    def test_reports_a_worker_that_is_lost(self) -> None:
        """If the process of a worker ends, the worker is lost.

        Watch the process, and return a ``WorkerEvent`` of kind ``lost`` with the ``reason``.
        """
        with self.open_runner() as runner:
            worker = self.start_worker(runner)
            output = self.run_task(runner, worker, 1).output
            assert output, f"expected the output of the worker, got {output!r}"
            if output[1] == os.getpid():
                raise SkipTest("its workers run in the process of the command")
            runner.submit_task(worker, RunnerTask("task", END))
            assert self.wait_for(runner, "lost").worker == worker, "expected the loss of the worker that ended"

    def test_stops_workers(self) -> None:
        """A worker that was stopped gives no more events, and another one can be started.

        Forget the tasks of a worker in ``stop_worker``.
        """
        with self.open_runner() as runner:
            worker = self.start_worker(runner)
            runner.submit_task(worker, RunnerTask("task", 1))
            runner.stop_worker(self.started.pop())
            more = [event for event in runner.wait_events(0.2) if event.worker == worker]
            assert more == [], f"expected no event of a worker that was stopped, got {more}"
            self.run_task(runner, self.start_worker(runner), 1)
