"""Processes that share limits spend one budget and keep one rate, on one machine or many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

pytest.importorskip("s3fs")

from alref.errors import ConfigError
from alref.llm import shared_limits
from alref.llm.shared_limits import SharedBudget, SharedRate, make_budget, make_shared_rate, sharing_limits
from alref.output.store import ObjectStore, open_store
from alref.output.stored_tally import StoredTally
from support.s3_server import run_s3_server

OPTION = "reasoner.max_cost"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    if request.param == "folder":
        yield open_store(tmp_path / "store")
        return
    with run_s3_server(monkeypatch):
        yield open_store("s3://bucket/run")


def make(store: ObjectStore, limit: float = 1.0) -> SharedBudget:
    return SharedBudget(limit, OPTION, tally=StoredTally(store, OPTION))


def test_limits_are_shared_only_in_a_block(store: ObjectStore) -> None:
    assert not isinstance(make_budget(1.0, OPTION), SharedBudget)
    with sharing_limits(lambda name: StoredTally(store, name)):
        assert isinstance(make_budget(1.0, OPTION), SharedBudget)
        assert not isinstance(make_budget(None, OPTION), SharedBudget)
        assert make_shared_rate(None, "requests") is None
        assert make_shared_rate(1.0, "requests") is not None
    assert make_shared_rate(1.0, "requests") is None


def test_two_budgets_spend_one_limit(store: ObjectStore) -> None:
    one, other = make(store), make(store)
    for budget in (one, other, one, other):
        budget.settle_reservation(budget.reserve_amount(0.25), 0.25)
    with pytest.raises(ConfigError, match="max_cost"):
        one.reserve_amount(0.01)
    later = make(store, 2.0)
    later.settle_reservation(later.reserve_amount(0.9), 0.9)
    with pytest.raises(ConfigError, match=r"1\.9"):
        later.reserve_amount(0.2)


def test_a_question_waits_for_those_of_other_processes(store: ObjectStore) -> None:
    one, other = make(store), make(store)
    first, numbers = one.reserve_amount(0.8), []
    waiting = Thread(target=lambda: numbers.append(other.reserve_amount(0.8)))
    waiting.start()
    assert not numbers
    one.settle_reservation(first, 0.1)
    waiting.join(timeout=10)
    assert len(numbers) == 1


def test_budgets_that_reserve_at_once_never_pass_the_limit(store: ObjectStore) -> None:
    budgets, start, taken = [make(store) for _ in range(4)], Barrier(4), []

    def spend(budget: SharedBudget) -> None:
        start.wait()
        try:
            while True:
                budget.settle_reservation(budget.reserve_amount(0.3), 0.15)
                taken.append(0.15)
        except ConfigError:
            return

    threads = [Thread(target=spend, args=(budget,)) for budget in budgets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.7 <= sum(taken) <= 1.0


def test_what_a_killed_process_reserved_counts_as_spent(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 2**22 + 1)
        killed = make(store)
    killed.reserve_amount(0.8)
    with pytest.raises(ConfigError, match="max_cost"):
        make(store).reserve_amount(0.3)


def test_what_a_silent_machine_reserved_counts_as_spent(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_limits, "STALE_SECONDS", -1.0)
    make(store).reserve_amount(0.8)
    with pytest.raises(ConfigError, match="max_cost"):
        make(store).reserve_amount(0.3)


def test_a_correction_of_another_process_counts(store: ObjectStore) -> None:
    make(store).add_spent(0.8)
    make(store).add_spent(-0.5)
    budget = make(store)
    budget.settle_reservation(budget.reserve_amount(0.6), 0.6)


def test_rates_of_two_processes_are_one(store: ObjectStore) -> None:
    one, other = (SharedRate(StoredTally(store, "requests"), 6.0) for _ in range(2))
    delays = [rate.compute_delay(1, 0.0) for rate in (one, other, one, other)]
    assert delays == pytest.approx([0, 10, 20, 30], abs=5)
    assert SharedRate(StoredTally(store, "tokens"), 60.0).compute_delay(1, 0.0) == 0


def test_rates_that_reserve_at_once_do_not_overlap(store: ObjectStore) -> None:
    start, delays = Barrier(3), []

    def take(rate: SharedRate) -> None:
        start.wait()
        delays.append(rate.compute_delay(1, 0.0))

    threads = [Thread(target=take, args=(SharedRate(StoredTally(store, "requests"), 0.6),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second, third = sorted(delays)
    assert second - first >= 90
    assert third - second >= 90
