"""The flag ``--plugin FILE``, in a module of its own: listing plugins needs no configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]


def extended(command: Command) -> Command:
    """Add ``--plugin FILE`` to a command; it gets ``plugin_files``, for ``Plugins(files=…)``."""
    path = click.Path(path_type=Path)
    flag = click.option("--plugin", "plugin_files", multiple=True, type=path, help="Python file that is a plugin; repeatable.")
    wrapped: Command = flag(command)
    return wrapped
