"""Output of ``alref batch``: progress with and without a terminal, the plan, and the final table."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from types import TracebackType
from typing import Any, Self

import click
from rich.box import SIMPLE
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column, Table

from alref.batch.plan import BatchPlan
from alref.batch.report import BatchSummary
from alref.batch.runner import UnitOutcome
from alref.cli.console import make_console
from alref.cli.eval_output import format_duration, format_estimate
from alref.cli.progress import emit_event
from alref.cli.progress_lines import ProgressLines
from alref.evaluation.summary import format_verdicts
from alref.llm.usage import format_usage

MAX_SHOWN_FAILURES = 20
"""Maximum number of failures in the final table; the page has all."""


class BatchProgress:
    """Counts rows: a progress bar, lines without a terminal, or one JSON event per line. ``total`` is None for a stream."""

    def __init__(self, summary: BatchSummary, total: int | None, flags: Mapping[str, Any]) -> None:
        self._summary, self._total, self._json = summary, total, flags["as_json"]
        self._started = monotonic()
        self._quiet = flags["as_json"] or flags["quiet"]
        console = make_console(stderr=True, quiet=self._quiet)
        columns = (TextColumn("units"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rest]}"))
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: TaskID = self._bar.add_task("units", total=total, rest="")
        self._lines: ProgressLines | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        self._lines = ProgressLines("units", self._total or 0, self._quiet or self._bar.console.is_terminal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()
        if kind is not None and not self._json:
            click.echo(f"stopped: {self._summary.done} units are done, {self._summary.states['failed']} failed", err=True)

    def add_outcome(self, outcome: UnitOutcome) -> None:
        """Count a row and show it."""
        self._summary.add_outcome(outcome)
        count = self._summary.states.total()
        self._bar.update(self._task, completed=count, rest=self.format_rest())
        if self._lines is not None:
            self._lines.show(count, self.format_rest())
        error = outcome.failure.error if outcome.failure else None
        if self._json:
            facts = {"key": outcome.key, "state": outcome.state, "seconds": round(outcome.seconds, 3), "error": error}
            emit_event("unit", id=outcome.id, **facts)
        elif error is not None:
            click.echo(f"{outcome.id}: {error}", err=True)

    def format_rest(self) -> str:
        """Format what failed, what is left, the units per hour, and the cost so far."""
        summary, computed = self._summary, self._summary.states["done"]
        pace = computed / max(1e-9, monotonic() - self._started)
        parts = [f"{summary.states['failed']} failed"] if summary.states["failed"] else []
        if self._total is not None and (left := self._total - summary.states.total()):
            parts.append(f"{left} left")
            parts += [format_duration(left / pace)] if computed else []
        parts += [f"{3600 * pace:,.0f} per hour"] if computed else []
        parts += [format_usage(summary.usage)] if summary.usage else []
        return ", ".join(parts)


def report_waiting(line: str, flags: Mapping[str, Any]) -> None:
    """Print what happens to the questions that units wait for, or one JSON event."""
    if flags["as_json"]:
        emit_event("waiting", message=line)
    elif not flags["quiet"]:
        click.echo(line, err=True)


def print_batch_plan(plan: BatchPlan, as_json: bool) -> None:
    """Print counts and estimates, or one JSON event."""
    if as_json:
        emit_event("plan", **plan.model_dump(mode="json"))
        return
    click.echo(f"units: {plan.rows:,}, of which {plan.done:,} are done, {plan.failed:,} failed, {plan.left:,} are left")
    if plan.hours is None:
        click.echo("time and cost: unknown; run the same command with --limit 3 and without --plan to measure some units")
        return
    click.echo(f"time: about {format_duration(3600 * plan.hours)}, by {plan.measured} finished units")
    click.echo(format_estimate(plan.tokens, plan.dollars) if plan.tokens else "language models: not used")


def print_batch_summary(summary: BatchSummary, page: str, flags: Mapping[str, Any]) -> None:
    """Print failures, then counts, or one JSON event."""
    if flags["as_json"]:
        emit_event("finished", page=page, **summary.to_dict())
        return
    if flags["quiet"]:
        return
    console = make_console()
    if summary.failures:
        table = Table(Column("failed", overflow="fold"), Column("error", overflow="fold"), "attempts", box=SIMPLE)
        for each in summary.failures[:MAX_SHOWN_FAILURES]:
            table.add_row(each.id, each.error, str(each.attempt))
        console.print(table)
        hidden = len(summary.failures) - MAX_SHOWN_FAILURES
        console.print(f"and {hidden} more failures; " * (hidden > 0) + "run the same command with --retry-failed to try again")
    console.print(
        f"{summary.done} units are done, {summary.states['done']} of them by this run; {len(summary.failures)} failed"
    )
    if summary.verdicts:
        console.print(f"references: {format_verdicts(dict(summary.verdicts), '')}", soft_wrap=True)
    if summary.usage:
        console.print(format_usage(summary.usage))
    console.print(page, soft_wrap=True)
    console.print(f"index: alref collect {summary.store}", soft_wrap=True)
