"""``alref plugins``: list components, show one with its options, and create or check plugins."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from shutil import get_terminal_size

import click

from alref.cli.plugin_option import add_plugin_option
from alref.cli.plugins.layout import describe_options, format_row, format_rows
from alref.cli.plugins.rows import PluginRow, list_rows
from alref.cli.status import check_status
from alref.cli.verbose_option import add_verbose_option
from alref.errors import ConfigError, suggest_names
from alref.plugins.manager import PluginManager
from alref.plugins.registered import RegisteredComponent

COMMANDS = {
    "new": "Create the distribution of a new plugin.",
    "check": "Check a component against its contract.",
    "card": "Write the card of a plugin for the registry, or check one.",
    "record": "Show the fields of a record that components exchange.",
    "install": "Install a plugin into this environment.",
    "uninstall": "Remove a plugin from this environment.",
}


class _PluginGroup(click.Group):
    """A group of commands; any other first word is the name of a component to show."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return add_verbose_option(show_component)
        module = import_module(f"alref.cli.plugins.{'install' if cmd_name == 'uninstall' else cmd_name}")
        command: click.Command = module.uninstall if cmd_name == "uninstall" else module.command
        return add_verbose_option(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("plugins", cls=_PluginGroup, invoke_without_command=True, subcommand_metavar="[NAME] | [COMMAND]")
@add_plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """List components, datasets, protocols and export formats, including known ones that are not installed; or show NAME.

    \b
    alref plugins
    alref plugins sam2
    """
    ctx.obj = (plugin_files, as_json)
    if ctx.invoked_subcommand is None:
        _print_rows(list_rows(PluginManager(files=plugin_files)), as_json)


def _print_rows(rows: list[PluginRow], as_json: bool) -> None:
    width = get_terminal_size().columns
    click.echo(_format_json(rows) if as_json else "\n".join(format_rows(rows, width)))


def _format_json(rows: list[PluginRow]) -> str:
    return json.dumps([{**row.to_dict(), "options": describe_options(row)} for row in rows], indent=2, default=str)


@click.command("show")
@add_plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show_component(ctx: click.Context, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """Show a component, dataset or protocol: its options, license, requirements and status.

    Use package:name if two packages share a name. A plugin that could not be loaded is found by its name too.
    The name of a plugin or package lists its components.
    """
    name = ctx.info_name or ""
    files, json_before = ctx.obj
    plugins = PluginManager(files=[*files, *plugin_files])
    every = list_rows(plugins)
    found = [_update_status(row) for row in every if row.has_name(name)]
    brought = [row for row in every if name in (row.plugin, row.package)]
    if not found and not brought:
        known = {called for row in every for called in (row.name, row.plugin, row.package)}
        broken = ", ".join(each.plugin for each in plugins.broken)
        unloaded = f"; broken and not loaded: {broken}" if broken else ""
        raise ConfigError(f"nothing is called {name!r}{suggest_names(name, known)}{unloaded}; see: alref plugins")
    if not found:
        _print_rows(brought, as_json or json_before)
    elif as_json or json_before:
        click.echo(_format_json(found))
    else:
        width = get_terminal_size().columns
        click.echo("\n\n".join("\n".join(format_row(row, width)) for row in found))


def _update_status(row: PluginRow) -> PluginRow:
    """Return the row with a thorough status of its component."""
    return (
        replace(row, status=check_status(row.registered, thorough=True))
        if isinstance(row.registered, RegisteredComponent)
        else row
    )
