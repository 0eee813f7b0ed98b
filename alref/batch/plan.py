"""Estimate what is left of a batch: units, hours, tokens and dollars, from the units that are finished."""

from __future__ import annotations

from alref.batch.runner import BatchRunner
from alref.batch.units import Unit, UnitSummary
from alref.records import Record

MAX_MEASURED = 200
"""Maximum number of finished units that an estimate is made from."""


class BatchPlan(Record):
    """Counts of a batch, and estimates for the units that are left; None where nothing was measured or a price is not known."""

    rows: int
    done: int
    failed: int
    left: int
    measured: int
    hours: float | None = None
    tokens: int | None = None
    dollars: float | None = None


def plan_batch(runner: BatchRunner, jobs: int) -> BatchPlan:
    """Count the units of a batch and estimate the rest; ``jobs`` units are computed at a time. Nothing is computed."""
    measured: list[UnitSummary] = []
    done, left, failed = 0, 0, 0
    for item in runner.list_waiting():
        if isinstance(item, Unit):
            left += 1
        elif item.summary is not None:
            done += 1
            measured += [item.summary] * (done <= MAX_MEASURED)
        else:
            failed += 1
    return _estimate_rest(measured, done, failed, left, jobs)


def _estimate_rest(units: list[UnitSummary], done: int, failed: int, left: int, jobs: int) -> BatchPlan:
    plan = BatchPlan(rows=done + failed + left, done=done, failed=failed, left=left, measured=len(units))
    if not units:
        return plan
    share = left / len(units)
    seconds = sum(sum(unit.seconds.values()) for unit in units)
    usages = [usage for unit in units for usage in unit.usage]
    costs = [usage.uncached_cost for usage in usages]
    tokens = sum(usage.prompt_tokens + usage.completion_tokens for usage in usages)
    dollars = None if None in costs else share * sum(cost or 0.0 for cost in costs)
    return plan.model_copy(update={"hours": share * seconds / jobs / 3600, "tokens": round(share * tokens), "dollars": dollars})
