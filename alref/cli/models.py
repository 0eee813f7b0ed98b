"""``alref models``: the files of models that a configuration loads: where they are, how large, whose; and fetching them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from alref.cli.common_options import configuration, configured
from alref.config import UNIFIERS, Choice, Configuration
from alref.errors import AlrefError, Blamed, MissingError
from alref.models.weights import Facts, Weights
from alref.pipeline import contracts
from alref.pipeline.engine import used
from alref.pipeline.stage_runner import whose
from alref.plugins.manager import SLOTS, Plugins

NOTHING = "this configuration loads no models that need fetching"


@dataclass(frozen=True)
class Row:
    """Weights that one component loads, and the kinds of stage that it fills."""

    kinds: tuple[str, ...]
    choice: Choice
    weights: Weights

    @property
    def component(self) -> str:
        """Name the component."""
        return self.choice.component.name

    def problem(self) -> str:
        """Say why it cannot be loaded, with the next command, or nothing."""
        return said(self.choice.component.cls.missing() or self.weights.problems(), self.kinds)

    def fetch(self) -> str:
        """Bring it to this machine and return its place. Raises an AlrefError of one line."""
        if missing := self.choice.component.cls.missing():
            raise MissingError("; ".join(missing))
        return str(self.weights.fetch())

    def facts(self) -> dict[str, Any]:
        """Return what ``--json`` prints: sizes in bytes, None for what is not known or not here."""
        bare = Facts(None, self.weights.size, self.weights.licence)
        known = bare if self.choice.component.cls.missing() else self.weights.facts()
        problem = self.problem()
        return {
            "stages": list(self.kinds),
            "component": self.component,
            "model": self.weights.model,
            "option": self.weights.option,
            "size": known.size,
            "licence": known.licence or None,
            "place": str(known.place) if known.place and not problem else None,
            "problem": problem or None,
        }


@click.command("models")
@click.argument("action", type=click.Choice(["list", "pull"]), default="list")
@configured
@click.option("--sound", is_flag=True, help="Those too that --sound of alref run needs.")
@click.option("--spoken", is_flag=True, help="Those too that --spoken of alref run needs.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON, for programs.")
def command(action: str, as_json: bool, sound: bool, spoken: bool, **flags: Any) -> int:
    """List the models that a run with these flags loads, or 'pull' those that are not on this machine.

    \b
    alref models --propagator sam2
    alref models pull --propagator sam2
    """
    plugins = Plugins(files=flags["plugin_files"])
    named = [slot for slot in SLOTS if flags[slot]] + (plugins.fits(flags["unifier"], UNIFIERS) if flags["unifier"] else [])
    rows = list(needed(configuration(plugins, flags), {*used(text=True, sound=sound, spoken=spoken), *named}))
    if action == "pull":
        return _pull(rows)
    if as_json:
        click.echo(json.dumps([row.facts() for row in rows], indent=2))
    elif rows:
        _print([row.facts() for row in rows])
    else:
        click.echo(NOTHING)
    return 0


def needed(config: Configuration, slots: Collection[str]) -> Iterator[Row]:
    """Yield what the components in these slots load; one that fills several with the same options once."""
    kinds: dict[tuple[str, str], list[str]] = {}
    choices: dict[tuple[str, str], Choice] = {}
    for kind, choice in ((slot, choice) for slot, choice in config.stages.items() if slot in slots):
        identity = (choice.component.name, choice.options.model_dump_json())
        kinds.setdefault(identity, []).append(kind)
        choices[identity] = choice
    for identity, choice in choices.items():
        with Blamed(whose(kinds[identity][0], choice.component, "weights")):
            listed = choice.component.cls(choice.options, config.run.device).weights()
            contracts.each_is(listed, Weights)
        for weights in listed:
            yield Row(tuple(kinds[identity]), choice, weights)


def said(problems: list[str], kinds: tuple[str, ...]) -> str:
    """Write problems with the kind that an option is set for: ``-o propagator.model=FOLDER``."""
    kind = "reasoner" if kinds == ("temporal", "spatial") else kinds[0]
    return "; ".join(problems).replace("-o KIND.", f"-o {kind}.")


def megabytes(size: int | None) -> str:
    """Write a number of bytes for people."""
    if size is None:
        return "unknown"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _print(rows: list[dict[str, Any]]) -> None:
    """Print a table that fits any screen, then where each model is or what keeps it away, then the next command."""
    console = Console(markup=False, emoji=False, highlight=False)
    table = Table("stage", "component", "model", "size", "licence", "", box=SIMPLE)
    table.columns[2].overflow = "fold"
    for row in rows:
        state = "here" if row["place"] else "missing"
        size, licence = megabytes(row["size"]), row["licence"] or "unknown"
        table.add_row(", ".join(row["stages"]), row["component"], row["model"], size, licence, state)
    console.print(table)
    for row in rows:
        console.print(row["place"] or row["problem"] or f"{row['model']} is not here yet", soft_wrap=True)
    missing = [row for row in rows if row["place"] is None]
    if missing:
        size = megabytes(sum(row["size"] for row in missing) if all(row["size"] for row in missing) else None)
        console.print(f"{len(missing)} of {len(rows)} to fetch, {size}: alref models pull, with the same flags", soft_wrap=True)


def _pull(rows: list[Row]) -> int:
    """Fetch everything that is not here, with one line for each; return the exit code of MissingError when any failed."""
    failed = 0
    for row in rows:
        try:
            click.echo(f"{row.component}, {row.weights.model}: {row.fetch()}")
        except AlrefError as error:
            failed += 1
            click.echo(f"error: {row.component}, {said([str(error)], row.kinds)}", err=True)
    if not rows:
        click.echo(NOTHING)
    return MissingError.exit_code if failed else 0
