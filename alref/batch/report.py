"""The end of a batch: its counts, its failures, and a page with the failures first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from alref.batch.runner import UnitOutcome
from alref.batch.units import UnitFailure, UnitSummary
from alref.llm.usage import group_by_model
from alref.output.html import make_environment
from alref.records import Finding
from alref.result import Usage

MAX_ROWS = 2000
"""Maximum number of units that the page lists; the index of ``alref collect`` has all."""


@dataclass
class BatchSummary:
    """Counts of a batch by state and verdict, the failures, the usage of language models, and the first units."""

    store: str
    states: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[Finding] = field(default_factory=Counter)
    failures: list[UnitFailure] = field(default_factory=list)
    units: list[UnitSummary] = field(default_factory=list)
    usage: tuple[Usage, ...] = ()
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """The number of finished units, including those of earlier runs and of other processes."""
        return self.states.total() - self.states["failed"]

    @property
    def cost(self) -> float | None:
        """Dollars that this run spent, None if a price is not known."""
        costs = [each.cost for each in self.usage]
        return None if None in costs else sum(cost or 0.0 for cost in costs)

    def add_outcome(self, outcome: UnitOutcome) -> None:
        """Count a row."""
        self.states[outcome.state] += 1
        if outcome.failure is not None:
            self.failures.append(outcome.failure)
        elif outcome.summary is not None:
            self._add_unit(outcome.summary)
            if outcome.state == "done":
                self.seconds += outcome.seconds
                self.usage = tuple(group_by_model([*self.usage, *outcome.summary.usage]))

    def _add_unit(self, unit: UnitSummary) -> None:
        verdicts = {each.reference: each.verdict for each in unit.objects}
        self.verdicts.update(verdicts.values())
        if len(self.units) < MAX_ROWS:
            self.units.append(unit)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints at the end."""
        return {
            "store": self.store,
            "done": self.done,
            "computed": self.states["done"],
            "failed": self.states["failed"],
            "verdicts": dict(self.verdicts),
            "cost": self.cost,
            "failures": [each.model_dump(mode="json") for each in self.failures],
        }


def render_batch_report(summary: BatchSummary, command: str) -> str:
    """Render the page of a batch: failures first, then the units."""
    return (
        make_environment()
        .get_template("batch.html.j2")
        .render(summary=summary, command=command, more=summary.done - len(summary.units))
    )
