"""Find, load and name plugins. A broken plugin is listed and never crashes a command.

The environment variable ``ALREF_PLUGINS`` limits which installed plugins are loaded, by their own names or those of their
distributions: ``sam2,baseline`` only these, ``-mine`` all except this one, ``none`` no plugins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from alref.components.base import Stage
from alref.components.command import PluginCommand
from alref.components.dataset import Dataset
from alref.components.exporter import Exporter
from alref.components.logger import EvaluationLogger
from alref.components.protocol import EvaluationProtocol
from alref.components.runner import Runner
from alref.errors import ConfigError, ContractError, MissingError, format_exception, suggest_names
from alref.plugins import catalogue, discovery, hookspecs
from alref.plugins.catalogue import PluginCard
from alref.plugins.discovery import PLUGINS_VARIABLE, PluginSource, SkippedPlugin
from alref.plugins.registered import (
    BASE_CLASSES_BY_HOOK,
    SLOT_LABELS,
    SLOTS,
    RegisteredClass,
    RegisteredComponent,
    check_unique_names,
    get_qualified_name,
    has_name,
)
from alref.plugins.validation import check_hook_functions, validate_classes
from alref.utils.libraries import require_libraries

AnyRegistered = TypeVar("AnyRegistered", bound=RegisteredClass[Any])


@dataclass
class PluginManager:
    """All plugins of this installation; ``sources`` replaces the installed entry points.

    ``files`` are Python files that are used as plugins without being installed; their version is the digest of their content.
    The files in ``discovery.get_plugins_folder()`` are loaded with the installed plugins, except those of a name in ``files``.
    ``other_classes`` are those that are not components. ``disabled`` are plugins that ``ALREF_PLUGINS`` excludes.
    Raises ConfigError for a file that is not a plugin, and for a name in ``ALREF_PLUGINS`` that is not installed.
    """

    sources: Iterable[EntryPoint] | None = None
    files: Sequence[Path] = ()
    components: list[RegisteredComponent] = field(default_factory=list)
    other_classes: list[RegisteredClass[Any]] = field(default_factory=list)
    broken: list[SkippedPlugin] = field(default_factory=list)
    disabled: list[SkippedPlugin] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        found = entry_points(group=hookspecs.PROJECT) if self.sources is None else self.sources
        sources = [PluginSource.from_entry_point(entry) for entry in found]
        sources.sort(key=lambda source: (source.name, source.distribution, source.version))
        if self.sources is None:
            given = {path.name for path in self.files}
            sources += [source for source in discovery.list_folder_sources() if source.distribution not in given]
        self.installed = {"alref", *(source.distribution for source in sources)}
        setting = os.environ.get(PLUGINS_VARIABLE, "")
        chosen = discovery.select_plugins(sources, setting)
        with redirect_stdout(sys.stderr):  # output of a plugin is not part of the output of a command
            for source in sources:
                if source in chosen:
                    self._load_source(source)
                else:
                    self.disabled.append(source.skip(f"{PLUGINS_VARIABLE}={setting}"))
            for path in {path.resolve(): path for path in self.files}.values():
                self._load_file(path)

    def _load_source(self, source: PluginSource) -> None:
        try:
            with discovery.translate_plugin_errors():
                self._register_module(source.load(), source.name, source.distribution, source.version)
        except ContractError as error:
            self.broken.append(source.skip(str(error)))

    def _load_file(self, path: Path) -> None:
        if not path.is_file():
            raise ConfigError(f"--plugin {path}: no such file; expected a Python file, NAME.py")
        try:
            with discovery.translate_plugin_errors():
                source = PluginSource.from_file(path)
                self._register_module(source.load(), source.name, source.distribution, source.version)
        except ContractError as error:
            raise ConfigError(f"--plugin {path}: cannot be loaded: {error}") from error

    def _register_module(self, module: ModuleType, plugin: str, distribution: str, version: str) -> None:
        """Register all classes of a module, or none. Raises the error of an invalid class."""
        name = f"{distribution}:{plugin}"
        if self._manager.has_plugin(name):
            raise ContractError(f"another plugin is called {name} as well; rename one of them")
        try:
            check_hook_functions(module)
            self._manager.register(module, name=name)
            self._check_hook_names(module)
            classes, origin = self._collect_classes(module), (plugin, distribution, version)
            components = [RegisteredComponent(cls, *origin) for cls in classes if issubclass(cls, Stage)]
            others = [RegisteredClass(cls, *origin) for cls in classes if not issubclass(cls, Stage)]
            own = [each for each in self.registered_classes if each.distribution == distribution]
            check_unique_names([*own, *components, *others])
        except BaseException:
            self._manager.unregister(name=name) if self._manager.has_plugin(name) else None
            raise
        self.components += components
        self.other_classes += others

    def _check_hook_names(self, module: ModuleType) -> None:
        known = [name for name in vars(hookspecs) if hasattr(self._manager.hook, name)]
        for caller in self._manager.get_hookcallers(module) or []:
            if not caller.has_spec():
                raise ContractError(f"unknown hook {caller.name!r}{suggest_names(caller.name, known)}; see docs/hooks.md")
        self._manager.check_pending()

    def _collect_classes(self, module: ModuleType) -> list[Any]:
        classes: list[Any] = []
        callers = self._manager.get_hookcallers(module)
        if not callers:
            raise ContractError("registers nothing; mark a hook, such as register_proposers, with @alref.hookimpl")
        for caller in callers:
            if caller.name in BASE_CLASSES_BY_HOOK:
                implementation = next(each for each in caller.get_hookimpls() if each.plugin is module)
                announced = validate_classes(implementation.function(), caller.name, BASE_CLASSES_BY_HOOK[caller.name])
                classes += [cls for cls in announced if cls not in classes]  # one class may be in several hooks
        return classes

    @property
    def registered_classes(self) -> list[RegisteredClass[Any]]:
        """All classes that can be chosen by name: components, datasets, protocols and the others of ``BASE_CLASS_BY_SLOT``."""
        return [*self.components, *self.other_classes]

    def list_components(self, slot: str) -> list[RegisteredComponent]:
        """List the components that can fill a slot, by name; of those that share a name, alref's own comes first."""
        found = [each for each in self.components if slot in each.slots]
        return sorted(found, key=lambda each: (each.name, each.distribution != hookspecs.PROJECT))

    def find_slots(self, name: str, slots: Iterable[str]) -> list[str]:
        """List the members of ``slots`` that a component ``name`` can fill."""
        return [slot for slot in slots if any(has_name(each, name) for each in self.list_components(slot))]

    def get_component(self, slot: str, name: str) -> RegisteredComponent:
        """Return the component ``name``, or ``distribution:name`` if another has the name too. Raises ConfigError.

        A name that alref registers as well as another plugin is alref's own.
        """
        return self._find_registered(slot, name, self.list_components(slot))

    def get_dataset(self, name: str) -> type[Dataset]:
        """Return the dataset ``name`` or ``distribution:name``. Raises ConfigError that lists the names."""
        cls: type[Dataset] = self._find_registered("dataset", name, self._list_others("dataset")).cls
        return cls

    def get_protocol(self, name: str) -> type[EvaluationProtocol]:
        """Return the protocol ``name`` or ``distribution:name``. Raises ConfigError that lists the names."""
        cls: type[EvaluationProtocol] = self._find_registered("protocol", name, self._list_others("protocol")).cls
        return cls

    def get_exporter(self, name: str) -> type[Exporter]:
        """Return the export format ``name`` or ``distribution:name``. Raises ConfigError that lists the names."""
        cls: type[Exporter] = self._find_registered("exporter", name, self._list_others("exporter")).cls
        return cls

    def get_command(self, name: str) -> type[PluginCommand]:
        """Return the command ``name`` or ``distribution:name``. Raises ConfigError that lists the names."""
        cls: type[PluginCommand] = self._find_registered("command", name, self._list_others("command")).cls
        return cls

    def get_runner(self, name: str) -> type[Runner]:
        """Return the runner ``name``. Raises ConfigError that lists the names, MissingError for a missing library."""
        cls: type[Runner] = self._find_registered("runner", name, self._list_others("runner")).cls
        require_libraries(cls, f"runner {name}")
        return cls

    def make_loggers(self, names: Iterable[str]) -> list[EvaluationLogger]:
        """Make loggers by name. Raises ConfigError for an unknown one, MissingError with all that keeps them from recording."""
        loggers: list[EvaluationLogger] = [
            self._find_registered("logger", name, self._list_others("logger")).cls() for name in dict.fromkeys(names)
        ]
        problems = [
            replace(problem, message=f"logger {logger.name}: {problem.message}")
            for logger in loggers
            for problem in logger.problems()
        ]
        if problems:
            raise MissingError(*problems)
        return loggers

    def make_protocols(self, names: Iterable[str]) -> list[EvaluationProtocol]:
        """Make protocols by name, ready to score. Raises ConfigError for an unknown one, MissingError for a missing library."""
        classes = [self.get_protocol(name) for name in names]
        for cls in classes:
            require_libraries(cls, f"protocol {cls.name}")
        return [cls() for cls in classes]

    @property
    def datasets(self) -> dict[str, type[Dataset]]:
        """All datasets, by their unambiguous names."""
        return self._index_classes("dataset")

    @property
    def protocols(self) -> dict[str, type[EvaluationProtocol]]:
        """All protocols, by their unambiguous names."""
        return self._index_classes("protocol")

    @property
    def exporters(self) -> dict[str, type[Exporter]]:
        """All export formats, by their unambiguous names."""
        return self._index_classes("exporter")

    def get_dataset_name(self, dataset: Dataset) -> str:
        """Return the unambiguous name of a dataset."""
        return next((name for name, cls in self.datasets.items() if cls is type(dataset)), dataset.name)

    def get_component_name(self, slot: str, component: RegisteredComponent) -> str:
        """Return the unambiguous name of a component: its name, or ``distribution:name`` if two share the name."""
        return get_qualified_name(component, self.list_components(slot))

    def _list_others(self, slot: str) -> list[RegisteredClass[Any]]:
        return [each for each in self.other_classes if slot in each.slots]

    def _index_classes(self, slot: str) -> dict[str, Any]:
        found = self._list_others(slot)
        return {get_qualified_name(each, found): each.cls for each in found}

    def _find_registered(self, slot: str, name: str, registered: Sequence[AnyRegistered]) -> AnyRegistered:
        found = [each for each in registered if has_name(each, name)]
        found = [each for each in found if each.distribution == hookspecs.PROJECT] or found
        if len(found) > 1:
            choices = ", ".join(f"{each.distribution}:{each.name}" for each in found)
            raise ConfigError(f"{SLOT_LABELS.get(slot, slot)}: {len(found)} plugins register {name!r}; choose one of {choices}")
        if not found:
            raise ConfigError(self._explain_unknown(slot, name, [each.name for each in registered]))
        return found[0]

    def _explain_unknown(self, slot: str, name: str, names: Sequence[str]) -> str:
        """Return the error for an unknown name: which plugin has it, or which name is similar."""
        for card in catalogue.find_cards(slot, name):
            if why := self.explain_absence(card):
                return f"{name!r} is in {why}"
        known = {each.name for card in catalogue.load_cards() for each in card.components if slot in each.slots}
        message = f"no {SLOT_LABELS[slot]} {name!r}" if slot in SLOT_LABELS else f"{slot}: no component {name!r}"
        message += f"{suggest_names(name, known.union(names))}; installed: {', '.join(sorted(names)) or 'none'}"
        elsewhere = [other for other in SLOTS if other != slot and self.find_slots(name, [other])]
        if elsewhere:
            message += f"; {name!r} can be used as --{' or --'.join(elsewhere)}"
        for each in self.broken:
            message += f"; plugin {each.plugin!r} could not be loaded ({each.reason})"
        for each in self.disabled:
            message += f"; plugin {each.plugin!r} is switched off ({each.reason})"
        return f"{message}; see: alref plugins"

    def explain_absence(self, card: PluginCard) -> str:
        """Return why a known plugin is not loaded, with the command that installs it; empty if it is loaded."""
        for states, those in (("is switched off", self.disabled), ("could not be loaded", self.broken)):
            for each in those:
                if (each.plugin, each.distribution) == (card.plugin, card.package):
                    return f"the plugin {each.plugin}, which {states}: {each.reason}"
        if card.package not in self.installed:
            return f"the package {card.package}, which is not installed: {card.install}"
        return ""

    def add_observer(self, observer: object) -> None:
        """Add an observer: an object with ``stage_…`` methods marked ``@hookimpl``."""
        self._manager.register(observer)
        self._manager.check_pending()

    def remove_observer(self, observer: object) -> None:
        """Remove an observer; one that failed is removed already."""
        if self._manager.is_registered(observer):
            self._manager.unregister(observer)

    def notify_observers(self, hook: str, event: Any) -> None:
        """Notify all observers. One that fails is named in ``warnings`` and removed."""
        caller = getattr(self._manager.hook, hook)
        for implementation in caller.get_hookimpls():
            try:
                implementation.function(*(event for _ in implementation.argnames))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # an observer must not end a run
                self._manager.unregister(implementation.plugin)
                self.warnings.append(f"observer {implementation.plugin_name}: {format_exception(error)}")
