"""What a run may cost before it starts: the most questions to language models, and their price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alref.config import Configuration, RunOptions
from alref.llm.cost_estimate import estimate_review, estimate_selection, estimate_usage
from alref.llm.reasoner import ChatReasoner
from alref.llm.tasks import PivotTask
from alref.llm.usage import group_by_model
from alref.records import Reference
from alref.result import Usage


def forecast_usage(config: Configuration, frames: int, references: Sequence[Reference]) -> tuple[Usage, ...]:
    """Return the most that language models and paid services are asked in a video of ``frames`` frames, by model; may be empty.

    Each reference counts as one phrase with one track, and in the order ``tracks`` as two nouns for each attempt. The price is
    None where it is not known.
    """
    found: list[Usage] = []
    for slot in list_asking_slots(config.run):
        if reasoner := _make_reasoner(config, slot):
            found += estimate_slot(reasoner, slot, config.run, frames, references)
    return group_by_model([*found, *_estimate_requests(config, frames, references)])


def _estimate_requests(config: Configuration, frames: int, references: Sequence[Reference]) -> Iterator[Usage]:
    """Yield the maximum usage of paid services by trackers and propagators: a request for each noun, or one for all boxes."""
    prompted = sum(reference.has_prompt for reference in references)
    tracked = config.run.order == "tracks"
    nouns = 2 * config.run.attempts * (len(references) - prompted)
    counts = {"tracker": nouns if tracked else 0, "propagator": int(prompted > 0 or not tracked)}
    for slot, count in counts.items():
        if count and slot in config.slots:
            choice = config.slots[slot]
            each = choice.component.cls(choice.options).estimate_request(frames)
            if each is not None:
                price = None if each.uncached_cost is None else count * each.uncached_cost
                yield each.model_copy(update={"questions": count, "uncached_cost": price})


def list_asking_slots(run: RunOptions) -> list[str]:
    """List the slots that a run uses and whose components may ask a language model, in the order of work."""
    slots = ["selector"] if run.order == "tracks" else ["temporal", "spatial"]
    return [*slots, "reviewer"] if run.review else slots


def estimate_slot(
    reasoner: ChatReasoner, slot: str, run: RunOptions, frames: int, references: Sequence[Reference]
) -> Iterator[Usage]:
    """Yield the maximum usage of the reasoner of a slot for each reference without a prompt."""
    for reference in references:
        if reference.has_prompt:
            continue
        if slot == "selector":
            yield estimate_selection(reasoner, run.attempts, run.rounds, run.audit)
        elif slot == "reviewer":
            yield estimate_review(reasoner, run.review)
        else:
            about: PivotTask = "frame_sound" if reference.sound and not reference.text else "frame_text"
            yield estimate_usage(reasoner, "box" if slot == "spatial" else about, frames)


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
