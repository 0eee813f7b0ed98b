"""Finding, loading and naming plugins. A broken one is a row in a list, never a crash.

The environment variable ``ALREF_PLUGINS`` limits which installed plugins are loaded, by their own names or those of their
distributions: ``sam2,baseline`` these only, ``-mine`` all but this one, ``none`` not any.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from inspect import isabstract
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from alref import hookspecs
from alref.datasets import Dataset
from alref.errors import ConfigError, ContractError, nearest
from alref.protocols import Protocol
from alref.stages import (
    API,
    Locator,
    Propagator,
    Proposer,
    SpatialReasoner,
    Stage,
    StageOptions,
    Tagger,
    TemporalReasoner,
    Transcriber,
    Unifier,
)

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


Kind = TypeVar("Kind", Dataset, Protocol)


@dataclass(frozen=True)
class Component:
    """A class that a plugin announced, and the distribution that it came with."""

    cls: type[Stage]
    plugin: str
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """What people type."""
        return self.cls.name

    @property
    def slots(self) -> list[str]:
        """The places of a pipeline that it can fill."""
        return [slot for slot, (_, base) in SLOTS.items() if issubclass(self.cls, base)]


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be loaded, and why."""

    plugin: str
    distribution: str
    version: str
    reason: str


@dataclass
class Plugins:
    """All plugins of this installation; ``sources`` replaces the installed entry points.

    ``files`` are Python files that are plugins too, without being installed; their version is the digest of their content.
    ``off`` names what ``ALREF_PLUGINS`` keeps from being loaded. Raises ConfigError for a file that is no plugin, and for a
    name in ``ALREF_PLUGINS`` that is not installed.
    """

    sources: Iterable[EntryPoint] | None = None
    files: Sequence[Path] = ()
    components: list[Component] = field(default_factory=list)
    datasets: dict[str, type[Dataset]] = field(default_factory=dict)
    metrics: dict[str, type[Protocol]] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    off: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        found = entry_points(group=hookspecs.PROJECT) if self.sources is None else self.sources
        entries = sorted(found, key=lambda entry: (entry.name, _distribution(entry)))
        wanted = _wanted(entries, os.environ.get("ALREF_PLUGINS", ""))
        self.off = [entry.name for entry in entries if entry not in wanted]
        for entry in wanted:
            self._load(entry)
        for path in self.files:
            self._load_file(path)

    def _load(self, entry: EntryPoint) -> None:
        distribution = _distribution(entry)
        version = entry.dist.version if entry.dist else "unknown"
        try:
            self._register(entry.load(), entry.name, distribution, version)
        except Exception as error:  # whatever a plugin does wrong is its own row
            self.broken.append(Broken(entry.name, distribution, version, f"{type(error).__name__}: {error}"))

    def _load_file(self, path: Path) -> None:
        try:
            digest = sha256(path.read_bytes()).hexdigest()[:12]
            self._register(_module(path), path.stem, path.name, digest)
        except Exception as error:  # the user's own file may do anything wrong
            raise ConfigError(f"--plugin {path}: cannot be loaded: {type(error).__name__}: {error}") from error

    def _register(self, module: ModuleType, plugin: str, distribution: str, version: str) -> None:
        """Take up all that a module announces, or nothing of it. Raises whatever is wrong with it."""
        name = f"{distribution}:{plugin}"
        try:
            self._manager.register(module, name=name)
            self._manager.check_pending()
            announced = self._announced(module)
        except Exception:
            self._manager.unregister(name=name) if self._manager.has_plugin(name) else None
            raise
        for cls in announced:
            if issubclass(cls, Stage):
                self.components.append(Component(cls, plugin, distribution, version))
            else:
                kinds: dict[str, Any] = self.datasets if issubclass(cls, Dataset) else self.metrics
                kinds[cls.name] = cls

    def _announced(self, module: ModuleType) -> list[Any]:
        classes: list[Any] = []
        for caller in self._manager.get_hookcallers(module) or []:
            if caller.name in _BASES:
                implementation = next(each for each in caller.get_hookimpls() if each.plugin is module)
                classes += _checked(implementation.function(), caller.name)
        return classes

    def of(self, slot: str) -> list[Component]:
        """List the components that can fill a slot, by name."""
        return sorted((each for each in self.components if slot in each.slots), key=lambda each: each.name)

    def fits(self, name: str, slots: Iterable[str]) -> list[str]:
        """List those of ``slots`` that a component ``name`` can fill."""
        return [slot for slot in slots if any(each.name == name.rpartition(":")[2] for each in self.of(slot))]

    def get(self, slot: str, name: str) -> Component:
        """Return the component ``name``, or ``distribution:name`` where two carry one name. Raises ConfigError otherwise."""
        wanted, _, short = name.rpartition(":")
        found = [each for each in self.of(slot) if each.name == short and wanted in ("", each.distribution)]
        if len(found) > 1:
            choices = ", ".join(f"{each.distribution}:{each.name}" for each in found)
            raise ConfigError(f"{slot}: {len(found)} plugins offer {name!r}; choose one of {choices}")
        if not found:
            raise ConfigError(self._unknown(slot, name))
        return found[0]

    def typed(self, slot: str, component: Component) -> str:
        """Return what names a component without doubt: its name, or ``distribution:name`` where two carry one name."""
        alone = sum(each.name == component.name for each in self.of(slot)) == 1
        return component.name if alone else f"{component.distribution}:{component.name}"

    def _unknown(self, slot: str, name: str) -> str:
        names = [each.name for each in self.of(slot)]
        message = f"{slot}: no component {name!r}{nearest(name, names)}; installed: {', '.join(names) or 'none'}"
        elsewhere = [other for other in SLOTS if other != slot and any(each.name == name for each in self.of(other))]
        if elsewhere:
            message += f"; {name!r} can be used as --{' or --'.join(elsewhere)}"
        for each in self.broken:
            message += f"; plugin {each.plugin!r} could not be loaded ({each.reason})"
        return f"{message}; see: alref plugins"

    def dataset(self, name: str) -> type[Dataset]:
        """Return the data set ``name``. Raises ConfigError with the names there are."""
        return _named("data set", name, self.datasets)

    def metric(self, name: str) -> type[Protocol]:
        """Return the way to score ``name``. Raises ConfigError with the names there are."""
        return _named("protocol", name, self.metrics)

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
            except Exception as error:  # an observer must not end a run
                self._manager.unregister(implementation.plugin)
                self.warnings.append(f"observer {implementation.plugin_name}: {type(error).__name__}: {error}")


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value


def _wanted(entries: list[EntryPoint], said: str) -> list[EntryPoint]:
    """Choose what ``ALREF_PLUGINS`` says to load. Raises ConfigError for a name that nothing installed has."""
    words = [word.strip() for word in said.split(",") if word.strip()]
    names = {name for entry in entries for name in (entry.name, _distribution(entry))}
    for word in words:
        if (name := word.removeprefix("-")) not in names | {"none"}:
            known = ", ".join(sorted(names))
            raise ConfigError(f"ALREF_PLUGINS={said}: no plugin {name!r}{nearest(name, names)}; installed: {known}, or none")
    off = {word.removeprefix("-") for word in words if word.startswith("-")}
    only = {word for word in words if not word.startswith("-")} or names
    return [entry for entry in entries if not off & (its := {entry.name, _distribution(entry)}) and only & its]


def _module(path: Path) -> ModuleType:
    """Import a file under its own name, which stays importable for what looks a class up by its module."""
    spec = spec_from_file_location(f"alref_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError("expected a Python file, NAME.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _named(what: str, name: str, known: Mapping[str, type[Kind]]) -> type[Kind]:
    if name not in known:
        raise ConfigError(f"no {what} {name!r}{nearest(name, known)}; installed: {', '.join(sorted(known)) or 'none'}")
    return known[name]


def _checked(classes: Any, hook: str) -> list[Any]:
    """Check what a registration hook returned. Raises ContractError that says what was expected."""
    if not isinstance(classes, (list, tuple)):
        raise ContractError(f"{hook}: expected a list of classes, got {type(classes).__name__}")
    for cls in classes:
        bases = _BASES[hook]
        if not (isinstance(cls, type) and issubclass(cls, bases)):
            raise ContractError(f"{hook}: expected subclasses of {' or '.join(b.__name__ for b in bases)}, got {cls!r}")
        if isabstract(cls):
            raise ContractError(f"{hook}: {cls.__name__} lacks {', '.join(sorted(getattr(cls, '__abstractmethods__', ())))}")
        if not isinstance(getattr(cls, "name", None), str):
            raise ContractError(f"{hook}: {cls.__name__} has no name")
        if issubclass(cls, Stage) and cls.api != API:
            raise ContractError(f"{hook}: {cls.__name__} is written for contract level {cls.api}, this alref has {API}")
        if issubclass(cls, Stage) and not (isinstance(cls.Options, type) and issubclass(cls.Options, StageOptions)):
            raise ContractError(f"{hook}: {cls.__name__}.Options: expected a subclass of StageOptions, got {cls.Options!r}")
    return list(classes)
