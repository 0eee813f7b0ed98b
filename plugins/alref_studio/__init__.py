"""Plugin: ``alref studio``, a page in the browser to ask, look, correct and export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from alref import PluginCommand, hookimpl

DEFAULT_PORT = 8421


class StudioCommand(PluginCommand):
    """Open a page in the browser: ask, look, correct and export."""

    name = "studio"
    extra = "studio"
    needs = ("starlette", "uvicorn")

    @classmethod
    def build_command(cls) -> click.Command:
        """Return the command."""
        from alref.cli.common_options import add_config_options

        @click.command("studio")
        @click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
        @click.option("--out", type=click.Path(path_type=Path), default=Path("alref-out"), help="Folder of new runs.")
        @click.option("--no-browser", is_flag=True, help="Only print the address; do not open a browser.")
        @click.option("--port", type=click.IntRange(0, 65535), help=f"Port; default {DEFAULT_PORT}, or a free one.")
        @click.option("--host", default="127.0.0.1", help="Address to listen on; with 0.0.0.0, other machines can connect.")
        @click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Host name of a proxy; repeatable.")
        @click.option("--uploads", type=click.IntRange(1, 1000), metavar="MB", help="Allow audio files up to this size.")
        @add_config_options
        def command(**flags: Any) -> None:
            """Open PATHS in the browser: videos, run folders, or folders of them.

            \b
            alref studio clip.mp4
            alref studio alref-out/clip-the-dog

            The page is only for this machine and whoever has its address, which contains a secret. Everything is written to
            the run folders at once, so the page and the command can be stopped at any time.
            """
            from alref_studio._runtime import open_studio

            open_studio(flags, DEFAULT_PORT)

        return command


@hookimpl
def register_commands() -> list[type[PluginCommand]]:
    """Return the command."""
    return [StudioCommand]
