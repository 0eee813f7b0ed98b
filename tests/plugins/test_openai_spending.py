"""Money and pace: what a question costs, and how many are asked in a minute."""

from __future__ import annotations

from threading import Event, Semaphore, Thread
from typing import Any

import pytest

from support.llm_server import TOKENS, ChatServer, serving

pytest.importorskip("openai")

from alref.errors import ConfigError
from alref.llm.budget import Budget
from alref.llm.messages import Message, Question
from alref_openai import GPT4
from alref_openai.spending import RateLimiter, TokenEstimator
from support.openai_calls import JPEG, ask, ask_once, failed, made

PRICED = {"input_price": 1000.0, "output_price": 10_000.0}
COST = (TOKENS[0] * 1000 + TOKENS[1] * 10_000) / 1e6
pytestmark = pytest.mark.usefixtures("hurried")


def test_prices_of_the_options_make_costs(chat_server: ChatServer) -> None:
    assert ask_once(chat_server, **PRICED).cost == pytest.approx(COST)


def test_prices_are_known_offline_by_model_and_server() -> None:
    from alref_openai.spending import TokenPrice

    def cost(model: str, **given: Any) -> float | None:
        return TokenPrice(GPT4.Options(**given), model).compute_cost(1_000_000, 0)

    assert cost("gpt-4o") == pytest.approx(2.5)
    assert cost("gpt-4o", base_url="https://openrouter.ai/api/v1") is None
    assert cost("openai/gpt-4o", base_url="https://openrouter.ai/api/v1") == pytest.approx(2.5)
    assert cost("gpt-4o", base_url="http://127.0.0.1:8000/v1") is None
    assert cost("nobody") is None
    assert TokenPrice(GPT4.Options(), "gpt-4o").compute_cost(1_000_000, 0, cached=1_000_000) == pytest.approx(1.25)


def test_the_money_is_never_passed_and_the_error_says_what_to_do(chat_server: ChatServer) -> None:
    reasoner = made(chat_server.base_url, max_cost=0.99, max_tokens=16, **PRICED)
    answers = []

    def ask_for_ever() -> None:
        while len(answers) < 100:
            answers.append(ask(reasoner))

    with pytest.raises(ConfigError, match=r"max_cost: .*-o reasoner\.max_cost"):
        ask_for_ever()
    reasoner.close()
    spent = sum(answer.cost or 0 for answer in answers)
    assert 0.5 < spent <= 0.99
    assert len(chat_server.questions) == len(answers)


def test_questions_on_their_way_are_waited_for_before_money_is_said_to_be_short() -> None:
    arrived, gate = Semaphore(0), Event()

    def late(body: dict[str, Any]) -> str:
        arrived.release()
        gate.wait()
        return "fine"

    with serving(late) as server:
        reasoner = made(server.base_url, max_cost=0.7, max_tokens=16, **PRICED)
        threads = [Thread(target=ask, args=[reasoner, "x" * 300]) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert arrived.acquire(timeout=10)
        assert arrived.acquire(timeout=10)
        assert len(server.questions) == 2
        gate.set()
        for thread in threads:
            thread.join()
        assert len(server.questions) == 3
        with pytest.raises(ConfigError, match=r"max_cost: \$0\.6000.*\$0\.7"):
            ask(reasoner)
        reasoner.close()
    assert len(server.questions) == 3


def test_a_limit_without_a_known_price_is_an_error_before_any_question(chat_server: ChatServer) -> None:
    message = failed(chat_server, ConfigError, max_cost=1.0)
    assert "-o reasoner.input_price" in message
    assert chat_server.questions == []


def test_a_budget_takes_the_true_cost_in_the_place_of_what_was_set_aside() -> None:
    budget = Budget(1.0, "reasoner.max_cost")
    first = budget.reserve_amount(0.9)
    budget.settle_reservation(first, 0.5)
    second = budget.reserve_amount(0.5)
    budget.settle_reservation(second, 0.5)
    with pytest.raises(ConfigError):
        budget.reserve_amount(0.1)


def test_a_pace_spaces_evenly_and_does_not_save_up() -> None:
    pace = RateLimiter(60)
    assert [pace.compute_delay(1, now) for now in (100.0, 100.0, 100.5)] == pytest.approx([0, 1, 1.5])
    assert pace.compute_delay(10, 200.0) == 0
    assert pace.compute_delay(1, 201.0) == pytest.approx(9)
    assert RateLimiter(None).compute_delay(1e9, 0.0) == 0


@pytest.mark.parametrize("limit", [{"requests_per_minute": 6}, {"tokens_per_minute": 6 * (20 + 16), "max_tokens": 16}])
def test_the_pace_is_kept(chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch, limit: dict[str, float]) -> None:
    waits: list[float] = []
    monkeypatch.setattr("alref_openai._runtime.sleep", waits.append)
    monkeypatch.setattr("alref_openai._runtime.TokenEstimator.update_factor", lambda *counted: None)
    reasoner = made(chat_server.base_url, **limit)
    for _ in range(3):
        ask(reasoner)
    reasoner.close()
    assert waits[0] == 0
    assert waits[1:] == pytest.approx([10, 20], abs=1)


def test_an_estimate_learns_from_what_was_too_low() -> None:
    question = Question(messages=(Message(text="x" * 300),), images=(JPEG,))
    estimate = TokenEstimator("low")
    first = estimate.estimate_tokens(question)
    assert first >= 100 + 85
    estimate.update_factor(question, 10)
    assert estimate.estimate_tokens(question) == first
    estimate.update_factor(question, 3 * first)
    assert estimate.estimate_tokens(question) == pytest.approx(3 * first, abs=3)
