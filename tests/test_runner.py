"""A runner does every task once, whatever becomes of its workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alref.components.runner import Runner, RunnerTask, TaskOutcome
from alref.errors import ContractError, InputError, MissingError
from alref.plugins.manager import PluginManager
from support.runner_workers import QueueRunner, TaskWorker, end_at_start, fail_to_start


def make_tasks(*contents: object) -> list[RunnerTask]:
    return [RunnerTask(str(number), content) for number, content in enumerate(contents)]


@pytest.fixture(params=["local", "ray"])
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return str(request.param)


def run(name: str, contents: list[object], **settings: object) -> dict[str, TaskOutcome]:
    runner = PluginManager().get_runner(name)(**settings)  # type: ignore[arg-type]
    outcomes = list(runner.run_tasks(TaskWorker, make_tasks(*contents)))
    assert sorted(int(each.task.key) for each in outcomes) == list(range(len(contents)))
    return {each.task.key: each for each in outcomes}


def test_every_task_is_done_once_by_few_processes(name: str) -> None:
    found = run(name, list(range(20)), jobs=2, overlap=2)
    assert [found[str(number)].output[0] for number in range(20)] == list(range(20))
    assert len({each.output[1] for each in found.values()}) <= 2


def test_workers_of_ray_do_not_give_way_to_other_programs(cluster: None) -> None:
    _, process, _ = run("ray", [1], jobs=1)["0"].output
    assert os.getpriority(os.PRIO_PROCESS, process) == os.getpriority(os.PRIO_PROCESS, 0)


def test_a_task_that_ends_two_workers_has_failed_and_the_others_are_done(name: str) -> None:
    found = run(name, [1, "end", 2, 3], jobs=1, overlap=2)
    assert isinstance(found["1"].error, ContractError)
    assert sum(each.error is None for each in found.values()) == 3


def test_a_task_whose_worker_is_lost_once_is_done_by_another(name: str, tmp_path: Path) -> None:
    found = run(name, [tmp_path / "first", 1], jobs=1)
    assert found["0"].output[0] == "first"


@pytest.mark.parametrize("kind", ["hang", pytest.param("block", marks=pytest.mark.skipif(os.name == "nt", reason="a C call"))])
def test_a_task_that_hangs_is_stopped_and_the_others_are_done(kind: str, name: str) -> None:
    found = run(name, [kind, 1, 2], jobs=1, overlap=2, timeout=3.0)
    assert isinstance(found["0"].error, ContractError)
    assert found["1"].error is found["2"].error is None


def test_an_error_is_an_outcome_of_its_kind(name: str) -> None:
    found = run(name, ["fail", "defect", 1])
    assert isinstance(found["0"].error, InputError)
    assert "ZeroDivisionError" in str(found["1"].error)
    assert found["2"].error is None


def test_workers_are_spread_over_devices() -> None:
    found = run("local", [None, None, None, None], devices=("cuda:0", "cuda:1"))
    assert {each.output[2] for each in found.values()} == {"cuda"}


@pytest.mark.parametrize("factory", [fail_to_start, end_at_start])
def test_workers_that_cannot_start_end_the_run(name: str, factory: object) -> None:
    runner = PluginManager().get_runner(name)(jobs=1)
    with pytest.raises(MissingError):
        list(runner.run_tasks(factory, make_tasks(1)))  # type: ignore[arg-type]


def test_tasks_are_taken_as_workers_become_free() -> None:
    taken: list[int] = []

    def take() -> Iterator[RunnerTask | None]:
        for number in range(50):
            yield None if number % 5 == 4 else RunnerTask(str(number), number)
            taken.append(number)

    runner: Runner = PluginManager().get_runner("local")(jobs=1)
    outcomes = runner.run_tasks(TaskWorker, take())
    next(outcomes)
    assert len(taken) < 10
    outcomes.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("seconds", "held"), [(0.6, 2), (5.0, 1)], ids=["short", "long"])
def test_only_short_tasks_are_queued_and_their_time_starts_when_they_do(
    seconds: float, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = QueueRunner(jobs=1, timeout=1.5 * seconds)
    monkeypatch.setattr("alref.components.runner.monotonic", lambda: runner.clock)
    outcomes = list(runner.run_tasks(TaskWorker, make_tasks(*[seconds] * 6)))
    assert [each.seconds for each in outcomes] == [pytest.approx(seconds)] * 6
    assert all(each.error is None for each in outcomes)
    assert runner.most_held == held


def test_a_task_that_was_queued_on_a_lost_worker_was_not_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref.components.runner.MAX_DEATHS", 1)
    runner = QueueRunner(jobs=1)
    outcomes = list(runner.run_tasks(TaskWorker, make_tasks(0.1, "end", 0.1)))
    assert [each.task.key for each in outcomes if each.error] == ["1"]
    assert runner.most_held == 2


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    runner = PluginManager().get_runner("ray")(jobs=1)
    with pytest.raises(MissingError, match="RAY_ADDRESS"):
        list(runner.run_tasks(TaskWorker, make_tasks(1)))
