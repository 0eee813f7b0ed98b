"""What a run may cost before it starts: the most questions to language models, and their price."""

from __future__ import annotations

from collections.abc import Sequence

from alref.config import Configuration
from alref.llm.cost_estimate import estimate_usage
from alref.llm.reasoner import ChatReasoner
from alref.llm.tasks import QuestionTask
from alref.llm.usage import group_by_model
from alref.records import Reference
from alref.result import Usage


def forecast_usage(config: Configuration, frames: int, references: Sequence[Reference]) -> tuple[Usage, ...]:
    """Return the most that language models are asked in a video of ``frames`` frames, by model; empty if none is asked.

    Each reference counts as one phrase. The price is None where it is not known: of the order ``tracks``, and of models
    without a price list.
    """
    asked = [each for each in references if not each.has_prompt]
    if config.run.order == "tracks":
        reasoner = _make_reasoner(config, "selector")
        most = 2 * config.run.attempts + config.run.rounds + config.run.audit
        usages = [Usage(model=reasoner.get_model_id(), questions=most, uncached_cost=None) for _ in asked] if reasoner else []
        return group_by_model(usages)
    found = []
    for slot in ("temporal", "spatial"):
        if reasoner := _make_reasoner(config, slot):
            for each in asked:
                about: QuestionTask = "frame_sound" if each.sound and not each.text else "frame_text"
                found.append(estimate_usage(reasoner, "box" if slot == "spatial" else about, frames))
    return group_by_model(found)


def _make_reasoner(config: Configuration, slot: str) -> ChatReasoner | None:
    if slot not in config.slots:
        return None
    choice = config.slots[slot]
    made = choice.component.cls(choice.options)
    return made if isinstance(made, ChatReasoner) else None


def format_forecast(usages: Sequence[Usage]) -> str:
    """Write a forecast in one line: ``up to 4 questions to gpt-4o, at most $0.12``."""
    parts = []
    for usage in usages:
        price = "price not known" if usage.uncached_cost is None else f"at most ${usage.uncached_cost:.2f}"
        questions = "1 question" if usage.questions == 1 else f"{usage.questions} questions"
        parts.append(f"up to {questions} to {usage.model}, {price}")
    return "; ".join(parts)
