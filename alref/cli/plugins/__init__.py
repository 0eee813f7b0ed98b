"""``alref plugins``: which components are installed, what one of them takes, and the tools of those who write plugins."""

from __future__ import annotations

from importlib import import_module

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from alref import options
from alref.errors import ConfigError, nearest
from alref.plugins import SLOTS, Component, Plugins

COMMANDS = {
    "new": "Write a whole distribution of a new plugin.",
    "check": "Check a component against its contract.",
}


class _Words(click.Group):
    """Its commands by name; any other first word is the name of a component to show."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command: click.Command = import_module(f"alref.cli.plugins.{cmd_name}").command if cmd_name in COMMANDS else show
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in COMMANDS else ["show", *args])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("plugins", cls=_Words, invoke_without_command=True, subcommand_metavar="[NAME] | [COMMAND]")
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the installed components, or show the component NAME with its options.

    \b
    alref plugins
    alref plugins sam2
    """
    if ctx.invoked_subcommand is None:
        Console(markup=False).print(_table(Plugins()))


@click.command("show")
@click.argument("name")
def show(name: str) -> None:
    """Show the component NAME with its options."""
    _show(Plugins(), name)


def _table(plugins: Plugins) -> Table:
    table = Table("name", "state", "from", "what it does", box=SIMPLE)
    table.columns[0].no_wrap = True
    for kind in dict.fromkeys(kind_of(each) for each in _sorted(plugins.components)):
        table.add_row(kind, style="bold")
        for each in _sorted(plugins.components):
            if kind_of(each) == kind:
                table.add_row(each.name, state(each), f"{each.distribution} {each.version}", summary(each))
    for broken in plugins.broken:
        table.add_row(broken.plugin, "broken", f"{broken.distribution} {broken.version}", broken.reason)
    return table


def _sorted(components: list[Component]) -> list[Component]:
    return sorted(components, key=lambda each: (list(SLOTS).index(each.slots[0]), kind_of(each), each.name))


def kind_of(component: Component) -> str:
    """Say what a component fills: 'unifier', or 'temporal and spatial'."""
    return " and ".join(component.slots)


def summary(component: Component) -> str:
    """Return the first line of a component's docstring."""
    return (component.cls.__doc__ or "").strip().partition("\n")[0]


def state(component: Component) -> str:
    """Say whether the libraries of a component are here: 'ready', or what is missing. Nothing heavy is imported."""
    return "; ".join(component.cls.missing()) or "ready"


def _show(plugins: Plugins, name: str) -> None:
    found = [each for each in plugins.components if each.name == name]
    if not found:
        names = sorted({each.name for each in plugins.components})
        raise ConfigError(f"no component {name!r}{nearest(name, names)}; installed: {', '.join(names)}")
    console = Console(markup=False, highlight=False)
    for each in found:
        console.print(f"{each.name}  {summary(each)}", style="bold")
        console.print(f"fills {', '.join(each.slots)}; from {each.distribution} {each.version}; {state(each)}", soft_wrap=True)
        table = Table("option", "type", "default", "what it does")
        for row in options.describe(each.cls.Options):
            table.add_row(row.name, row.type, str(row.default), row.help)
        if table.rows:
            console.print(table)
