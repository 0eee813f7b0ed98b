"""Start the server of the page and stop it with Ctrl-C."""

from __future__ import annotations

import secrets
import socket
import webbrowser
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

import click
import uvicorn

from alref import OutputError, Pipeline
from alref.cli.common_options import resolve_configuration
from alref.plugins.manager import PluginManager
from alref_studio.guard import LOCAL_HOSTS, AccessGuard
from alref_studio.library import Library
from alref_studio.server import build_application
from alref_studio.studio import Studio

TOKEN_BYTES = 24
STOP_SECONDS = 2


def open_studio(flags: Mapping[str, Any], usual_port: int) -> None:
    """Serve the page until Ctrl-C, without ``--port`` on the usual port or a free one.

    Raises the errors of the configuration, and OutputError if the port cannot be used.
    """
    plugins = PluginManager(files=flags["plugin_files"])
    config = resolve_configuration(plugins, flags)
    library = Library(flags["paths"], flags["out"], config.video)
    ports = [usual_port, 0] if flags["port"] is None else [flags["port"]]
    listener = open_port(flags["host"], ports)
    studio = Studio(library, Pipeline.from_config(config, plugins), (flags["uploads"] or 0) * 10**6)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        _print_addresses(flags["host"], listener.getsockname()[1], token, browser=not flags["no_browser"])
        serve(studio, listener, token, [*flags["hosts"], flags["host"]])
    finally:
        studio.close()
        listener.close()


def serve(studio: Studio, listener: socket.socket, token: str, hosts: Sequence[str]) -> None:
    """Serve until the process is told to stop."""
    guard = AccessGuard(build_application(studio), token, hosts)
    settings = uvicorn.Config(
        guard,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
    )
    _StudioServer(settings, studio).run(sockets=[listener])


class _StudioServer(uvicorn.Server):
    """A server that ends the streams of the pages when it stops, so that it need not wait for them."""

    def __init__(self, settings: uvicorn.Config, studio: Studio) -> None:
        super().__init__(settings)
        self._studio = studio

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop."""
        self._studio.hub.close()
        super().handle_exit(sig, frame)


def open_port(host: str, ports: Sequence[int]) -> socket.socket:
    """Listen on the first of some ports that is free; 0 is any free one. Raises OutputError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in ports:
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen()
        except OSError as error:
            listener.close()
            if number == ports[-1]:
                reason = f"{host}:{number}: cannot listen there ({error.strerror or error})"
                raise OutputError(f"{reason}; choose another: alref studio --port 0") from error
        else:
            return listener
    raise AssertionError("one of the ports was bound or refused")


def _print_addresses(host: str, port: int, token: str, browser: bool) -> None:
    here = host if host in LOCAL_HOSTS else "127.0.0.1"
    address = f"http://{f'[{here}]' if ':' in here else here}:{port}/{token}/"
    click.echo(f"alref studio: {address}")
    if host in LOCAL_HOSTS:
        click.echo(f"from another machine: ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}, then open the same address")
    else:
        click.echo(f"other machines reach it at http://{socket.gethostname()}:{port}/{token}/; the connection is not encrypted")
    click.echo("Ctrl-C stops it; everything is already in the run folders")
    if browser:
        webbrowser.open(address)
