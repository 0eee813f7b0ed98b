"""Estimate an ablation without running it: stage calls from its file, time and cost from finished videos."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from alref.ablation.folder import ROWS_FOLDER
from alref.ablation.grid import AblationRow
from alref.components.dataset import Dataset
from alref.errors import InputError
from alref.evaluation import folder as evaluations
from alref.evaluation.change_detection import find_unchanged_row
from alref.evaluation.folder import EvaluationFolder, load_evaluation
from alref.llm.reasoner import ChatReasoner
from alref.llm.usage import sum_known, sum_usage
from alref.pipeline.forecast import estimate_slot, list_asking_slots
from alref.records import Record, Reference
from alref.result import Usage

SLOT_ORDERS = {
    "pivot": ("transcriber", "tagger", "unifier", "temporal", "proposer", "spatial", "propagator", "locator", "reviewer"),
    "tracks": ("transcriber", "tagger", "unifier", "locator", "tracker", "selector", "propagator", "reviewer"),
}
"""Stage kinds in the order of work, by the order of the run; each output depends on the earlier stages."""
ASKING_SLOTS = ("temporal", "spatial", "selector", "reviewer")
"""Slots whose components may ask a language model."""
OWN_DISTRIBUTION = "alref"
"""The distribution whose reasoners are known: they use ``ChatReasoner`` or no language model."""
ChainKey = tuple[Hashable, ...]


class CallCounts(Record):
    """Calls of one stage kind: without sharing, with sharing (upper bound), and remaining (upper bound)."""

    alone: int
    shared: int
    remaining: int


class AblationPlan(Record):
    """Estimate of the remaining work of an ablation; unknown values are None.

    ``rows`` counts finished videos by row. ``not_measured`` names stages that no finished video covers. ``seconds`` is the sum
    over stages run one after the other. If ``is_upper_bound``, ``questions`` is an upper bound, and tokens and
    dollars are rough estimates.
    """

    videos: int
    rows: dict[str, int]
    calls: dict[str, CallCounts]
    not_measured: tuple[str, ...]
    seconds: float | None
    questions: int | None
    is_upper_bound: bool
    tokens: int | None
    dollars: float | None


@dataclass(frozen=True)
class _RemainingCalls:
    """Remaining calls of one stage on one video, and a row that makes them."""

    video: str
    slot: str
    row: AblationRow
    count: int


@dataclass
class _Measurements:
    """Measurements of finished videos: seconds by stage choice; questions, tokens and dollars by reasoners."""

    done: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[Hashable, list[float]] = field(default_factory=lambda: defaultdict(list))
    questions: dict[Hashable, list[float]] = field(default_factory=lambda: defaultdict(list))
    dollars: dict[Hashable, list[float | None]] = field(default_factory=lambda: defaultdict(list))
    tokens: Counter[Hashable] = field(default_factory=Counter)
    uncached_questions: Counter[Hashable] = field(default_factory=Counter)

    def add_video(self, row: AblationRow, video: str, result_row: evaluations.EvaluationRow) -> None:
        self.done[row.name].add(video)
        for slot, seconds in result_row.seconds.items():
            self.seconds[_make_choice_key(row, slot)].append(seconds)
        usage, reasoners = sum_usage(result_row.usage), _make_reasoners_key(row)
        self.questions[reasoners].append(usage.questions)
        self.dollars[reasoners].append(usage.uncached_cost)
        self.tokens[reasoners] += usage.prompt_tokens + usage.completion_tokens
        self.uncached_questions[reasoners] += usage.questions - usage.cached


def plan_ablation(rows: Sequence[AblationRow], data: Dataset, videos: Sequence[str], path: Path) -> AblationPlan:
    """Plan the rows of an ablation whose folder is ``path``. Raises InputError if references cannot be read."""
    measured = _collect_measurements(rows, data, videos, path)
    alone: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    left: list[_RemainingCalls] = []
    for video in videos:
        references = data.read_references(video)
        calls = {row.name: _count_calls(references, row) for row in rows}
        for slot in dict.fromkeys(slot for each in calls.values() for slot in each):
            own = [row for row in rows if slot in calls[row.name]]
            keys = {row.name: _make_chain_key(row, slot, calls[row.name]) for row in own}
            chains = {keys[row.name]: row for row in own}
            done = {keys[row.name] for row in own if video in measured.done[row.name]}
            alone[slot] += sum(calls[row.name][slot] for row in own)
            shared[slot] += sum(calls[row.name][slot] for row in chains.values())
            left += [
                _RemainingCalls(video, slot, row, calls[row.name][slot]) for chain, row in chains.items() if chain not in done
            ]
    to_do = Counter({slot: sum(each.count for each in left if each.slot == slot) for slot in alone})
    return AblationPlan(
        videos=len(videos),
        rows={row.name: len(measured.done[row.name]) for row in rows},
        calls={
            slot: CallCounts(alone=alone[slot], shared=shared[slot], remaining=to_do[slot])
            for slot in dict.fromkeys(slot for slots in SLOT_ORDERS.values() for slot in slots)
            if slot in alone
        },
        **_estimate_time(left, measured),
        **_estimate_questions([each for each in left if each.slot in ASKING_SLOTS], measured, data),
    )


def _collect_measurements(rows: Sequence[AblationRow], data: Dataset, videos: Sequence[str], path: Path) -> _Measurements:
    found = _Measurements()
    for row in rows:
        folder = path / ROWS_FOLDER / row.folder_name
        try:
            spec = load_evaluation(folder)
        except InputError:
            continue
        if spec.config == row.config.to_dict() and row.config.get_versions().items() <= spec.versions.items():
            evaluation = EvaluationFolder(folder, spec)
            for video in videos:
                if (evaluation_row := find_unchanged_row(evaluation, data, video)) is not None:
                    found.add_video(row, video, evaluation_row)
    return found


def _count_calls(references: Sequence[Reference], row: AblationRow) -> dict[str, int]:
    """Count the calls of each stage kind of a row for one video, assuming one phrase per reference.

    Of the calls that follow an answer, such as those of another round, the first is counted.
    """
    unprompted = [each for each in references if not each.has_prompt]
    sounds, spoken = sum(each.sound for each in unprompted), sum(each.spoken is not None for each in unprompted)
    texts = sum(bool(each.text.strip()) or each.spoken is not None for each in unprompted)
    once = int(bool(unprompted))
    run = row.config.run
    given = int(len(unprompted) < len(references))
    counts = {"transcriber": spoken, "tagger": sounds, "unifier": texts, "locator": sounds}
    counts |= dict.fromkeys(("temporal", "proposer", "spatial", "tracker", "selector"), once)
    counts["propagator"] = int(bool(references)) if run.order == "pivot" else given
    counts["reviewer"] = once if run.review else 0
    return {slot: counts[slot] for slot in SLOT_ORDERS[run.order] if counts[slot]}


def _make_choice_key(row: AblationRow, slot: str) -> Hashable:
    """Return the key of a row's stage."""
    choice = row.config.slots[slot]
    who = choice.component.distribution, choice.component.name
    run = row.config.run
    settings = {"selector": (run.attempts, run.rounds, run.audit), "reviewer": (run.review,)}.get(slot, ())
    return slot, *who, choice.options.model_dump_json(), run.device, *settings


def _make_reasoners_key(row: AblationRow) -> Hashable:
    return tuple(_make_choice_key(row, slot) for slot in list_asking_slots(row.config.run))


def _make_chain_key(row: AblationRow, slot: str, used: Iterable[str]) -> ChainKey:
    """Return the key of a row's stage call: its own choice and those of earlier stages."""
    slots = SLOT_ORDERS[row.config.run.order]
    before = {"tagger": (), "unifier": ("transcriber",)}.get(slot, slots[: slots.index(slot)])
    window = row.config.video.model_dump_json()
    return window, *(_make_choice_key(row, each) for each in (*before, slot) if each in used)


def _estimate_time(remaining: Sequence[_RemainingCalls], measured: _Measurements) -> dict[str, Any]:
    unmeasured: dict[str, None] = {}
    seconds = 0.0
    for each in remaining:
        known = measured.seconds.get(_make_choice_key(each.row, each.slot))
        seconds += fmean(known) if known else 0.0
        if not known:
            unmeasured[f"{each.slot} {each.row.config.slots[each.slot].component.name}"] = None
    return {"seconds": None if unmeasured else seconds, "not_measured": tuple(unmeasured)}


def _estimate_questions(remaining: Sequence[_RemainingCalls], measured: _Measurements, data: Dataset) -> dict[str, Any]:
    """Estimate the language model usage of ``left``: from means of finished videos, else rough estimates."""
    askers = {each.row.name: _find_reasoners(each.row) for each in remaining}
    unmeasured = [each for each in remaining if _make_reasoners_key(each.row) not in measured.questions]
    if not any(askers[each.row.name] for each in unmeasured):
        ends = [_make_reasoners_key(each.row) for each in remaining if each.slot == list_asking_slots(each.row.config.run)[-1]]
        known = [_compute_mean_usage(each, measured) for each in ends if each in measured.questions]
        questions, tokens, dollars = (sum_known(column) for column in zip(*known, strict=True)) if known else (0.0, 0.0, 0.0)
        whole = None if tokens is None else round(tokens)
        return {"questions": round(questions or 0), "is_upper_bound": False, "tokens": whole, "dollars": dollars}
    if any(None in askers[each.row.name].values() for each in unmeasured):
        return dict.fromkeys(("questions", "tokens", "dollars")) | {"is_upper_bound": False}
    taken = sum_usage(
        [usage for each in remaining for usage in _estimate_usage(each, askers[each.row.name].get(each.slot), data)]
    )
    tokens_taken = taken.prompt_tokens + taken.completion_tokens
    return {"questions": taken.questions, "is_upper_bound": True, "tokens": tokens_taken, "dollars": taken.uncached_cost}


def _find_reasoners(row: AblationRow) -> dict[str, ChatReasoner | None]:
    """Return the stages that may call a language model, by slot; None if a third-party reasoner may call one."""
    chosen = {slot: row.config.slots[slot] for slot in list_asking_slots(row.config.run)}
    made = {slot: choice.component.cls(choice.options) for slot, choice in chosen.items()}
    asking: dict[str, ChatReasoner | None] = {slot: each for slot, each in made.items() if isinstance(each, ChatReasoner)}
    others = {slot for slot, choice in chosen.items() if choice.component.distribution != OWN_DISTRIBUTION}
    return asking | dict.fromkeys(others - {*asking})


def _estimate_usage(remaining: _RemainingCalls, reasoner: ChatReasoner | None, data: Dataset) -> Iterator[Usage]:
    """Estimate the usage of a reasoner per reference, one phrase each; zero if it calls no language model."""
    if reasoner is None:
        return
    frames = len(data.open_video(remaining.video)) if remaining.slot == "temporal" else 0
    references = data.read_references(remaining.video)
    yield from estimate_slot(reasoner, remaining.slot, remaining.row.config.run, frames, references)


def _compute_mean_usage(reasoners: Hashable, measured: _Measurements) -> tuple[float, float | None, float | None]:
    """Return questions, tokens and dollars of a video; cached answers count no tokens."""
    questions, uncached = fmean(measured.questions[reasoners]), measured.uncached_questions[reasoners]
    tokens = questions * measured.tokens[reasoners] / uncached if uncached else None if questions else 0.0
    uncached_cost = sum_known(measured.dollars[reasoners])
    return questions, tokens, None if uncached_cost is None else uncached_cost / len(measured.dollars[reasoners])
