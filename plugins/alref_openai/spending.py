"""What questions take: tokens by estimate, dollars, and the pace that a server allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import Condition, Lock
from typing import TYPE_CHECKING

from genai_prices import Usage, calc_price

from alref.errors import ConfigError
from alref.llm.cost_estimate import estimate_prompt_tokens

if TYPE_CHECKING:
    from alref.llm.messages import Question
    from alref_openai import OpenAIOptions


@dataclass(frozen=True)
class TokenPrice:
    """Dollars of a model's tokens: by the options, or by the price list."""

    options: OpenAIOptions
    model: str

    def compute_cost(self, prompt: int, completion: int, cached: int = 0) -> float | None:
        """Return the dollars of one answer, None when no price is known."""
        own = self.options.input_price, self.options.output_price
        if own[0] is not None and own[1] is not None:
            return (prompt * own[0] + completion * own[1]) / 1e6
        usage = Usage(input_tokens=prompt, output_tokens=completion, cache_read_tokens=min(cached, prompt))
        try:
            return float(calc_price(usage, self.model, provider_api_url=self.options.base_url).total_price)
        except LookupError:
            return None


@dataclass
class Budget:
    """Keeps what a run spends below a limit: an amount is set aside before a question and settled after its answer."""

    limit: float | None
    spent: float = 0.0
    reserved: dict[int, float] = field(default_factory=dict)
    _changed: Condition = field(default_factory=Condition)
    _reservation_ids: Iterator[int] = field(default_factory=count)

    def reserve_amount(self, dollars: float) -> int:
        """Set dollars aside, and return a number to settle them by; wait for questions on their way where they hold too much.

        Raises ConfigError when the dollars might pass the limit all the same.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self.reserved or self._is_within_limit(dollars))
            if not self._is_within_limit(dollars):
                raise ConfigError(
                    f"max_cost: ${self.spent:.4f} of ${self.limit:g} are spent, and the next question may take ${dollars:.4f};"
                    " all answers so far are kept: run the same again with --force and a higher -o reasoner.max_cost"
                )
            number = next(self._reservation_ids)
            self.reserved[number] = dollars
            return number

    def settle_reservation(self, reservation: int, dollars: float) -> None:
        """Put what an answer took in the place of what was set aside for it."""
        with self._changed:
            del self.reserved[reservation]
            self.spent += dollars
            self._changed.notify_all()

    def _is_within_limit(self, dollars: float) -> bool:
        return self.limit is None or self.spent + sum(self.reserved.values()) + dollars <= self.limit


@dataclass
class RateLimiter:
    """Spaces things evenly, so many a minute."""

    per_minute: float | None
    _next_free: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def compute_delay(self, amount: float, now: float) -> float:
        """Return how many seconds ``amount`` more of them have to wait at the time ``now``."""
        if self.per_minute is None:
            return 0.0
        with self._lock:
            start = max(now, self._next_free)
            self._next_free = start + 60 * amount / self.per_minute
            return start - now


@dataclass
class TokenEstimator:
    """Estimates the tokens of a question; one that was too low raises all that follow."""

    detail: str
    factor: float = 1.0

    def estimate_tokens(self, question: Question) -> int:
        """Return how many tokens a question has at most, as far as is known."""
        return round(self.factor * self._estimate_uncorrected(question))

    def update_factor(self, question: Question, tokens: int) -> None:
        """Take note of how many tokens the server counted."""
        self.factor = max(self.factor, tokens / self._estimate_uncorrected(question))

    def _estimate_uncorrected(self, question: Question) -> float:
        return estimate_prompt_tokens(
            sum(len(message.text.encode()) for message in question.messages), len(question.images), self.detail
        )
