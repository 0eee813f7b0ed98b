"""Flags that several commands share: configuration, components and their options."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from alref.cli.plugin_option import CommandFunction, add_plugin_option
from alref.config import Configuration, read_config_file, resolve_config
from alref.errors import ConfigError
from alref.plugins.manager import PluginManager
from alref.plugins.registered import SLOTS
from alref.utils.yaml_files import parse_yaml

_SLOT_HELP = {
    "unifier": "Component that turns references into phrases: text, sound or speech.",
    "tagger": "Component that names the sounds.",
    "transcriber": "Component that transcribes a spoken reference.",
    "locator": "Component that finds when each phrase sounds.",
    "temporal": "Component that picks the pivot frame.",
    "spatial": "Component that picks the pivot box.",
    "reasoner": "Component that picks frame, box and tracks, and reviews masks.",
    "proposer": "Component that proposes boxes.",
    "propagator": "Component that turns boxes into masks.",
    "tracker": "Component that tracks all objects of a noun.",
    "selector": "Component that picks tracks.",
    "reviewer": "Component that reviews masks.",
}


def _suggest_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    plugins, slot = PluginManager(), str(parameter.name)
    names = [each.name for each in plugins.list_components("temporal" if slot == "reasoner" else slot)]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class DeviceList(click.ParamType[str]):
    """Devices with commas between them: ``cuda:0,cuda:1``."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check each device."""
        for each in str(value).split(","):
            if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", each):
                self.fail(f"expected auto, cpu, mps, cuda or a list such as cuda:0,cuda:1, got {value!r}", param, ctx)
        return str(value)


def add_worker_options(command: CommandFunction) -> CommandFunction:
    """Add what ``add_config_options`` adds, with a list of devices, over which workers are spread."""
    return _add_options(command, DeviceList(), "Device that models run on, or a list, cuda:0,cuda:1, to spread workers over.")


def add_config_options(command: CommandFunction) -> CommandFunction:
    """Add ``-c --preset --unifier … -o --order --device --plugin`` to a command, which receives them as keyword arguments."""
    return _add_options(command, click.Choice(["auto", "cpu", "cuda", "mps"]), "Device that models run on.")


def add_window_options(command: CommandFunction) -> CommandFunction:
    """Add ``--start`` to ``--fps``, the options of what to read from a video, as keyword arguments."""
    flags = [
        click.option("--start", type=float, metavar="SECONDS", help="First second to read."),
        click.option("--end", type=float, metavar="SECONDS", help="Second to stop before."),
        click.option("--every", type=int, metavar="N", help="Read only every N-th frame."),
        click.option(
            "--max-size", type=int, metavar="PIXELS", help="Shrink frames so that the longer side has at most this many pixels."
        ),
        click.option("--audio-track", type=int, metavar="N", help="Index of the audio track, counted from 0."),
        click.option("--video-track", type=int, metavar="N", help="Index of the video track; default: as FFmpeg chooses."),
        click.option("--fps", type=float, help="Frames per second of an image folder."),
    ]
    return reduce(lambda wrapped, flag: flag(wrapped), reversed(flags), command)


def _add_options(command: CommandFunction, device_type: click.ParamType[str], device_help: str) -> CommandFunction:
    flags: list[Callable[[CommandFunction], CommandFunction]] = [
        click.option("-c", "--config", type=click.Path(path_type=Path), help="YAML configuration file."),
        click.option("--preset", help="Shipped configuration to start from; default 'baseline', or 'standard' with a model."),
        *(
            click.option(f"--{slot}", metavar="NAME", shell_complete=_suggest_names, help=text)
            for slot, text in _SLOT_HELP.items()
        ),
        click.option(
            "-o", "--option", "options", multiple=True, metavar="SLOT.OPTION=VALUE", help="Set one option; repeatable."
        ),
        click.option("--order", type=click.Choice(["pivot", "tracks"]), help="How the components are called; default pivot."),
        click.option("--review", type=click.IntRange(0, 8), metavar="N", help="Rounds in which wrong masks are repaired."),
        click.option("--device", type=device_type, help=device_help),
        add_plugin_option,
    ]
    return reduce(lambda wrapped, flag: flag(wrapped), reversed(flags), command)


def resolve_configuration(
    plugins: PluginManager, flags: Mapping[str, Any], video: Mapping[str, Any] | None = None, replay: Path | None = None
) -> Configuration:
    """Resolve flags of ``add_config_options`` over the YAML file over the preset. Raises ConfigError.

    Which preset filled the slots that were left open is printed to standard error, if it is not the default.
    """
    file = [read_config_file(flags["config"])] if flags["config"] else []
    chosen = {slot: flags[slot] for slot in ("reasoner", *SLOTS) if flags[slot] is not None}
    chosen |= {name: flags[name] for name in ("order", "review", "device") if flags[name] is not None}
    window = {name: value for name, value in (video or {}).items() if value is not None}
    layers = [*file, chosen, {"video": window}, *map(parse_option, flags["options"])]
    if replay is not None:
        layers.append({"replay": replay})
    config = resolve_config(plugins, layers, flags["preset"])
    if config.note and not flags.get("quiet"):
        click.echo(config.note, err=True)
    return config


def parse_option(
    text: str, expected: str = "SLOT.OPTION=VALUE, for example proposer.max_candidates=1; see: alref config"
) -> dict[str, Any]:
    """Parse ``NAME.OPTION=VALUE`` to ``{NAME: {OPTION: value}}``. Raises ConfigError."""
    path, equals, value = text.partition("=")
    slot, dot, name = path.strip().partition(".")
    if not (equals and dot and slot and name):
        raise ConfigError(f"-o {text}: expected {expected}")
    return {slot: {name: parse_yaml(value, f"-o {path}")}}
