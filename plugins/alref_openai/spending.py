"""Cost of questions: estimated tokens, dollars, and rate limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from genai_prices import Usage, calc_price

from alref.llm.batch_service import BATCH_PRICE
from alref.llm.cost_estimate import estimate_prompt_tokens
from alref.llm.shared_limits import SharedRate, make_shared_rate

if TYPE_CHECKING:
    from alref import Question
    from alref_openai import OpenAIOptions


@dataclass(frozen=True)
class TokenPrice:
    """Price of the tokens of a model in dollars: from the options, or from the price list; in batches a share of it."""

    options: OpenAIOptions
    model: str

    def compute_cost(self, prompt: int, completion: int, cached: int = 0) -> float | None:
        """Return the cost of one answer in dollars, None if the price is not known."""
        share = BATCH_PRICE if self.options.batch else 1.0
        own = self.options.input_price, self.options.output_price
        if own[0] is not None and own[1] is not None:
            return share * (prompt * own[0] + completion * own[1]) / 1e6
        usage = Usage(input_tokens=prompt, output_tokens=completion, cache_read_tokens=min(cached, prompt))
        try:
            return share * float(calc_price(usage, self.model, provider_api_url=self.options.base_url).total_price)
        except LookupError:
            return None


@dataclass
class RateLimiter:
    """Spaces requests or tokens evenly, at most ``per_minute``."""

    per_minute: float | None
    _next_free: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def compute_delay(self, amount: float, now: float) -> float:
        """Return the seconds that another ``amount`` has to wait at the time ``now``."""
        if self.per_minute is None:
            return 0.0
        with self._lock:
            start = max(now, self._next_free)
            self._next_free = start + 60 * amount / self.per_minute
            return start - now


def make_rate_limiter(per_minute: float | None, name: str) -> RateLimiter | SharedRate:
    """Return what spaces requests or tokens: those of this process, or of all processes that share limits."""
    return make_shared_rate(per_minute, name) or RateLimiter(per_minute)


@dataclass
class TokenEstimator:
    """Estimates the tokens of a question; an estimate that was too low raises all later ones."""

    detail: str
    factor: float = 1.0

    def estimate_tokens(self, question: Question) -> int:
        """Return the estimated maximum number of tokens of a question."""
        return round(self.factor * self._estimate_uncorrected(question))

    def update_factor(self, question: Question, tokens: int) -> None:
        """Raise the factor if the server counted more tokens than estimated."""
        self.factor = max(self.factor, tokens / self._estimate_uncorrected(question))

    def _estimate_uncorrected(self, question: Question) -> float:
        return estimate_prompt_tokens(
            sum(len(message.text.encode()) for message in question.messages), len(question.images), self.detail
        )
