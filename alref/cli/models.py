"""``alref models``: list the models that a configuration loads, with path, size and license, or download missing ones."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import click
from rich.box import SIMPLE
from rich.table import Table

from alref.cli.common_options import add_config_options, resolve_configuration
from alref.cli.console import make_console
from alref.config import UNIFIER_SLOTS, Configuration, SlotConfiguration
from alref.errors import AlrefError, MissingError, PluginErrorContext, Problem
from alref.models.weights import Weights, WeightsInfo
from alref.pipeline import contracts
from alref.pipeline.orders import ORDERS
from alref.pipeline.stage_runner import describe_call
from alref.plugins.manager import PluginManager
from alref.plugins.registered import SLOTS, get_flag_slot

NOTHING_TO_FETCH = "this configuration loads no models"


@dataclass(frozen=True)
class WeightsRow:
    """Weights that one component loads, and the slots that it fills."""

    slots: tuple[str, ...]
    choice: SlotConfiguration
    weights: Weights

    @property
    def component(self) -> str:
        """Return the name of the component."""
        return self.choice.component.name

    @cached_property
    def problems(self) -> list[Problem]:
        """Return why it cannot be loaded; empty if it can."""
        return self.assign_slot(self.choice.component.cls.find_missing_libraries() or self.weights.problems())

    def assign_slot(self, problems: list[Problem]) -> list[Problem]:
        """Return the problems, with the slot that the component fills."""
        return [problem.assign_slot(get_flag_slot(self.slots)) for problem in problems]

    def fetch_weights(self) -> str:
        """Download it and return its path. Raises AlrefError."""
        if missing := self.choice.component.cls.find_missing_libraries():
            raise MissingError(*missing)
        return str(self.weights.fetch_files())

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: sizes in bytes, None for unknown values and missing files."""
        bare = WeightsInfo(None, self.weights.size, self.weights.license)
        known = bare if self.choice.component.cls.find_missing_libraries() else self.weights.get_info()
        return {
            "slots": list(self.slots),
            "component": self.component,
            "model": self.weights.model,
            "option": self.weights.option,
            "size": known.size,
            "license": known.license or None,
            "path": str(known.path) if known.path and not self.problems else None,
            "problems": [problem.to_dict() for problem in self.problems],
        }


@click.command("models")
@click.argument("action", type=click.Choice(["list", "pull"]), default="list")
@add_config_options
@click.option("--sound", is_flag=True, help="Include the models that `alref run` needs for --sound.")
@click.option("--spoken", is_flag=True, help="Include the models that `alref run` needs for --spoken.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(action: str, as_json: bool, sound: bool, spoken: bool, **flags: Any) -> int:
    """List the models that a run with these flags loads, or download missing ones with 'pull'.

    \b
    alref models --propagator sam2
    alref models pull --propagator sam2
    """
    plugins = PluginManager(files=flags["plugin_files"])
    named = [slot for slot in SLOTS if flags[slot]] + (
        plugins.find_slots(flags["unifier"], UNIFIER_SLOTS) if flags["unifier"] else []
    )
    config = resolve_configuration(plugins, flags)
    used = ORDERS[config.run.order].list_slots(config.slots, text=True, sound=sound, spoken=spoken)
    rows = list(find_weights(config, {*used, *named}))
    if action == "pull":
        return _pull_models(rows)
    if as_json:
        click.echo(json.dumps([row.to_dict() for row in rows], indent=2))
    elif rows:
        _print_table(rows)
    else:
        click.echo(NOTHING_TO_FETCH)
    return 0


def find_weights(config: Configuration, slots: Collection[str]) -> Iterator[WeightsRow]:
    """Yield what the components in these slots load. A component that fills several slots appears once."""
    kinds: dict[tuple[str, str], list[str]] = {}
    choices: dict[tuple[str, str], SlotConfiguration] = {}
    for kind, choice in ((slot, choice) for slot, choice in config.slots.items() if slot in slots):
        identity = (choice.component.name, choice.options.model_dump_json())
        kinds.setdefault(identity, []).append(kind)
        choices[identity] = choice
    for identity, choice in choices.items():
        with PluginErrorContext(describe_call(kinds[identity][0], choice.component, "weights")):
            listed = choice.component.cls(choice.options, config.run.device).weights()
            contracts.check_list_of(listed, Weights)
        for weights in listed:
            yield WeightsRow(tuple(kinds[identity]), choice, weights)


def format_size(size: int | None) -> str:
    """Format a number of bytes for display."""
    if size is None:
        return "unknown"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _print_table(rows: list[WeightsRow]) -> None:
    """Print a table, then the path or the problem of each model, then the next command."""
    console = make_console()
    table = Table("stage", "component", "model", "size", "license", "", box=SIMPLE)
    table.columns[2].overflow = "fold"
    known = [row.to_dict() for row in rows]
    for values in known:
        state = "here" if values["path"] else "missing"
        size, license = format_size(values["size"]), values["license"] or "unknown"
        table.add_row(", ".join(values["slots"]), values["component"], values["model"], size, license, state)
    console.print(table)
    for row, values in zip(rows, known, strict=True):
        problems = "; ".join(problem.describe() for problem in row.problems)
        console.print(values["path"] or problems or f"{values['model']} is not downloaded yet", soft_wrap=True)
    missing = [values for values in known if values["path"] is None]
    if missing:
        size = format_size(sum(row["size"] for row in missing) if all(row["size"] for row in missing) else None)
        console.print(
            f"{len(missing)} of {len(rows)} to download, {size}: alref models pull, with the same flags", soft_wrap=True
        )


def _pull_models(rows: list[WeightsRow]) -> int:
    """Download all missing models, one line for each. Return the exit code of MissingError if one failed."""
    failed = 0
    for row in rows:
        try:
            click.echo(f"{row.component}, {row.weights.model}: {row.fetch_weights()}")
        except AlrefError as error:
            failed += 1
            problems = "; ".join(problem.describe() for problem in row.assign_slot(error.problems))
            click.echo(f"error: {row.component}, {problems}", err=True)
    if not rows:
        click.echo(NOTHING_TO_FETCH)
    return MissingError.exit_code if failed else 0
