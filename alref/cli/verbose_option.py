"""The flag ``-v``, which every command takes."""

from __future__ import annotations

import click

_META_KEY = "alref.verbose"


def _set_verbose(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    ctx.meta[_META_KEY] = wanted or is_verbose(ctx)


VERBOSE_OPTION = click.Option(
    ["-v", "--verbose"], is_flag=True, expose_value=False, callback=_set_verbose, help="Show the traceback of an error."
)


def add_verbose_option(command: click.Command) -> click.Command:
    """Add ``-v`` to a command and to its subcommands, and return the command."""
    if VERBOSE_OPTION not in command.params:
        command.params.append(VERBOSE_OPTION)
    for subcommand in command.commands.values() if isinstance(command, click.Group) else ():
        add_verbose_option(subcommand)
    return command


def is_verbose(context: click.Context | None = None) -> bool:
    """Return whether ``-v`` was given to the running command or before it."""
    verbose: bool = (context or click.get_current_context()).meta.get(_META_KEY, False)
    return verbose
