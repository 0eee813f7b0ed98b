"""Usage of language models: counted by model, summed, and formatted in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from alref.result import Usage

if TYPE_CHECKING:
    from alref.llm.messages import QuestionEvent

CACHED_SOURCES = ("cache", "replay")
"""Sources of answers for which no model was asked."""


def count_usage(events: Iterable[QuestionEvent]) -> tuple[Usage, ...]:
    """Count questions by the model that answered; those without an answer count under the component's name."""
    return group_by_model([_count_question(event) for event in events])


def group_by_model(usages: Sequence[Usage]) -> tuple[Usage, ...]:
    """Sum the usage of each model."""
    models = dict.fromkeys(usage.model for usage in usages)
    return tuple(sum_usage([usage for usage in usages if usage.model == model]) for model in models)


def mark_cached(usage: Usage) -> Usage:
    """Return the usage of questions whose answers are read from a cache: they cost nothing."""
    return Usage(model=usage.model, questions=usage.questions, cached=usage.questions, uncached_cost=usage.uncached_cost)


def _count_question(event: QuestionEvent) -> Usage:
    answer = event.answer
    if answer is None:
        return Usage(model=event.component, questions=1)
    if event.source in CACHED_SOURCES:
        return Usage(model=answer.model, questions=1, cached=1, uncached_cost=answer.cost)
    return Usage(
        model=answer.model,
        questions=1,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        estimated=answer.estimated,
        cost=answer.cost,
        uncached_cost=answer.cost,
    )


def sum_usage(usages: Sequence[Usage]) -> Usage:
    """Sum the usage of several models, with joined names; the cost is None if any cost is unknown."""
    return Usage(
        model=", ".join(dict.fromkeys(usage.model for usage in usages)),
        questions=sum(usage.questions for usage in usages),
        cached=sum(usage.cached for usage in usages),
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        estimated=any(usage.estimated for usage in usages),
        cost=sum_known([usage.cost for usage in usages]),
        uncached_cost=sum_known([usage.uncached_cost for usage in usages]),
    )


def sum_known(numbers: Sequence[float | None]) -> float | None:
    """Return the sum, or None if any number is not known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def format_usage(usages: Sequence[Usage]) -> str:
    """Format usage: ``7 questions, 3 from the store, 12,345 tokens, $0.12``; empty if no question was asked.

    Estimated tokens are ``about 12,345 tokens``; what is not paid by tokens has none.
    """
    if not usages:
        return ""
    whole = sum_usage(usages)
    parts = [f"{whole.questions} question{'' if whole.questions == 1 else 's'}"]
    if whole.cached:
        parts.append(f"{whole.cached} from the store")
    if whole.questions > whole.cached:
        tokens = whole.prompt_tokens + whole.completion_tokens
        parts += [f"{'about ' * whole.estimated}{tokens:,} tokens"] if tokens else []
        cost = whole.cost
        digits = 4 if cost and cost < 0.01 else 2
        parts.append("price not known" if cost is None else f"${cost:,.{digits}f}")
    return ", ".join(parts)
