"""``alref plugins new``: create the distribution of a new plugin."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote

import click

from alref.errors import ConfigError
from alref.plugins.catalogue import load_cards
from alref.plugins.manager import PluginManager
from alref.scaffold import NewPlugin
from alref.scaffold.kinds import PLUGIN_KINDS


@click.command("new")
@click.argument("name")
@click.option(
    "--slot",
    "slots",
    type=click.Choice(list(PLUGIN_KINDS)),
    required=True,
    multiple=True,
    help="Slot that the plugin fills, or dataset, exporter or logger; repeatable.",
)
@click.option("--model", "has_model", is_flag=True, help="Start from examples that load and run an ONNX model.")
@click.option("--out", type=click.Path(path_type=Path), help="Output folder; default alref-NAME.")
def command(name: str, slots: tuple[str, ...], has_model: bool, out: Path | None) -> None:
    """Create the distribution of a new plugin NAME, whose tests pass as created.

    \b
    alref plugins new my-tracker --slot propagator
    alref plugins new my-detector --slot proposer --model
    alref plugins new my-pair --slot proposer --slot propagator
    """
    plan = NewPlugin.from_name(slots, name, has_model)
    _check_unused(plan)
    folder = out or Path(plan.distribution)
    plan.write_distribution(folder)
    place = folder / plan.module / ("" if len(plan.kinds) == 1 else "*") / "_runtime.py"
    click.echo(f"{folder}: a plugin that works ({', '.join(plan.kinds)}); change {place} to your own. Next:")
    checks = [each.check for each in plan.components]
    for line in (f"cd {quote(str(folder))}", 'pip install -e ".[test]"', "pytest", *plan.uses, *checks):
        click.echo(f"    {line}")


def _check_unused(plan: NewPlugin) -> None:
    """Raise ConfigError if the name or the module is installed or in the catalogue already."""
    known = {name for card in load_cards() for name in (card.plugin, *(each.name for each in card.components))}
    finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
    installed = any(
        find and find(plan.module, None) for find in finders
    )  # importlib.util.find_spec finds what is imported, too
    if installed or plan.name in known | {each.name for each in PluginManager().registered_classes}:
        raise ConfigError(f"{plan.name!r}: is taken; choose a name that `alref plugins` does not list")
