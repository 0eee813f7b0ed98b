"""``alref plugins new``: a whole distribution of a new plugin, ready to install, test and change."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from alref.errors import ConfigError
from alref.plugins import Plugins
from alref.scaffold import KINDS, Plan


@click.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="What the plugin is.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; alref-NAME if not given.")
def command(name: str, kind: str, out: Path | None) -> None:
    """Write the distribution of a new plugin NAME, whose tests pass as created.

    \b
    alref plugins new my-tracker --kind propagator
    """
    plan = Plan.of(kind, name)
    _unused(plan)
    folder = out or Path(plan.distribution)
    plan.write(folder)
    click.echo(f"{folder}: a {kind} that works; change {folder / plan.module / '_runtime.py'} to your own. Next:")
    for line in (f"cd {folder}", 'pip install -e ".[test]"', "pytest", plan.use, f"alref plugins check {plan.name}"):
        click.echo(f"    {line}")


def _unused(plan: Plan) -> None:
    """Raise ConfigError when something that is installed has the name already, or its module has."""
    plugins = Plugins()
    names = {*(each.name for each in plugins.components), *plugins.datasets}
    if plan.name in names or find_spec(plan.module):
        raise ConfigError(f"{plan.name!r}: is installed already; choose another name, none of those in: alref plugins")
