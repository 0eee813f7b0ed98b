"""Processes that share limits spend one budget and keep one rate."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest

from alref.errors import ConfigError
from alref.llm import ledger
from alref.llm.ledger import SharedBudget, SharedRate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledgers" / "run.sqlite"


def test_limits_are_shared_only_when_a_file_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_current", [])
    assert not isinstance(ledger.make_budget(1.0, "reasoner.max_cost"), SharedBudget)
    ledger.share_limits(path)
    assert isinstance(ledger.make_budget(1.0, "reasoner.max_cost"), SharedBudget)
    assert not isinstance(ledger.make_budget(None, "reasoner.max_cost"), SharedBudget)
    assert ledger.make_shared_rate(None, "requests") is None


def test_two_budgets_spend_one_limit(path: Path) -> None:
    one, other = (SharedBudget(1.0, "reasoner.max_cost", ledger=path) for _ in range(2))
    for budget in (one, other, one, other):
        budget.settle_reservation(budget.reserve_amount(0.25), 0.25)
    with pytest.raises(ConfigError, match="max_cost"):
        one.reserve_amount(0.01)


def test_a_question_waits_for_those_of_other_processes(path: Path) -> None:
    one, other = (SharedBudget(1.0, "reasoner.max_cost", ledger=path) for _ in range(2))
    first, numbers = one.reserve_amount(0.8), []
    waiting = Thread(target=lambda: numbers.append(other.reserve_amount(0.8)))
    waiting.start()
    assert not numbers
    one.settle_reservation(first, 0.1)
    waiting.join(timeout=10)
    assert len(numbers) == 1


def test_what_a_killed_process_reserved_counts_as_spent(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = SharedBudget(1.0, "reasoner.max_cost", ledger=path)
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)
    budget.reserve_amount(0.8)
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="max_cost"):
        budget.reserve_amount(0.3)
    assert budget.spent == pytest.approx(0.8)


def test_rates_of_two_processes_are_one(path: Path) -> None:
    one, other = (SharedRate(path, 60.0, "requests") for _ in range(2))
    delays = [rate.compute_delay(1) for rate in (one, other, one, other)]
    assert delays == pytest.approx([0, 1, 2, 3], abs=0.9)
    assert SharedRate(path, 60.0, "tokens").compute_delay(1) == 0
