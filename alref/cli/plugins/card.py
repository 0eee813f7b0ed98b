"""``alref plugins card``: write the card of an installed plugin for the registry, or compare a card with the code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from alref.components.base import API_LEVEL, Stage
from alref.components.dataset import Dataset
from alref.components.exporter import Exporter
from alref.components.logger import EvaluationLogger
from alref.config import read_config_file
from alref.errors import ConfigError, ContractError, suggest_names
from alref.plugins.discovery import read_license_and_homepage
from alref.plugins.manager import PluginManager
from alref.plugins.registered import RegisteredClass

PARTS = {
    "dataset": "datasets",
    "protocol": "protocols",
    "exporter": "exporters",
    "command": "commands",
    "runner": "runners",
    "logger": "loggers",
}
"""The lists of a card besides ``components``, by the slot of their entries."""


@click.command("card")
@click.argument("name")
@click.option("--check", type=click.Path(path_type=Path), metavar="FILE", help="Compare this card with the code.")
def command(name: str, check: Path | None) -> int:
    """Print the card of the installed plugin NAME as YAML, as far as the code and its distribution tell.

    \b
    alref plugins card sam2 > sam2.yaml
    """
    card = build_card(PluginManager(), name)
    if check is None:
        click.echo(yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=120), nl=False)
        return 0
    differences = list(compare_cards(card, read_config_file(check)))
    for line in differences:
        click.echo(f"{check}: {line}", err=True)
    return ContractError.exit_code if differences else 0


def build_card(plugins: PluginManager, name: str) -> dict[str, Any]:
    """Return the card of a plugin, named by its entry point, its package or a component. Raises ConfigError."""
    named = [each for each in plugins.registered_classes if name in (each.plugin, each.distribution, each.name)]
    if not named:
        known = {word for each in plugins.registered_classes for word in (each.plugin, each.distribution)}
        raise ConfigError(f"no installed plugin {name!r}{suggest_names(name, known)}; see: alref plugins")
    first = named[0]
    own = [
        each for each in plugins.registered_classes if (each.plugin, each.distribution) == (first.plugin, first.distribution)
    ]
    license, homepage = read_license_and_homepage(first.distribution)
    card: dict[str, Any] = {
        "plugin": first.plugin,
        "package": first.distribution,
        "install": f"pip install {first.distribution}",
        "homepage": homepage,
        "license": license,
        "level": min((each.cls.api for each in own if issubclass(each.cls, Stage)), default=API_LEVEL),
    }
    for each in own:
        card.setdefault(PARTS.get(each.slots[0], "components"), []).append(_describe_entry(each))
    return {key: value for key, value in card.items() if value}


def _describe_entry(registered: RegisteredClass[Any]) -> dict[str, Any]:
    """Return what the code tells of a component, a dataset or a protocol."""
    cls = registered.cls
    entry: dict[str, Any] = {"name": registered.name}
    if issubclass(cls, Stage):
        licenses = dict.fromkeys(each.license for each in cls(cls.Options()).weights() if each.license)
        entry |= {"slots": registered.slots, "summary": registered.summary, "needs": list(cls.needs)}
        entry["license"] = ", ".join(licenses)
    else:
        entry["summary"] = registered.summary
    if issubclass(cls, Dataset):
        entry |= {"homepage": cls.homepage, "license": cls.license}
    if issubclass(cls, Exporter | EvaluationLogger):
        entry["needs"] = list(cls.needs)
    return {key: value for key, value in entry.items() if value}


def compare_cards(coded: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[str]:
    """Yield where a written card lacks what the code registers, or says something else. Other fields are the author's."""
    for key in ("plugin", "package", "level"):
        if written.get(key) != coded[key]:
            yield f"{key}: expected {coded[key]!r}, got {written.get(key)!r}"
    for part in ("components", *PARTS.values()):
        listed = written.get(part) or []
        if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
            yield f"{part}: expected a list of entries with a name, got {listed!r}"
            continue
        expected, found = _index_entries(coded.get(part, ()), listed)
        for name in found.keys() - expected.keys():
            yield f"{part}: {name} is not registered"
        for name, entry in expected.items():
            if name not in found:
                yield f"{part}: {name} is missing"
                continue
            for field, value in entry.items():
                if found[name].get(field) != value:
                    yield f"{part}: {name}: {field}: expected {value!r}, got {found[name].get(field)!r}"


def _index_entries(*lists: Iterable[Mapping[str, Any]]) -> list[dict[str, Mapping[str, Any]]]:
    """Return the entries of each list by name; with their slots where one name is of several entries."""
    counts = [Counter(str(entry.get("name")) for entry in entries) for entries in lists]
    shared = {name for count in counts for name, number in count.items() if number > 1}
    return [
        {
            f"{name} ({', '.join(entry.get('slots') or ())})" if (name := str(entry.get("name"))) in shared else name: entry
            for entry in entries
        }
        for entries in lists
    ]
