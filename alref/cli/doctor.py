"""``alref doctor``: what is installed, usable and missing here, and the next command."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec

import click
from rich.console import Console
from rich.table import Table

from alref.config import resolve
from alref.plugins import Component, Plugins


@click.command("doctor")
def command() -> None:
    """Say what is installed, what is usable, what is missing, and what to type next."""
    console = Console(markup=False)
    table = Table("part", "state", "next")
    rows = list(_rows())
    for row in rows:
        table.add_row(*row)
    console.print(table)
    waiting = [part for part, _, step in rows if step]
    used = {choice.component.name for choice in resolve(Plugins()).stages.values()}
    console.print(
        "the default pipeline is ready: alref demo" if used.isdisjoint(waiting) else "the default pipeline is not ready"
    )
    if waiting:
        console.print(f"see the column 'next' for: {', '.join(waiting)}")


def _rows() -> Iterator[tuple[str, str, str]]:
    yield (
        "alref",
        f"{metadata.version('alref')}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "",
    )
    yield "video", *_video()
    yield "accelerator", _accelerator(), ""
    plugins = Plugins()
    for component in plugins.components:
        problem = _problem(component)
        yield component.name, "missing" if problem else "ready", problem
    for broken in plugins.broken:
        yield f"plugin {broken.plugin}", "broken", f"{broken.reason}; pip install --upgrade {broken.distribution}"


def _problem(component: Component) -> str:
    """Ask a component, with its defaults, what keeps it from working here."""
    try:
        return "; ".join(component.cls(component.cls.Options()).problems())
    except Exception as error:  # whatever a plugin does wrong is its own row
        return f"{type(error).__name__}: {error}"


def _video() -> tuple[str, str]:
    import av

    writes = "libx264" in av.codecs_available
    said = f"PyAV {av.__version__}, {'writes' if writes else 'does not write'} H.264"
    return said, "" if writes else "pip install --upgrade av"


def _accelerator() -> str:
    if find_spec("torch") is None:
        return "torch is not installed; the embedded components do not need it"
    import torch

    if torch.cuda.is_available():
        return f"cuda, {torch.cuda.get_device_name()}"
    return "mps" if torch.backends.mps.is_available() else f"none; torch {torch.__version__} runs on the processor"
