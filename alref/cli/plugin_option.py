"""The flag ``--plugin FILE``, in its own module because listing plugins needs no configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

CommandFunction = Callable[..., Any]


def add_plugin_option(command: CommandFunction) -> CommandFunction:
    """Add ``--plugin FILE`` to a command, which receives ``plugin_files`` for ``PluginManager(files=…)``."""
    path = click.Path(path_type=Path)
    flag = click.option(
        "--plugin", "plugin_files", multiple=True, type=path, help="Python file to load as a plugin; repeatable."
    )
    wrapped: CommandFunction = flag(command)
    return wrapped
