"""``alref plugins install`` and ``uninstall``: add plugins to the environment that alref runs in, or remove them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from alref.errors import ConfigError, MissingError, suggest_names
from alref.plugins.catalogue import PluginCard, load_cards
from alref.plugins.discovery import get_plugins_folder
from alref.plugins.hookspecs import PROJECT
from alref.plugins.manager import PluginManager
from alref.utils import atomic

_EXPLICIT = re.compile(r"[/\\:@=\[]|^\.|^alref-")
"""Matches paths, addresses and requirements, which are not names of the catalogue."""


@click.command("install")
@click.argument("name")
def command(name: str) -> None:
    """Install a plugin into the environment of alref: one that `alref plugins` lists, a package, a folder or a Python file.

    \b
    alref plugins install my-plugin.py

    A Python file is copied to the folder of plugins. Everything else is installed by pip or uv; the command is printed first.
    """
    if Path(name).suffix == ".py":
        click.echo(f"{_copy_file(Path(name))}: is loaded from now on; see: alref plugins")
        return
    _run_installer("install", *_find_requirements(name))


@click.command("uninstall")
@click.argument("name")
def uninstall(name: str) -> None:
    """Remove a plugin, by its own name, by that of its package or by that of one of its components.

    \b
    alref plugins uninstall my-plugin
    """
    path = get_plugins_folder() / f"{Path(name).stem}.py"
    if path.is_file():
        path.unlink()
        click.echo(f"{path}: removed")
        return
    _run_installer("uninstall", _find_distribution(name))


def _copy_file(path: Path) -> Path:
    """Copy a plugin file to the folder of plugins, if it can be loaded. Raises ConfigError or OutputError."""
    PluginManager([], files=[path])
    target = get_plugins_folder() / path.name
    atomic.make_folder(target.parent, atomic.HOME_FOLDER_HINT)
    atomic.write_bytes(target, path.read_bytes())
    return target


def _find_requirements(name: str) -> list[str]:
    """Return what pip is to install for a name. Raises ConfigError for a name that is not known."""
    if _EXPLICIT.search(name):
        return [name]
    cards = [card for card in load_cards() if name in _list_names(card)]
    if not cards:
        known = {each for card in load_cards() for each in _list_names(card)}
        raise ConfigError(
            f"no known plugin {name!r}{suggest_names(name, known)}; to install a package of another name: pip install {name}"
        )
    requirements = shlex.split(cards[0].install, comments=True)[2:]
    if requirements == ["."]:
        raise ConfigError(f"{name} comes with alref; see: alref plugins {name}")
    return requirements


def _list_names(card: PluginCard) -> set[str]:
    own = set() if card.package == PROJECT else {card.package}
    return {card.plugin, *own, *(component.name for component in card.components)}


def _find_distribution(name: str) -> str:
    """Return the distribution of an installed plugin. Raises ConfigError if there is none, or if it is alref itself."""
    plugins = PluginManager()
    loaded = {(each.distribution, each.plugin, each.name) for each in plugins.registered_classes}
    others = {(each.distribution, each.plugin, each.plugin) for each in [*plugins.broken, *plugins.disabled]}
    found = {names[0] for names in loaded | others if name in names}
    if name == PROJECT:
        raise ConfigError(f"{name} is not a plugin; to remove it: pip uninstall {name}")
    if not found - {PROJECT}:
        known = {each for names in loaded | others if names[0] != PROJECT for each in names}
        own = next((names[1] for names in loaded | others if name in names and names[0] == PROJECT), "")
        part = (
            f" comes with alref; to leave it out: ALREF_PLUGINS=-{own}"
            if found
            else f" is not installed{suggest_names(name, known)}"
        )
        raise ConfigError(f"{name!r}{part}")
    return min(found - {PROJECT})


def _run_installer(action: str, *arguments: str) -> None:
    """Print and run the command of pip or uv for this environment. Raises MissingError if it fails or if there is neither."""
    uv = shutil.which("uv")
    if find_spec("pip"):
        command = [sys.executable, "-m", "pip", action, *(["--yes"] if action == "uninstall" else []), *arguments]
    elif uv:
        command = [uv, "pip", action, "--python", sys.executable, *arguments]
    else:
        raise MissingError(f"neither pip nor uv can install into {sys.prefix}: python -m ensurepip, or install uv")
    click.echo(shlex.join(command), err=True)
    if code := subprocess.call(command):
        raise MissingError(f"{shlex.join(command)}: failed with exit code {code}")
