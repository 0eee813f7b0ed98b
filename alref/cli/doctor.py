"""``alref doctor``: show what is installed, usable and missing, with the next command."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec

import click
from rich.table import Table

from alref.cli.console import make_console
from alref.cli.status import check_status
from alref.config import resolve_config
from alref.errors import ConfigError, mask_passwords
from alref.models import cpu_tuning, download, hub, hub_errors
from alref.plugins.manager import PluginManager

OPTIONAL_SLOT = "transcriber"
"""The stage that only spoken expressions need; the default pipeline is ready without it."""


@click.command("doctor")
def command() -> None:
    """Show what is installed, usable and missing, with the next command."""
    console = make_console()
    table = Table("part", "state", "next")
    table.columns[1].overflow = "fold"
    rows = list(_generate_rows())
    for row in rows:
        table.add_row(*row)
    console.print(table)
    waiting = [part for part, _, step in rows if step]
    console.print(_describe_default_pipeline(waiting))
    if waiting:
        console.print(f"see the column 'next' for: {', '.join(waiting)}")


def _describe_default_pipeline(waiting: list[str]) -> str:
    """Return whether the default pipeline is ready, given the parts that are not."""
    try:
        stages = resolve_config(PluginManager()).slots
    except ConfigError as error:
        return f"the default pipeline is not ready: {error}"
    used = {choice.component.name for slot, choice in stages.items() if slot != OPTIONAL_SLOT}
    return "the default pipeline is ready: alref demo" if used.isdisjoint(waiting) else "the default pipeline is not ready"


def _generate_rows() -> Iterator[tuple[str, str, str]]:
    yield (
        "alref",
        f"{metadata.version('alref')}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "",
    )
    yield "video", *_check_video()
    cpu_tuning.tune_cpu()
    yield "processor", "\n".join([*cpu_tuning.describe_settings(), cpu_tuning.describe_threads()]), ""
    yield "accelerator", _describe_accelerator(), ""
    yield "models", _describe_model_folders(), ""
    plugins = PluginManager()
    for component in plugins.components:
        found = check_status(component, thorough=True)
        yield component.name, found.label, found.reason
    for broken in plugins.broken:
        yield f"plugin {broken.plugin}", "broken", f"{broken.reason}; pip install --upgrade {broken.distribution}"
    for off in plugins.disabled:
        yield f"plugin {off.plugin}", "switched off", ""


def _describe_model_folders() -> str:
    """Return lines on where models are stored and where they come from."""
    places = f"checkpoints in {download.get_weights_folder()}"
    if find_spec("huggingface_hub") is None:
        return f"{places}\nhuggingface_hub is not installed"
    from huggingface_hub.constants import ENDPOINT

    offline = "\nHF_HUB_OFFLINE is set; nothing is downloaded" if hub_errors.is_offline() else ""
    return f"{places}\nmodels of {mask_passwords(ENDPOINT)} in {hub.get_cache_folder()}{offline}"


def _check_video() -> tuple[str, str]:
    import av

    writes = "libx264" in av.codecs_available
    version = f"PyAV {av.__version__}, {'writes' if writes else 'does not write'} H.264"
    return version, "" if writes else "pip install --upgrade av"


def _describe_accelerator() -> str:
    if find_spec("torch") is None:
        return "torch is not installed; the embedded components do not need it"
    import torch

    if torch.cuda.is_available():
        return f"cuda, {torch.cuda.get_device_name()}"
    return "mps" if torch.backends.mps.is_available() else f"none; torch {torch.__version__} runs on the CPU"
