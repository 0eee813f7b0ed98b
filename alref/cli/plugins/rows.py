"""What ``alref plugins`` tells of each component, data set and metric, also of those that are known and not installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from alref.cli.status import READY, State, state
from alref.components.dataset import Dataset
from alref.plugins.catalogue import Card, Known, cards
from alref.plugins.discovery import about
from alref.plugins.manager import KINDS, Component, Offer, Plugins, typed


@dataclass(frozen=True)
class Row:
    """One thing that can be chosen by name; or a plugin that was not loaded, which has no ``kinds``.

    ``name`` is what people type, ``kinds`` what it is chosen for. ``licence`` is that of its code, ``weights_licence`` that of
    what it loads, or of the data; both are empty where they are not known. ``offer`` is what is loaded; ``brings`` are names of
    what a plugin would bring.
    """

    name: str
    plugin: str
    package: str
    state: State
    version: str = ""
    kinds: tuple[str, ...] = ()
    summary: str = ""
    level: int | None = None
    licence: str = ""
    weights_licence: str = ""
    homepage: str = ""
    needs: tuple[str, ...] = ()
    offer: Offer[Any] | None = None
    brings: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Return what ``--json`` prints: None for what is not known."""
        names = ("name", "kinds", "summary", "plugin", "package", "version", "level", "licence", "weights_licence", "homepage")
        known = {name: getattr(self, name) or None for name in names}
        return {**known, "needs": self.needs, "state": self.state.word, "why": self.state.why or None}

    def named(self, name: str) -> bool:
        """Whether ``name``, or ``package:name``, means this."""
        package, _, short = name.rpartition(":")
        return short in (self.name.rpartition(":")[2], *self.brings) and package in ("", self.package)


def listing(plugins: Plugins) -> list[Row]:
    """List all that is installed or known, by kind in the order of work; what was not loaded stands last."""
    known = {(card.package, each.kinds, each.name): _carded(card, each) for card in cards() for each in card.offers}
    loaded = [_loaded(plugins, each, known.get((each.distribution, tuple(each.kinds), each.name))) for each in plugins.offers]
    return sorted([*loaded, *_unloaded(plugins, list(known.values()))], key=_place)


def _place(row: Row) -> tuple[list[int], str, str]:
    order = list(KINDS)
    return [order.index(kind) for kind in row.kinds] or [len(order)], row.name, row.package


def _carded(card: Card, known: Known) -> Row:
    return Row(
        name=known.name,
        plugin=card.plugin,
        package=card.package,
        state=State("not installed", card.install),
        kinds=known.kinds,
        summary=known.summary,
        level=card.level,
        licence=card.licence,
        weights_licence=known.licence,
        homepage=known.homepage or card.homepage,
        needs=known.needs,
    )


def _uncarded(offer: Offer[Any]) -> Row:
    licence, homepage = about(offer.distribution)
    row = Row(offer.name, offer.plugin, offer.distribution, READY, kinds=tuple(offer.kinds), licence=licence, homepage=homepage)
    if issubclass(offer.cls, Dataset):
        return replace(row, weights_licence=offer.cls.licence, homepage=offer.cls.homepage or homepage)
    return row


def _loaded(plugins: Plugins, offer: Offer[Any], known: Row | None) -> Row:
    rivals = [each for each in plugins.offers if each.name == offer.name and set(each.kinds) & set(offer.kinds)]
    row = replace(
        known or _uncarded(offer),
        name=typed(offer, rivals),
        version=offer.version,
        summary=offer.summary,
        state=READY,
        offer=offer,
    )
    if not isinstance(offer, Component):
        return row
    return replace(row, level=offer.cls.api, needs=tuple(offer.cls.needs), state=state(offer, thorough=False))


def _unloaded(plugins: Plugins, known: list[Row]) -> Iterator[Row]:
    """List what is known and not installed or switched off; and plugins that are broken, or switched off without a card."""
    yield from (row for row in known if row.package not in plugins.installed)
    for each in [*plugins.off, *plugins.broken]:
        own = [row for row in known if (row.plugin, row.package) == (each.plugin, each.distribution)]
        bare = Row(each.plugin, each.plugin, each.distribution, State("broken", each.reason), each.version)
        if each in plugins.broken:
            yield replace(bare, brings=tuple(row.name for row in own))
        else:
            off = State("switched off", each.reason)
            yield from (replace(row, version=each.version, state=off) for row in own or [bare])
