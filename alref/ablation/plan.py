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
from alref.chat.reasoner import ChatOptions
from alref.datasets import Dataset
from alref.errors import InputError
from alref.evaluation import folder as evaluations
from alref.evaluation.folder import EvaluationFolder, load_evaluation
from alref.records import Record, Reference
from alref.usage import total

ORDER = ("transcriber", "tagger", "unifier", "temporal", "proposer", "spatial", "propagator", "locator")
"""The kinds of stage as they work: what each gives depends on those before it."""
Chain = tuple[Hashable, ...]


class Calls(Record):
    """Calls of one kind of stage: if each row were run alone, at most with sharing, and at most of these still to do."""

    alone: int
    shared: int
    left: int


class Plan(Record):
    """What is still to be taken. ``seconds`` are of the stages, one after the other; None is not known.

    ``rows`` counts the videos that are done. ``unmeasured`` names stages of which no video is done. ``bounded`` says that
    ``questions`` is the most that the options allow, and not what was measured.
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
    measured = _measured(rows, videos, path)
    alone: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    left: list[tuple[str, Row, int]] = []
    for video in videos:
        calls = _calls(data.references(video))
        for slot, count in calls.items():
            chains = {_chain(row, slot, calls): row for row in rows}
            done = {_chain(row, slot, calls) for row in rows if video in measured.done[row.name]}
            alone[slot] += count * len(rows)
            shared[slot] += count * len(chains)
            left += [(slot, row, count) for chain, row in chains.items() if chain not in done]
    to_do = Counter({slot: sum(count for each, _, count in left if each == slot) for slot in alone})
    return Plan(
        videos=len(videos),
        rows={row.name: len(measured.done[row.name]) for row in rows},
        calls={slot: Calls(alone=alone[slot], shared=shared[slot], left=to_do[slot]) for slot in ORDER if slot in alone},
        **_time(left, measured),
        **_asking([row for slot, row, _ in left if slot == "spatial"], measured, _references(data, videos)),
    )


def _measured(rows: Sequence[Row], videos: Sequence[str], path: Path) -> _Measured:
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
                if (one := kept.row(video)) is not None:
                    found.add(row, video, one)
    return found


def _references(data: Dataset, videos: Sequence[str]) -> float:
    """Return how many references a video has, on average."""
    return fmean(len(data.references(video)) for video in videos) if videos else 0.0


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


def _time(left: Sequence[tuple[str, Row, int]], measured: _Measured) -> dict[str, Any]:
    unmeasured: dict[str, None] = {}
    seconds = 0.0
    for slot, row, _ in left:
        known = measured.seconds.get(_choice(row, slot))
        seconds += fmean(known) if known else 0.0
        if not known:
            unmeasured[f"{slot} {row.config.stages[slot].component.name}"] = None
    return {"seconds": None if unmeasured else seconds, "unmeasured": tuple(unmeasured)}


def _asking(left: Sequence[Row], measured: _Measured, references: float) -> dict[str, Any]:
    """Estimate what is asked of language models on ``left``: a row for each video."""
    known = [row for row in left if _reasoners(row) in measured.questions]
    asking = [row for row in left if list(_most(row))]
    if all(_reasoners(row) in measured.questions for row in asking):
        each = [_usual(_reasoners(row), measured) for row in known]
        questions, tokens, dollars = (_sum(column) for column in zip(*each, strict=True)) if each else (0.0, 0.0, 0.0)
        whole = None if tokens is None else round(tokens)
        return {"questions": round(questions or 0), "bounded": False, "tokens": whole, "dollars": dollars}
    most = _sum([each for row in asking for each in _most(row)])
    questions = None if most is None else round(most * references)
    return {"questions": questions, "bounded": True, "tokens": None, "dollars": None}


def _usual(reasoners: Hashable, measured: _Measured) -> tuple[float, float | None, float | None]:
    """Return questions, tokens and dollars of a video; tokens are known of answers that were not kept."""
    questions, asked = fmean(measured.questions[reasoners]), measured.asked[reasoners]
    tokens = questions * measured.tokens[reasoners] / asked if asked else None if questions else 0.0
    worth = _sum(measured.dollars[reasoners])
    return questions, tokens, None if worth is None else worth / len(measured.dollars[reasoners])


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [each for each in numbers if each is not None]
    return sum(known) if len(known) == len(numbers) else None


def _most(row: Row) -> Iterator[int | None]:
    """Yield for each stage that asks a language model the most questions for a phrase; None where they go by the length."""
    for slot in ("temporal", "spatial"):
        options = row.config.stages[slot].options
        if isinstance(options, ChatOptions):
            yield 1 if slot == "spatial" else None if options.sampler == "paper" else options.max_questions
