"""``alref plugins``: which components are installed, what one of them takes, and the tools of those who write plugins."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from shutil import get_terminal_size

import click

from alref.cli.plugin_option import extended
from alref.cli.plugins.layout import described, page, pages
from alref.cli.plugins.rows import Row, listing
from alref.cli.status import state
from alref.errors import ConfigError, nearest
from alref.plugins.manager import Component, Plugins

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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("plugins", cls=_Words, invoke_without_command=True, subcommand_metavar="[NAME] | [COMMAND]")
@extended
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """List components, data sets and ways to score, also known ones that are not installed; or show the one called NAME.

    \b
    alref plugins
    alref plugins sam2
    """
    ctx.obj = (plugin_files, as_json)
    if ctx.invoked_subcommand is None:
        _list(listing(Plugins(files=plugin_files)), as_json)


def _list(rows: list[Row], as_json: bool) -> None:
    data = json.dumps([row.data() for row in rows], indent=2) if as_json else ""
    click.echo(data or "\n".join(pages(rows, get_terminal_size().columns)))


@click.command("show")
@extended
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show(ctx: click.Context, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """Show what is known of a component, a data set or a way to score: its options, licence, needs and state.

    It is called by its name, or by package:name where two packages have one name; so is a plugin that could not be loaded.
    The name of a plugin or of a package lists what it brings.
    """
    name = ctx.info_name or ""
    files, json_before = ctx.obj
    plugins = Plugins(files=[*files, *plugin_files])
    every = listing(plugins)
    found = [_asked(row) for row in every if row.named(name)]
    brought = [row for row in every if name in (row.plugin, row.package)]
    if not found and not brought:
        known = {called for row in every for called in (row.name, row.plugin, row.package)}
        broken = ", ".join(each.plugin for each in plugins.broken)
        lost = f"; not loaded, since they are broken: {broken}" if broken else ""
        raise ConfigError(f"nothing is called {name!r}{nearest(name, known)}{lost}; see: alref plugins")
    if not found:
        _list(brought, as_json or json_before)
    elif as_json or json_before:
        click.echo(json.dumps([{**row.data(), "options": described(row)} for row in found], indent=2, default=str))
    else:
        width = get_terminal_size().columns
        click.echo("\n\n".join("\n".join(page(row, width)) for row in found))


def _asked(row: Row) -> Row:
    """Ask a component itself whether it would work."""
    return replace(row, state=state(row.offer, thorough=True)) if isinstance(row.offer, Component) else row
