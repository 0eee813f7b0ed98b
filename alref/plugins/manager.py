"""Finding, loading and naming plugins. A broken one is a row in a list, never a crash.

The environment variable ``ALREF_PLUGINS`` limits which installed plugins are loaded, by their own names or those of their
distributions: ``sam2,baseline`` these only, ``-mine`` all but this one, ``none`` not any.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import pluggy

from alref.components.base import (
    Locator,
    Propagator,
    Proposer,
    SpatialReasoner,
    Stage,
    Tagger,
    TemporalReasoner,
    Transcriber,
    Unifier,
)
from alref.components.dataset import Dataset
from alref.components.protocol import Protocol
from alref.errors import ConfigError, ContractError, nearest, told
from alref.plugins import catalogue, hookspecs
from alref.plugins.catalogue import Card
from alref.plugins.discovery import VARIABLE, from_file, loading, origin, wanted
from alref.plugins.validation import checked

SLOTS: dict[str, tuple[str, type[Stage]]] = {
    "unifier": ("register_unifiers", Unifier),
    "tagger": ("register_unifiers", Tagger),
    "transcriber": ("register_unifiers", Transcriber),
    "locator": ("register_unifiers", Locator),
    "temporal": ("register_reasoners", TemporalReasoner),
    "spatial": ("register_reasoners", SpatialReasoner),
    "proposer": ("register_proposers", Proposer),
    "propagator": ("register_propagators", Propagator),
}
"""The places of a pipeline that a component fills: the hook that announces it, and the class that it derives from."""

_BASES: dict[str, tuple[type, ...]] = {
    **{hook: tuple(base for name, base in SLOTS.values() if name == hook) for hook, _ in SLOTS.values()},
    "register_datasets": (Dataset,),
    "register_metrics": (Protocol,),
}

KINDS: dict[str, type] = {**{slot: base for slot, (_, base) in SLOTS.items()}, "dataset": Dataset, "metric": Protocol}
"""Everything that people choose by name, and the class that it derives from."""

TITLES = {"dataset": "data set", "metric": "protocol"}
"""What people call the kinds that are no place of a pipeline."""

Made = TypeVar("Made", bound=Stage | Dataset | Protocol)
Chosen = TypeVar("Chosen", bound="Offer[Any]")


@dataclass(frozen=True)
class Offer(Generic[Made]):
    """A class that a plugin announced, and the distribution that it came with."""

    cls: type[Made]
    plugin: str
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """What people type."""
        return self.cls.name

    @cached_property
    def kinds(self) -> list[str]:
        """What it can be chosen for: places of a pipeline, or ``dataset``, or ``metric``."""
        return [kind for kind, base in KINDS.items() if issubclass(self.cls, base)]

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.cls.__doc__ or "").strip().partition("\n")[0]


class Component(Offer[Stage]):
    """A component that a plugin announced."""

    @property
    def slots(self) -> list[str]:
        """The places of a pipeline that it can fill."""
        return self.kinds


@dataclass(frozen=True)
class Unloaded:
    """A plugin that is installed and was not loaded, and why."""

    plugin: str
    distribution: str
    version: str
    reason: str


@dataclass
class Plugins:
    """All plugins of this installation; ``sources`` replaces the installed entry points.

    ``files`` are Python files that are plugins too, without being installed; their version is the digest of their content.
    ``benchmarks`` are data sets and metrics. ``off`` is what ``ALREF_PLUGINS`` keeps from being loaded. Raises ConfigError for
    a file that is no plugin, and for a name in ``ALREF_PLUGINS`` that is not installed.
    """

    sources: Iterable[EntryPoint] | None = None
    files: Sequence[Path] = ()
    components: list[Component] = field(default_factory=list)
    benchmarks: list[Offer[Dataset] | Offer[Protocol]] = field(default_factory=list)
    broken: list[Unloaded] = field(default_factory=list)
    off: list[Unloaded] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        found = entry_points(group=hookspecs.PROJECT) if self.sources is None else self.sources
        entries = sorted(found, key=lambda entry: (entry.name, *origin(entry)))
        self.installed = {"alref", *(origin(entry)[0] for entry in entries)}
        said = os.environ.get(VARIABLE, "")
        chosen = wanted(entries, said)
        with redirect_stdout(sys.stderr):  # what a plugin prints is no part of what a command prints
            for entry in entries:
                if entry in chosen:
                    self._load(entry)
                else:
                    self.off.append(Unloaded(entry.name, *origin(entry), f"{VARIABLE}={said}"))
            for path in {path.resolve(): path for path in self.files}.values():
                self._load_file(path)

    def _load(self, entry: EntryPoint) -> None:
        try:
            with loading():
                self._register(entry.load(), entry.name, *origin(entry))
        except ContractError as error:
            self.broken.append(Unloaded(entry.name, *origin(entry), str(error)))

    def _load_file(self, path: Path) -> None:
        from hashlib import sha256

        if not path.is_file():
            raise ConfigError(f"--plugin {path}: no such file; expected a Python file, NAME.py")
        try:
            with loading():
                digest = sha256(path.read_bytes()).hexdigest()[:12]
                self._register(from_file(path), path.stem, path.name, digest)
        except ContractError as error:
            raise ConfigError(f"--plugin {path}: cannot be loaded: {error}") from error

    def _register(self, module: ModuleType, plugin: str, distribution: str, version: str) -> None:
        """Take up all that a module announces, or nothing of it. Raises whatever is wrong with it."""
        name = f"{distribution}:{plugin}"
        if self._manager.has_plugin(name):
            raise ContractError(f"another plugin is called {name} as well; rename one of them")
        try:
            self._manager.register(module, name=name)
            self._manager.check_pending()
            made = [_offer(cls, plugin, distribution, version) for cls in self._announced(module)]
            _tell_apart([*(each for each in self.offers if each.distribution == distribution), *made])
        except BaseException:
            self._manager.unregister(name=name) if self._manager.has_plugin(name) else None
            raise
        self.components += [each for each in made if isinstance(each, Component)]
        self.benchmarks += [each for each in made if not isinstance(each, Component)]

    def _announced(self, module: ModuleType) -> list[Any]:
        classes: list[Any] = []
        callers = self._manager.get_hookcallers(module)
        if not callers:
            raise ContractError("announces nothing; mark a hook, such as register_proposers, with @alref.hookimpl")
        for caller in callers:
            if caller.name in _BASES:
                implementation = next(each for each in caller.get_hookimpls() if each.plugin is module)
                classes += checked(implementation.function(), caller.name, _BASES[caller.name])
        return classes

    @property
    def offers(self) -> list[Offer[Any]]:
        """All that can be chosen by name: components, data sets and metrics."""
        return [*self.components, *self.benchmarks]

    def of(self, slot: str) -> list[Component]:
        """List the components that can fill a slot, by name."""
        return sorted((each for each in self.components if slot in each.slots), key=lambda each: each.name)

    def fits(self, name: str, slots: Iterable[str]) -> list[str]:
        """List those of ``slots`` that a component ``name`` can fill."""
        return [slot for slot in slots if any(named(each, name) for each in self.of(slot))]

    def get(self, slot: str, name: str) -> Component:
        """Return the component ``name``, or ``distribution:name`` where two carry one name. Raises ConfigError otherwise."""
        return self._one(slot, name, self.of(slot))

    def dataset(self, name: str) -> type[Dataset]:
        """Return the data set ``name`` or ``distribution:name``. Raises ConfigError with the names there are."""
        cls: type[Dataset] = self._one("dataset", name, self._benchmarks("dataset")).cls
        return cls

    def metric(self, name: str) -> type[Protocol]:
        """Return the way to score ``name`` or ``distribution:name``. Raises ConfigError with the names there are."""
        cls: type[Protocol] = self._one("metric", name, self._benchmarks("metric")).cls
        return cls

    @property
    def datasets(self) -> dict[str, type[Dataset]]:
        """All data sets, by the name that means no other."""
        return self._classes("dataset")

    @property
    def metrics(self) -> dict[str, type[Protocol]]:
        """All ways to score, by the name that means no other."""
        return self._classes("metric")

    def whole(self, dataset: Dataset) -> str:
        """Return the name that means a data set and no other."""
        return next((name for name, cls in self.datasets.items() if cls is type(dataset)), dataset.name)

    def typed(self, slot: str, component: Component) -> str:
        """Return what names a component without doubt: its name, or ``distribution:name`` where two carry one name."""
        return typed(component, self.of(slot))

    def _benchmarks(self, kind: str) -> list[Offer[Any]]:
        return [each for each in self.benchmarks if kind in each.kinds]

    def _classes(self, kind: str) -> dict[str, Any]:
        found = self._benchmarks(kind)
        return {typed(each, found): each.cls for each in found}

    def _one(self, kind: str, name: str, among: Sequence[Chosen]) -> Chosen:
        found = [each for each in among if named(each, name)]
        if len(found) > 1:
            choices = ", ".join(f"{each.distribution}:{each.name}" for each in found)
            raise ConfigError(f"{TITLES.get(kind, kind)}: {len(found)} plugins offer {name!r}; choose one of {choices}")
        if not found:
            raise ConfigError(self._unknown(kind, name, [each.name for each in among]))
        return found[0]

    def _unknown(self, kind: str, name: str, names: Sequence[str]) -> str:
        """Say where a name that nothing loaded has is to be had, or which name is meant."""
        for card in catalogue.offering(kind, name):
            if why := self.absent(card):
                return f"{name!r} is in {why}"
        known = {each.name for card in catalogue.cards() for each in card.offers if kind in each.kinds}
        message = f"no {TITLES[kind]} {name!r}" if kind in TITLES else f"{kind}: no component {name!r}"
        message += f"{nearest(name, known.union(names))}; installed: {', '.join(sorted(names)) or 'none'}"
        elsewhere = [other for other in SLOTS if other != kind and self.fits(name, [other])]
        if elsewhere:
            message += f"; {name!r} can be used as --{' or --'.join(elsewhere)}"
        for each in self.broken:
            message += f"; plugin {each.plugin!r} could not be loaded ({each.reason})"
        for each in self.off:
            message += f"; plugin {each.plugin!r} is switched off ({each.reason})"
        return f"{message}; see: alref plugins"

    def absent(self, card: Card) -> str:
        """Say why a known plugin is not among those loaded, with the command that installs it; nothing if it is."""
        for states, those in (("is switched off", self.off), ("could not be loaded", self.broken)):
            for each in those:
                if (each.plugin, each.distribution) == (card.plugin, card.package):
                    return f"the plugin {each.plugin}, which {states}: {each.reason}"
        if card.package not in self.installed:
            return f"the package {card.package}, which is not installed: {card.install}"
        return ""

    def observe(self, observer: object) -> None:
        """Add an observer: an object with ``stage_…`` methods marked ``@hookimpl``."""
        self._manager.register(observer)
        self._manager.check_pending()

    def notify(self, hook: str, event: Any) -> None:
        """Tell all observers. One that fails is named in ``warnings`` and told no more."""
        caller = getattr(self._manager.hook, hook)
        for implementation in caller.get_hookimpls():
            try:
                implementation.function(*(event for _ in implementation.argnames))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # an observer must not end a run
                self._manager.unregister(implementation.plugin)
                self.warnings.append(f"observer {implementation.plugin_name}: {told(error)}")


def named(offer: Offer[Any], name: str) -> bool:
    """Whether ``name``, or ``distribution:name``, means an offer."""
    distribution, _, short = name.rpartition(":")
    return offer.name == short and distribution in ("", offer.distribution)


def typed(offer: Offer[Any], among: Iterable[Offer[Any]]) -> str:
    """Return what names an offer without doubt: its name, or ``distribution:name`` where two of ``among`` carry one name."""
    alone = sum(each.name == offer.name for each in among) == 1
    return offer.name if alone else f"{offer.distribution}:{offer.name}"


def _offer(cls: type[Any], plugin: str, distribution: str, version: str) -> Offer[Any]:
    return (Component if issubclass(cls, Stage) else Offer)(cls, plugin, distribution, version)


def _tell_apart(offers: Sequence[Offer[Any]]) -> None:
    """Check that ``distribution:name`` means one thing of a kind. Raises ContractError."""
    for one, other in combinations(offers, 2):
        if one.name == other.name and set(one.kinds) & set(other.kinds):
            both = " and ".join(dict.fromkeys((one.cls.__name__, other.cls.__name__)))
            raise ContractError(f"{one.name!r} is announced twice, by {both}; give each class a name of its own")
