"""Output of the commands that evaluate: progress, cost and the final table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from alref.cli.console import make_console
from alref.cli.progress import emit_event
from alref.cli.progress_lines import ProgressLines
from alref.cli.verbose_option import is_verbose
from alref.errors import AlrefError
from alref.evaluation.summary import EvaluationSummary, format_verdicts
from alref.llm.usage import format_usage, group_by_model
from alref.result import Usage

if TYPE_CHECKING:
    from alref.evaluation.plan import EvaluationPlan
    from alref.evaluation.runner import VideoOutcome


class EvaluationProgress:
    """Counts finished videos: a progress bar with remaining time and cost, or one JSON event per line.

    ``jobs`` videos are processed concurrently.
    """

    def __init__(self, total: int, jobs: int, as_json: bool, quiet: bool, verbose: bool) -> None:
        self._total, self._json, self._quiet, self._verbose = total, as_json, quiet, verbose
        self._jobs, self._done, self._uncached, self._failed, self._seconds = jobs, 0, 0, 0, 0.0
        self._usage: list[Usage] = []
        rest = TextColumn("{task.fields[rest]}")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), rest)
        console = make_console(stderr=True, quiet=as_json or quiet)
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._lines: ProgressLines | None = None
        self._task: TaskID = self._bar.add_task("videos", total=total, rest="")

    def __enter__(self) -> Self:
        self._bar.start()
        quiet = self._json or self._quiet or self._bar.console.is_terminal
        self._lines = ProgressLines("videos", self._total, quiet)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()
        if kind is not None and not self._json:
            click.echo(f"stopped: {self._done} of {self._total} videos are done, {self._failed} failed", err=True)

    def add_outcome(self, outcome: VideoOutcome, **labels: str) -> None:
        """Count one video; ``labels`` describe it, for example the row of an ablation."""
        self._done += outcome.error is None
        self._failed += outcome.error is not None
        self._uncached += not outcome.already_done
        self._seconds += 0.0 if outcome.already_done else outcome.seconds
        self._usage += outcome.usage
        self._bar.update(self._task, completed=self._done + self._failed, rest=self.format_remaining())
        if self._lines is not None:
            self._lines.show(self._done + self._failed, self.format_remaining())
        if self._json:
            error = str(outcome.error) if outcome.error else None
            emit_event(
                "video", **labels, video=outcome.video, seconds=outcome.seconds, cached=outcome.already_done, error=error
            )
        elif outcome.error is not None:
            message = str(outcome.error)
            video = [] if message.startswith(outcome.video) else [outcome.video]
            click.echo(": ".join([*labels.values(), *video, message]), err=True)
        if self._verbose and outcome.error is not None:
            click.echo("".join(format_exception(outcome.error)), err=True)

    def format_remaining(self) -> str:
        """Format the remaining time, the usage of language models and the estimated total cost.

        The pace is the time of one video divided by ``jobs``, since other videos are in progress when the first one finishes.
        """
        waiting = self._total - self._done - self._failed
        pace = self._seconds / max(1, self._uncached) / max(1, self._jobs)
        parts = [f"{format_duration(pace * waiting)} left"] if self._uncached and waiting else []
        usages = group_by_model(self._usage)
        if usages:
            parts.append(format_usage(usages))
        costs = [each.cost for each in usages]
        if usages and None not in costs and any(costs):
            spent = sum(cost or 0 for cost in costs)
            parts.append(f"about ${spent * (1 + waiting / max(1, self._uncached)):,.2f} in all")
        return ", ".join(parts)


def format_duration(seconds: float) -> str:
    """Format a duration: ``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def format_estimate(tokens: int | None, dollars: float | None) -> str:
    """Format estimated tokens and cost; None is unknown."""
    cost = "unknown" if dollars is None else f"about ${dollars:,.2f}"
    return f"tokens: {'unknown' if tokens is None else f'about {tokens:,}'}; cost: {cost}"


def print_plan(plan: EvaluationPlan, as_json: bool) -> None:
    """Print the counts and estimates of an evaluation that was not run, or one JSON event."""
    if as_json:
        emit_event("plan", **plan.model_dump(mode="json"))
        return
    runs, most = (f"{plan.runs:,} runs of ", "at most ") if plan.runs > 1 else ("", "")
    done = f"{plan.done:,} of {plan.runs * plan.videos:,} videos are done"
    click.echo(f"{runs}{plan.videos:,} videos with {plan.references:,} references: {done}")
    if plan.done == plan.runs * plan.videos:
        click.echo("nothing is left to run")
        return
    if plan.hours is None:
        click.echo("time and cost: unknown; run the same command with --limit 3 and without --plan to measure some videos")
        return
    sample = f"measured on {plan.measured_references:,} finished references"
    click.echo(f"time for the rest: {most}about {format_duration(3600 * plan.hours)}, {sample}")
    if plan.questions:
        click.echo(f"questions: {most}about {plan.questions:,}; {format_estimate(plan.tokens, plan.dollars)}")


def print_summary(summary: EvaluationSummary, path: Path, files: Sequence[Path], flags: Mapping[str, Any]) -> None:
    """Print the tables of an evaluation and the paths of its ``files``, or one JSON event."""
    if flags["as_json"]:
        emit_event("finished", out=str(path), **summary.model_dump(mode="json", exclude={"lines"}))
        return
    if flags["quiet"]:
        return
    console = make_console()
    if summary.tables:
        console.print(build_score_table(summary))
    if summary.verdicts:
        console.print(f"references: {format_verdicts(summary.verdicts, summary.warning)}", markup=False, soft_wrap=True)
    if summary.usage:
        console.print(format_usage(summary.usage))
    for line in _list_remarks(summary, path):
        console.print(line, markup=False, soft_wrap=True)
    for file in files:
        console.print(file, soft_wrap=True)


def _list_remarks(summary: EvaluationSummary, path: Path) -> Iterator[str]:
    """Yield what is missing from the table."""
    done = f"{summary.scored_count} of {summary.requested}"
    if summary.scored_count < summary.requested or summary.failed:
        yield f"{done} videos are {'in this table' if summary.tables else 'done'}; {len(summary.failed)} failed"
    if summary.repeats and len(set(summary.repeats.videos)) > 1:
        yield f"the runs have scored different numbers of videos: {', '.join(map(str, summary.repeats.videos))}"
    if summary.verdicts.keys() == {"silent"}:
        silent = summary.verdicts["silent"]
        yield f"no sound was recognized for any of {silent} references, so all masks are empty: check the audio files"
    if not summary.tables:
        yield f"masks of {done} videos; the truth is not public: alref submit {path}"


def print_logged(outcomes: Iterable[tuple[str, str | AlrefError]], flags: Mapping[str, Any]) -> list[AlrefError]:
    """Print where each logger recorded an evaluation, or its error, and return the errors."""
    errors = []
    for name, outcome in outcomes:
        if isinstance(outcome, AlrefError):
            errors.append(outcome)
            click.echo(f"{outcome}; the evaluation is complete: run the same command to record it again", err=True)
            if is_verbose():
                click.echo("".join(format_exception(outcome)), err=True)
        if flags["as_json"]:
            error = str(outcome) if isinstance(outcome, AlrefError) else None
            emit_event("logged", logger=name, place=None if error else outcome, error=error)
        elif not isinstance(outcome, AlrefError) and not flags["quiet"]:
            click.echo(f"{name}: {outcome}")
    return errors


def build_score_table(summary: EvaluationSummary) -> Table:
    """Build a table of all metrics by protocol; means over videos have their intervals."""
    held = ", ".join(f"{part} of {total} {what}" for what, (part, total) in summary.held.items() if total)
    title = f"{summary.dataset}, {summary.split}{f': {held}' if held else ''}{' (partial)' if summary.is_partial else ''}"
    repeats = summary.repeats
    spread = [f"mean ± std of {len(repeats.videos)} runs"] if repeats else []
    table = Table(Column("protocol", overflow="fold"), "metric", "value", "95 % interval", *spread, title=title)
    table.caption = "Scores are in percent." + (" Intervals are bootstrapped over videos." if summary.intervals else "")
    for each in summary.tables:
        for name in each.metrics:
            interval = summary.get_interval(each, name)
            ends = f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}" if interval else ""
            table.add_row(
                each.protocol,
                f"{name} (partial)" if summary.is_partial and name == each.main_metric else each.describe_metric(name),
                each.format_metric(name, 2),
                ends,
                *([repeats.format_spread(each, name, 2)] if repeats else []),
                style="bold" if name == each.main_metric else None,
            )
    return table
