"""The contract of runners holds for the shipped one, and catches wrong ones by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alref.cli import run_command
from alref.components.runner import Runner, RunnerTask, WorkerEvent
from alref.testing import RunnerContract
from alref.testing.runner import run_checks
from support.inline_runner import InlineRunner


class Idle(Runner):
    """Does nothing at all."""

    name = "idle"

    def start_worker(self, make_worker: Any, device: str) -> int:
        return 0

    def submit_task(self, worker: int, task: RunnerTask) -> None:
        pass

    def wait_events(self, seconds: float) -> list[WorkerEvent]:
        return []

    def stop_worker(self, worker: int) -> None:
        pass


class Twice(InlineRunner):
    """Reports each event twice."""

    def wait_events(self, seconds: float) -> list[WorkerEvent]:
        return super().wait_events(seconds) * 2


class Forgetful(InlineRunner):
    """Returns no outputs."""

    def wait_events(self, seconds: float) -> list[WorkerEvent]:
        return [WorkerEvent(each.worker, each.kind, each.key, error=each.error) for each in super().wait_events(seconds)]


class Blind(InlineRunner):
    """Does not see errors."""

    def wait_events(self, seconds: float) -> list[WorkerEvent]:
        return [WorkerEvent(each.worker, each.kind, each.key, each.output) for each in super().wait_events(seconds)]


class Unstoppable(InlineRunner):
    """Goes on with the tasks of a worker that was stopped."""

    def stop_worker(self, worker: int) -> None:
        pass


def find_states(cls: Callable[..., Runner], state: str) -> set[str]:
    members = {"make_runner": lambda _: cls(jobs=1), "patience": 0.5}
    outcomes = run_checks(type("Contract", (RunnerContract,), members), Runner, {})
    return {each.test.removeprefix("test_") for each in outcomes if each.state == state}


def test_a_right_runner_passes() -> None:
    assert find_states(InlineRunner, "failed") == set()
    assert find_states(InlineRunner, "skipped") == {"reports_a_worker_that_is_lost"}


def test_the_shipped_runner_is_checked_by_its_name() -> None:
    assert run_command(["plugins", "check", "local"]) == 0


def test_a_runner_that_does_nothing_meets_no_promise() -> None:
    assert find_states(Idle, "passed") == {"explains_itself"}


@pytest.mark.parametrize(
    ("cls", "test"),
    [
        (Twice, "runs_tasks_on_a_worker_that_is_ready"),
        (Forgetful, "runs_tasks_on_a_worker_that_is_ready"),
        (Blind, "reports_errors_of_tasks"),
        (Blind, "reports_a_worker_that_cannot_be_made"),
        (Unstoppable, "stops_workers"),
    ],
)
def test_a_wrong_runner_is_caught(cls: type[Runner], test: str) -> None:
    assert test in find_states(cls, "failed")
