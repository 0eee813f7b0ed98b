"""Output of ``alref plugins check``: each check as it runs, then how to fix the failures."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from textwrap import fill
from types import TracebackType
from typing import Any, Self

from rich.text import Text

from alref.cli.console import make_console
from alref.cli.progress import emit_event
from alref.errors import ContractError
from alref.plugins.registered import RegisteredClass
from alref.testing.runner import CheckOutcome, CheckState

STYLES: dict[CheckState, str] = {"passed": "green", "failed": "bold red", "skipped": "dim", "not exercised": "yellow"}
SLOW_SECONDS = 1.0
"""Seconds above which the duration of a check is shown."""


class CheckReport:
    """Shows checks one by one, and prints a summary on exit, also after Ctrl-C."""

    def __init__(self, registered: RegisteredClass[Any], as_json: bool) -> None:
        self._registered, self._json = registered, as_json
        self._console = make_console(quiet=as_json)
        self._status = self._console.status("")
        self._outcomes: list[CheckOutcome] = []

    def __enter__(self) -> Self:
        registered = self._registered
        self._console.print(fill(f"{registered.name}  {registered.summary}", self._console.width), style="bold", soft_wrap=True)
        self._console.print(
            f"{' and '.join(registered.slots)}, from {registered.distribution} {registered.version}\n", soft_wrap=True
        )
        self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._status.stop()
        states = Counter(each.state for each in self._outcomes)
        counts = {state: states[state] for state in STYLES}
        if self._json:
            named = {state.replace(" ", "_"): count for state, count in counts.items()}
            seconds, completed = self._sum_seconds(), kind is None
            emit_event("finished", component=self._registered.name, **named, seconds=seconds, completed=completed)
            return
        failed = [each for each in self._outcomes if each.state == "failed"]
        for number, outcome in enumerate(failed, 1):
            self._console.print()
            self._print_lines(str(number), "bold", outcome.requirement, outcome.reason, f"To do: {outcome.advice}")
        summary = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "nothing was checked"
        early = "" if kind is None else "stopped early: "
        self._console.print(f"\n{early}{summary}; {self._sum_seconds():.0f} s")

    def start_check(self, requirement: str) -> None:
        """Show which check is running."""
        self._status.update(requirement)

    def add_outcome(self, outcome: CheckOutcome) -> None:
        """Show the outcome of a check."""
        self._outcomes.append(outcome)
        if self._json:
            emit_event("check", **asdict(outcome))
            return
        took = f" ({outcome.seconds:.0f} s)" if outcome.seconds >= SLOW_SECONDS else ""
        reason = [outcome.reason] if outcome.state in ("skipped", "not exercised") else []
        self._print_lines(outcome.state, STYLES[outcome.state], outcome.requirement + took, *reason)

    def get_exit_code(self) -> int:
        """Return the exit code: 0 if every check passed, or was skipped for a good reason."""
        states = {each.state for each in self._outcomes}
        return ContractError.exit_code if states & {"failed", "not exercised"} else 0

    def _sum_seconds(self) -> float:
        return sum(each.seconds for each in self._outcomes)

    def _print_lines(self, word: str, style: str, *lines: str) -> None:
        """Print wrapped lines beside a label."""
        for number, line in enumerate(lines):
            before = "" if number else word
            folded = fill(line, self._console.width, initial_indent=f"{before:14}", subsequent_indent=" " * 14)
            self._console.print(Text.assemble((folded[:14], style), folded[14:]), soft_wrap=True)
