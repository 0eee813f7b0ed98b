"""Rows of ``alref plugins``: components, datasets, protocols and commands, including known ones that are not installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from alref.cli.status import READY, ComponentStatus, check_status
from alref.components.command import PluginCommand
from alref.components.dataset import Dataset
from alref.components.exporter import Exporter
from alref.components.protocol import EvaluationProtocol
from alref.components.runner import Runner
from alref.plugins.catalogue import KnownComponent, PluginCard, load_cards
from alref.plugins.discovery import read_license_and_homepage
from alref.plugins.manager import PluginManager
from alref.plugins.registered import BASE_CLASS_BY_SLOT, RegisteredClass, RegisteredComponent, get_qualified_name
from alref.utils.libraries import find_missing_libraries


@dataclass(frozen=True)
class PluginRow:
    """A component, dataset, protocol or command; or a plugin that was not loaded, which has no ``slots``.

    ``name`` is the name to type, ``slots`` are those that it fills. ``license`` is that of its code, ``weights_license`` of
    its weights or data; both are empty if unknown. ``registered`` is the loaded class; ``brings`` are the names that a
    plugin would register.
    """

    name: str
    plugin: str
    package: str
    status: ComponentStatus
    version: str = ""
    slots: tuple[str, ...] = ()
    summary: str = ""
    level: int | None = None
    license: str = ""
    weights_license: str = ""
    homepage: str = ""
    needs: tuple[str, ...] = ()
    registered: RegisteredClass[Any] | None = None
    provides: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints; unknown values are None."""
        names = ("name", "slots", "summary", "plugin", "package", "version", "level", "license", "weights_license", "homepage")
        known = {name: getattr(self, name) or None for name in names}
        problems = [problem.to_dict() for problem in self.status.problems]
        return {
            **known,
            "needs": self.needs,
            "state": self.status.label,
            "reason": self.status.reason or None,
            "problems": problems,
        }

    def has_name(self, name: str) -> bool:
        """Return whether ``name`` or ``package:name`` means this row."""
        package, _, short = name.rpartition(":")
        return short in (self.name.rpartition(":")[2], *self.provides) and package in ("", self.package)


def list_rows(plugins: PluginManager) -> list[PluginRow]:
    """List everything installed or known, by slot in pipeline order; plugins that were not loaded come last."""
    known = {
        (card.package, each.slots, each.name): _make_catalogue_row(card, each)
        for card in load_cards()
        for each in card.components
    }
    loaded = [
        _make_loaded_row(plugins, each, known.get((each.distribution, tuple(each.slots), each.name)))
        for each in plugins.registered_classes
    ]
    slots = list(BASE_CLASS_BY_SLOT)
    return sorted(
        [*loaded, *_list_unloaded(plugins, list(known.values()))],
        key=lambda row: ([slots.index(slot) for slot in row.slots] or [len(slots)], row.name, row.package),
    )


def _make_catalogue_row(card: PluginCard, known: KnownComponent) -> PluginRow:
    return PluginRow(
        name=known.name,
        plugin=card.plugin,
        package=card.package,
        status=ComponentStatus("not installed", card.install),
        slots=known.slots,
        summary=known.summary,
        level=card.level,
        license=card.license,
        weights_license=known.license,
        homepage=known.homepage or card.homepage,
        needs=known.needs,
    )


def _make_installed_row(registered: RegisteredClass[Any]) -> PluginRow:
    license, homepage = read_license_and_homepage(registered.distribution)
    row = PluginRow(
        registered.name,
        registered.plugin,
        registered.distribution,
        READY,
        slots=tuple(registered.slots),
        license=license,
        homepage=homepage,
    )
    if issubclass(registered.cls, Dataset):
        return replace(row, weights_license=registered.cls.license, homepage=registered.cls.homepage or homepage)
    return row


def _make_loaded_row(plugins: PluginManager, registered: RegisteredClass[Any], known: PluginRow | None) -> PluginRow:
    rivals = [
        each for each in plugins.registered_classes if each.name == registered.name and set(each.slots) & set(registered.slots)
    ]
    row = replace(
        known or _make_installed_row(registered),
        name=get_qualified_name(registered, rivals),
        version=registered.version,
        summary=registered.summary,
        status=READY,
        registered=registered,
    )
    if issubclass(registered.cls, (EvaluationProtocol, Exporter, PluginCommand, Runner)):
        missing = find_missing_libraries(registered.cls)
        status = ComponentStatus.from_problems("library missing", missing) if missing else READY
        return replace(row, needs=tuple(registered.cls.needs), status=status)
    if not isinstance(registered, RegisteredComponent):
        return row
    return replace(
        row, level=registered.cls.api, needs=tuple(registered.cls.needs), status=check_status(registered, thorough=False)
    )


def _list_unloaded(plugins: PluginManager, known: list[PluginRow]) -> Iterator[PluginRow]:
    """List known rows that are not installed or are switched off, and plugins that are broken or switched off."""
    yield from (row for row in known if row.package not in plugins.installed)
    for each in [*plugins.disabled, *plugins.broken]:
        own = [row for row in known if (row.plugin, row.package) == (each.plugin, each.distribution)]
        bare = PluginRow(each.plugin, each.plugin, each.distribution, ComponentStatus("broken", each.reason), each.version)
        if each in plugins.broken:
            yield replace(bare, provides=tuple(row.name for row in own))
        else:
            off = ComponentStatus("switched off", each.reason)
            yield from (replace(row, version=each.version, status=off) for row in own or [bare])
