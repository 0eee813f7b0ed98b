"""Known plugins, those that are not installed too: the cards of ``registry/``, kept as ``catalogue.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Known:
    """A component, a data set or a metric that a card names.

    ``kinds`` are the places of a pipeline that it fills, or ``dataset``, or ``metric``. ``needs`` are import names. ``licence``
    is that of its weights or data; it and ``homepage`` are empty where the card has none.
    """

    name: str
    kinds: tuple[str, ...]
    summary: str
    needs: tuple[str, ...]
    licence: str
    homepage: str


@dataclass(frozen=True)
class Card:
    """A known plugin: its entry point, the distribution that brings it, the line that installs it, and what it announces.

    ``licence`` is that of its code, ``level`` the contract level that it is written for.
    """

    plugin: str
    package: str
    install: str
    homepage: str
    licence: str
    level: int
    offers: tuple[Known, ...]


@cache
def cards() -> tuple[Card, ...]:
    """Return the cards of all known plugins, by name."""
    text = Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8")
    return tuple(Card(**{**card, "offers": tuple(map(_known, card["offers"]))}) for card in json.loads(text))


def offering(kind: str, name: str) -> Iterator[Card]:
    """Find the cards that name ``name``, or ``package:name``, as something of this kind."""
    package, _, short = name.rpartition(":")
    for card in cards():
        if package in ("", card.package) and any(each.name == short and kind in each.kinds for each in card.offers):
            yield card


def _known(offer: dict[str, Any]) -> Known:
    return Known(**{**offer, "kinds": tuple(offer["kinds"]), "needs": tuple(offer["needs"])})
