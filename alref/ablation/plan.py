"""What an ablation will take, without running any of it: calls of stages from its file, time and cost from what is done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from alref.ablation.folder import ROWS
from alref.ablation.grid import Row
from alref.components.dataset import Dataset
from alref.errors import InputError
from alref.evaluation import folder as evaluations
from alref.evaluation.change_detection import still_done
from alref.evaluation.folder import EvaluationFolder, load_evaluation
from alref.llm.cost_estimate import expected
from alref.llm.prompt_templates import Task
from alref.llm.reasoner import ChatReasoner
from alref.llm.usage import total
from alref.records import Record, Reference
from alref.result import Usage

ORDER = ("transcriber", "tagger", "unifier", "temporal", "proposer", "spatial", "propagator", "locator")
"""The kinds of stage as they work: what each gives depends on those before it."""
OWN = "alref"
"""The distribution whose reasoners are known: they ask through ``ChatReasoner``, or not at all."""
Chain = tuple[Hashable, ...]


class Calls(Record):
    """Calls of one kind of stage: if each row were run alone, at most with sharing, and at most of these still to do."""

    alone: int
    shared: int
    left: int


class Plan(Record):
    """What is still to be taken. ``seconds`` are of the stages, one after the other; None is not known.

    ``rows`` counts the videos that are done. ``unmeasured`` names stages of which no video is done. ``bounded`` says that
    ``questions`` is the most that the options allow, tokens and dollars what they would take by rules of thumb; None for all
    three says that it is not known yet what a reasoner asks.
    """

    videos: int
    rows: dict[str, int]
    calls: dict[str, Calls]
    unmeasured: tuple[str, ...]
    seconds: float | None
    questions: int | None
    bounded: bool
    tokens: int | None
    dollars: float | None


@dataclass(frozen=True)
class _Left:
    """Calls of one stage on one video that are still to do, and a row that makes them."""

    video: str
    slot: str
    row: Row
    count: int


@dataclass
class _Measured:
    """What was measured on videos that are done: seconds by choice of a stage; questions, tokens, dollars by reasoners."""

    done: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[Hashable, list[float]] = field(default_factory=lambda: defaultdict(list))
    questions: dict[Hashable, list[float]] = field(default_factory=lambda: defaultdict(list))
    dollars: dict[Hashable, list[float | None]] = field(default_factory=lambda: defaultdict(list))
    tokens: Counter[Hashable] = field(default_factory=Counter)
    asked: Counter[Hashable] = field(default_factory=Counter)

    def add(self, row: Row, video: str, kept: evaluations.Row) -> None:
        self.done[row.name].add(video)
        for slot, seconds in kept.seconds.items():
            self.seconds[_choice(row, slot)].append(seconds)
        usage, reasoners = total(kept.usage), _reasoners(row)
        self.questions[reasoners].append(usage.questions)
        self.dollars[reasoners].append(usage.worth)
        self.tokens[reasoners] += usage.prompt_tokens + usage.completion_tokens
        self.asked[reasoners] += usage.questions - usage.kept


def plan(rows: Sequence[Row], data: Dataset, videos: Sequence[str], path: Path) -> Plan:
    """Plan the rows of an ablation whose folder is ``path``. Raises InputError when references cannot be read."""
    measured = _measured(rows, data, videos, path)
    alone: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    left: list[_Left] = []
    for video in videos:
        calls = _calls(data.references(video))
        for slot, count in calls.items():
            chains = {_chain(row, slot, calls): row for row in rows}
            done = {_chain(row, slot, calls) for row in rows if video in measured.done[row.name]}
            alone[slot] += count * len(rows)
            shared[slot] += count * len(chains)
            left += [_Left(video, slot, row, count) for chain, row in chains.items() if chain not in done]
    to_do = Counter({slot: sum(each.count for each in left if each.slot == slot) for slot in alone})
    return Plan(
        videos=len(videos),
        rows={row.name: len(measured.done[row.name]) for row in rows},
        calls={slot: Calls(alone=alone[slot], shared=shared[slot], left=to_do[slot]) for slot in ORDER if slot in alone},
        **_time(left, measured),
        **_asking([each for each in left if each.slot in ("temporal", "spatial")], measured, data),
    )


def _measured(rows: Sequence[Row], data: Dataset, videos: Sequence[str], path: Path) -> _Measured:
    found = _Measured()
    for row in rows:
        place = path / ROWS / row.folder
        try:
            asked = load_evaluation(place)
        except InputError:
            continue
        if asked.config == row.config.resolved() and row.config.versions().items() <= asked.versions.items():
            kept = EvaluationFolder(place, asked)
            for video in videos:
                if (one := still_done(kept, data, video)) is not None:
                    found.add(row, video, one)
    return found


def _calls(references: Sequence[Reference]) -> dict[str, int]:
    """Count the calls of each kind of stage for one video; a phrase for every reference is supposed."""
    asked = [each for each in references if not each.given]
    heard, spoken = sum(each.sound for each in asked), sum(each.spoken is not None for each in asked)
    read = sum(bool(each.text.strip()) or each.spoken is not None for each in asked)
    once = int(bool(asked))
    counts = {"transcriber": spoken, "tagger": heard, "unifier": read, "locator": heard, "propagator": int(bool(references))}
    counts.update(dict.fromkeys(("temporal", "proposer", "spatial"), once))
    return {slot: counts[slot] for slot in ORDER if counts[slot]}


def _choice(row: Row, slot: str) -> Hashable:
    """Return what tells a row's stage from others."""
    choice = row.config.stages[slot]
    who = choice.component.distribution, choice.component.name
    return slot, *who, choice.options.model_dump_json(), row.config.run.device


def _reasoners(row: Row) -> Hashable:
    return _choice(row, "temporal"), _choice(row, "spatial")


def _chain(row: Row, slot: str, used: Iterable[str]) -> Chain:
    """Return what tells a row's call of a stage from others: its own choice and those before it, of the kinds used."""
    before = {"tagger": (), "unifier": ("transcriber",)}.get(slot, ORDER[: ORDER.index(slot)])
    window = row.config.video.model_dump_json()
    return window, *(_choice(row, each) for each in (*before, slot) if each in used)


def _time(left: Sequence[_Left], measured: _Measured) -> dict[str, Any]:
    unmeasured: dict[str, None] = {}
    seconds = 0.0
    for each in left:
        known = measured.seconds.get(_choice(each.row, each.slot))
        seconds += fmean(known) if known else 0.0
        if not known:
            unmeasured[f"{each.slot} {each.row.config.stages[each.slot].component.name}"] = None
    return {"seconds": None if unmeasured else seconds, "unmeasured": tuple(unmeasured)}


def _asking(left: Sequence[_Left], measured: _Measured, data: Dataset) -> dict[str, Any]:
    """Say what reasoners that are ``left`` ask language models: by the means of videos done, else by rules of thumb."""
    askers = {each.row.name: _askers(each.row) for each in left}
    unmeasured = [each for each in left if _reasoners(each.row) not in measured.questions]
    if not any(askers[each.row.name] for each in unmeasured):
        ends = [_reasoners(each.row) for each in left if each.slot == "spatial"]
        known = [_usual(each, measured) for each in ends if each in measured.questions]
        questions, tokens, dollars = (_sum(column) for column in zip(*known, strict=True)) if known else (0.0, 0.0, 0.0)
        whole = None if tokens is None else round(tokens)
        return {"questions": round(questions or 0), "bounded": False, "tokens": whole, "dollars": dollars}
    if any(None in askers[each.row.name].values() for each in unmeasured):
        return dict.fromkeys(("questions", "tokens", "dollars")) | {"bounded": False}
    taken = total([usage for each in left for usage in _expected(each, askers[each.row.name].get(each.slot), data)])
    tokens_taken = taken.prompt_tokens + taken.completion_tokens
    return {"questions": taken.questions, "bounded": True, "tokens": tokens_taken, "dollars": taken.worth}


def _askers(row: Row) -> dict[str, ChatReasoner | None]:
    """Return the stages that may ask a language model, by slot; None where somebody else's reasoner may ask by itself."""
    chosen = {slot: row.config.stages[slot] for slot in ("temporal", "spatial")}
    made = {slot: choice.component.cls(choice.options) for slot, choice in chosen.items()}
    asking: dict[str, ChatReasoner | None] = {slot: each for slot, each in made.items() if isinstance(each, ChatReasoner)}
    others = {slot for slot, choice in chosen.items() if choice.component.distribution != OWN}
    return asking | dict.fromkeys(others - {*asking})


def _expected(left: _Left, asker: ChatReasoner | None, data: Dataset) -> Iterator[Usage]:
    """Estimate what a reasoner takes for each reference of a video, a phrase for each; nothing where it asks no model."""
    if asker is None:
        return
    frames = len(data.open(left.video)) if left.slot == "temporal" else 0
    for reference in data.references(left.video):
        about: Task = "frame_sound" if reference.sound and not reference.text else "frame_text"
        yield expected(asker, "box" if left.slot == "spatial" else about, frames)


def _usual(reasoners: Hashable, measured: _Measured) -> tuple[float, float | None, float | None]:
    """Return questions, tokens and dollars of a video; tokens are known of answers that were not kept."""
    questions, asked = fmean(measured.questions[reasoners]), measured.asked[reasoners]
    tokens = questions * measured.tokens[reasoners] / asked if asked else None if questions else 0.0
    worth = _sum(measured.dollars[reasoners])
    return questions, tokens, None if worth is None else worth / len(measured.dollars[reasoners])


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [each for each in numbers if each is not None]
    return sum(known) if len(known) == len(numbers) else None
