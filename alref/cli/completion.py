"""``alref completion``: print the script that completes commands, flags and component names in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  eval "$(alref completion bash)"
    zsh:   eval "$(alref completion zsh)"
    fish:  alref completion fish | source
    """
    from alref.cli import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, "alref", "_ALREF_COMPLETE").source())
