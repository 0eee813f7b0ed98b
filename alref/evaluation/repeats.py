"""Repeated runs of an evaluation with other seeds, and the mean and standard deviation of their metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from statistics import fmean, stdev

from alref.components.dataset import Dataset
from alref.components.scores import NAN_CONFIG, ScoreTable
from alref.config import Configuration, SlotConfiguration, SlotConfigurations
from alref.evaluation.folder import EvaluationSpec
from alref.pipeline.forecast import list_asking_slots
from alref.plugins.registered import REASONER_SLOTS
from alref.records import Record

REPEATS_FOLDER = "repeats"


@dataclass(frozen=True)
class EvaluationRun:
    """One run of an evaluation: its configuration, its settings as stored, and its folder."""

    config: Configuration
    spec: EvaluationSpec
    path: Path


class RepeatSummary(Record):
    """The metrics of all runs, by protocol and name, and the number of scored videos of each; see ``get_spread``."""

    model_config = NAN_CONFIG

    values: dict[str, dict[str, tuple[float, ...]]]
    videos: tuple[int, ...]

    def get_spread(self, protocol: str, name: str) -> tuple[float, float] | None:
        """Return the mean of a metric over the runs and its sample standard deviation; None if a run lacks it."""
        values = self.values.get(protocol, {}).get(name, ())
        if len(values) < len(self.videos) or any(map(isnan, values)):
            return None
        return fmean(values), stdev(values)

    def format_spread(self, table: ScoreTable, name: str, decimals: int) -> str:
        """Format mean and standard deviation, in percent if the metric is a share: ``61.2 ± 0.4``; empty if there is none."""
        spread = self.get_spread(table.protocol, name)
        scale = 1 if name in table.counts else 100
        return " ± ".join(f"{scale * value:.{decimals}f}" for value in spread) if spread else ""


def list_runs(config: Configuration, dataset: Dataset, dataset_name: str, path: Path) -> list[EvaluationRun]:
    """List the runs that ``config.repeats`` asks for: the first in ``path``, the others below it, each with the next seeds.

    There is one run if no component has a seed.
    """
    paths = [path, *(path / REPEATS_FOLDER / str(number) for number in range(2, config.repeats + 1))]
    configs = [shift_seeds(config, shift) for shift in range(len(paths) if list_seeded_slots(config) else 1)]
    return [
        EvaluationRun(each, EvaluationSpec.from_command(dataset, each, dataset_name), folder)
        for each, folder in zip(configs, paths, strict=False)
    ]


def explain_repeats(config: Configuration) -> str:
    """Return why the runs of a configuration are equal, or almost; empty if they differ or there is one."""
    seeded = list_seeded_slots(config)
    if config.repeats == 1:
        return ""
    if not seeded:
        return "repeats: no component of this configuration has a seed, so all runs would be equal; it runs once"
    if any(getattr(config.slots[slot].options, "temperature", 1) for slot in seeded):
        return ""
    names = " and ".join(dict.fromkeys(config.slots[slot].use for slot in seeded))
    return f"repeats: the temperature of {names} is 0, so runs may be equal; for other answers: -o reasoner.temperature=0.7"


def list_seeded_slots(config: Configuration) -> list[str]:
    """List the slots that a run uses and whose component has a seed and does not replay answers."""
    unused = set(REASONER_SLOTS) - set(list_asking_slots(config.run))
    return [slot for slot, choice in config.slots.items() if slot not in unused and _has_seed(choice)]


def shift_seeds(config: Configuration, shift: int) -> Configuration:
    """Return the configuration with ``shift`` added to every seed; a seed that is not set counts as 0."""
    choices = dict(config.slots)
    for slot in list_seeded_slots(config) if shift else ():
        options = choices[slot].options
        seed = (getattr(options, "seed", None) or 0) + shift
        choices[slot] = replace(choices[slot], options=options.model_copy(update={"seed": seed}))
    return replace(config, slots=SlotConfigurations(choices, config.slots.unavailable))


def summarize_repeats(tables: Sequence[Sequence[ScoreTable]], videos: Sequence[int]) -> RepeatSummary:
    """Collect the metrics of all runs from their tables, and the number of scored ``videos`` of each."""
    values: dict[str, dict[str, tuple[float, ...]]] = {}
    for table in (table for of_run in tables for table in of_run):
        metrics = values.setdefault(table.protocol, {})
        for name, value in table.metrics.items():
            metrics[name] = (*metrics.get(name, ()), value)
    return RepeatSummary(values=values, videos=tuple(videos))


def _has_seed(choice: SlotConfiguration) -> bool:
    options = choice.options
    return "seed" in type(options).model_fields and getattr(options, "replay", None) is None
