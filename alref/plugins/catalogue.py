"""Known plugins, including those that are not installed: the cards of ``registry/``, stored as ``catalogue.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class KnownComponent:
    """A component, a dataset or a metric that a card names.

    ``slots`` are the slots that it fills, or ``dataset``, or ``protocol``. ``needs`` are import names. ``license`` is that of
    its weights or data; it and ``homepage`` are empty if the card has none.
    """

    name: str
    slots: tuple[str, ...]
    summary: str
    needs: tuple[str, ...]
    license: str
    homepage: str


@dataclass(frozen=True)
class PluginCard:
    """A known plugin: its entry point, its distribution, the command that installs it, and the components that it registers.

    ``license`` is that of its code, ``level`` the contract level that it supports.
    """

    plugin: str
    package: str
    install: str
    homepage: str
    license: str
    level: int
    components: tuple[KnownComponent, ...]


@cache
def load_cards() -> tuple[PluginCard, ...]:
    """Return the cards of all known plugins, by name."""
    text = Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8")
    cards = []
    for card in json.loads(text):
        components = (
            KnownComponent(**{**each, "slots": tuple(each["slots"]), "needs": tuple(each["needs"])})
            for each in card["components"]
        )
        cards.append(PluginCard(**{**card, "components": tuple(components)}))
    return tuple(cards)


def find_cards(slot: str, name: str) -> Iterator[PluginCard]:
    """Yield the cards that list ``name``, or ``package:name``, for this slot."""
    package, _, short = name.rpartition(":")
    for card in load_cards():
        if package in ("", card.package) and any(each.name == short and slot in each.slots for each in card.components):
            yield card
