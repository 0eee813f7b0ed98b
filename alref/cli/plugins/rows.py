"""What ``alref plugins`` tells of each component, data set and metric, also of those that are known and not installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from alref.cli.status import READY, ComponentStatus, check_status
from alref.components.dataset import Dataset
from alref.components.libraries import find_missing_libraries
from alref.components.protocol import EvaluationProtocol
from alref.plugins.catalogue import KnownComponent, PluginCard, load_cards
from alref.plugins.discovery import read_license_and_homepage
from alref.plugins.manager import BASE_CLASS_BY_SLOT, PluginManager, RegisteredClass, RegisteredComponent, get_qualified_name


@dataclass(frozen=True)
class PluginRow:
    """One thing that can be chosen by name; or a plugin that was not loaded, which has no ``slots``.

    ``name`` is what people type, ``slots`` what it is chosen for. ``license`` is that of its code, ``weights_license`` that of
    what it loads, or of the data; both are empty where they are not known. ``offer`` is what is loaded; ``brings`` are names of
    what a plugin would bring.
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
    offer: RegisteredClass[Any] | None = None
    provides: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: None for what is not known."""
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
        """Whether ``name``, or ``package:name``, means this."""
        package, _, short = name.rpartition(":")
        return short in (self.name.rpartition(":")[2], *self.provides) and package in ("", self.package)


def list_rows(plugins: PluginManager) -> list[PluginRow]:
    """List all that is installed or known, by slot in the order of work; what was not loaded stands last."""
    known = {
        (card.package, each.slots, each.name): _make_catalogue_row(card, each)
        for card in load_cards()
        for each in card.components
    }
    loaded = [
        _make_loaded_row(plugins, each, known.get((each.distribution, tuple(each.slots), each.name)))
        for each in plugins.registered_classes
    ]
    return sorted([*loaded, *_list_unloaded(plugins, list(known.values()))], key=_get_sort_key)


def _get_sort_key(row: PluginRow) -> tuple[list[int], str, str]:
    order = list(BASE_CLASS_BY_SLOT)
    return [order.index(slot) for slot in row.slots] or [len(order)], row.name, row.package


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


def _make_installed_row(offer: RegisteredClass[Any]) -> PluginRow:
    license, homepage = read_license_and_homepage(offer.distribution)
    row = PluginRow(
        offer.name, offer.plugin, offer.distribution, READY, slots=tuple(offer.slots), license=license, homepage=homepage
    )
    if issubclass(offer.cls, Dataset):
        return replace(row, weights_license=offer.cls.license, homepage=offer.cls.homepage or homepage)
    return row


def _make_loaded_row(plugins: PluginManager, offer: RegisteredClass[Any], known: PluginRow | None) -> PluginRow:
    rivals = [each for each in plugins.registered_classes if each.name == offer.name and set(each.slots) & set(offer.slots)]
    row = replace(
        known or _make_installed_row(offer),
        name=get_qualified_name(offer, rivals),
        version=offer.version,
        summary=offer.summary,
        status=READY,
        offer=offer,
    )
    if issubclass(offer.cls, EvaluationProtocol):
        missing = find_missing_libraries(offer.cls.needs, offer.cls.extra)
        status = ComponentStatus.from_problems("library missing", missing) if missing else READY
        return replace(row, needs=tuple(offer.cls.needs), status=status)
    if not isinstance(offer, RegisteredComponent):
        return row
    return replace(row, level=offer.cls.api, needs=tuple(offer.cls.needs), status=check_status(offer, thorough=False))


def _list_unloaded(plugins: PluginManager, known: list[PluginRow]) -> Iterator[PluginRow]:
    """List what is known and not installed or switched off; and plugins that are broken, or switched off without a card."""
    yield from (row for row in known if row.package not in plugins.installed)
    for each in [*plugins.disabled, *plugins.broken]:
        own = [row for row in known if (row.plugin, row.package) == (each.plugin, each.distribution)]
        bare = PluginRow(each.plugin, each.plugin, each.distribution, ComponentStatus("broken", each.reason), each.version)
        if each in plugins.broken:
            yield replace(bare, provides=tuple(row.name for row in own))
        else:
            off = ComponentStatus("switched off", each.reason)
            yield from (replace(row, version=each.version, status=off) for row in own or [bare])
