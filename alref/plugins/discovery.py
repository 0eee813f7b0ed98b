"""Discover installed plugins: the origin of entry points, their selection, and loading their code."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, metadata
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType, ModuleType
from typing import Any, Self

from alref.errors import ConfigError, ContractError, format_exception, suggest_names
from alref.plugins.hookspecs import PROJECT
from alref.utils.home import get_data_path

PLUGINS_VARIABLE = "ALREF_PLUGINS"
"""The environment variable that selects the installed plugins to load."""

NO_PLUGINS = "none"
EXPECTED_VALUE = "names to load, such as sam2,baseline, or names to leave out, such as -sam2, or none"


@dataclass(frozen=True)
class SkippedPlugin:
    """An installed plugin that was not loaded, and the reason."""

    plugin: str
    distribution: str
    version: str
    reason: str


@dataclass(frozen=True)
class PluginSource:
    """A plugin that can be loaded: an entry point of a distribution, or a file in the user's folder of plugins."""

    name: str
    distribution: str
    version: str
    load: Callable[[], ModuleType]

    @classmethod
    def from_entry_point(cls, entry: EntryPoint) -> Self:
        """Create the source of an entry point."""
        return cls(entry.name, *get_origin(entry), entry.load)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Create the source of a Python file; its version is the digest of its content."""
        return cls(path.stem, path.name, sha256(path.read_bytes()).hexdigest()[:12], partial(import_file, path))

    def skip(self, reason: str) -> SkippedPlugin:
        """Return the record of the plugin that was not loaded for this reason."""
        return SkippedPlugin(self.name, self.distribution, self.version, reason)


def get_plugins_folder() -> Path:
    """Return the folder whose Python files are loaded as plugins: ``plugins`` in ALREF_HOME, else in the user's data folder."""
    return get_data_path("plugins")


def list_folder_sources() -> list[PluginSource]:
    """List the plugins in the user's folder, by name."""
    return [PluginSource.from_file(path) for path in sorted(get_plugins_folder().glob("*.py"))]


def get_origin(entry: EntryPoint) -> tuple[str, str]:
    """Return the name and version of the distribution of an entry point."""
    return _read_distribution(entry.dist) if entry.dist else (entry.value, "unknown")


@cache
def _read_distribution(distribution: Distribution) -> tuple[str, str]:
    """Read name and version once for all entry points of a distribution."""
    facts = distribution.metadata
    name, version = (facts[field] or "unknown" for field in ("Name", "Version"))  # a damaged installation has none
    return name, f"{version}{_digest_editable_code(distribution) if name != PROJECT else ''}"


def _digest_editable_code(distribution: Distribution) -> str:
    """Return "+" and a digest of the plugin's code if it is installed in editable mode (``pip install -e``), else empty.

    Cached outputs are therefore not reused after the code changes.
    """
    source = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not source.get("dir_info", {}).get("editable"):
        return ""
    modules = {entry.module.partition(".")[0] for entry in distribution.entry_points if entry.group == PROJECT}
    code = b"".join(file.read_bytes() for module in sorted(modules) for file in _list_python_files(module))
    return f"+{sha256(code).hexdigest()[:12]}"


def _list_python_files(module: str) -> list[Path]:
    """List the Python files of a package, or of a module that is one file; nothing is imported."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return []
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return sorted(file for folder in folders for file in folder.rglob("*.py")) or [Path(spec.origin)]


def read_license_and_homepage(distribution: str) -> tuple[str, str]:
    """Return the license and the homepage in a distribution's metadata, empty if absent or if the distribution is a file."""
    try:
        told = metadata(distribution)
    except PackageNotFoundError:
        return "", ""
    licenses = [*(told.get_all("License-Expression") or []), *(told.get_all("License") or []), ""]
    pages = dict(page.split(", ", 1) for page in told.get_all("Project-URL") or [])
    homepages = [pages.get("Homepage"), *(told.get_all("Home-page") or []), *pages.values(), ""]
    return licenses[0].partition("\n")[0], next(filter(None, homepages), "")


def select_plugins(sources: list[PluginSource], setting: str) -> list[PluginSource]:
    """Select the plugins that ``ALREF_PLUGINS`` lists. Raises ConfigError for unknown names and contradictory words."""
    words = [word.strip() for word in setting.split(",") if word.strip()]
    if words == [NO_PLUGINS]:
        return []
    off = {word.removeprefix("-") for word in words if word.startswith("-")}
    only = {word for word in words if not word.startswith("-")}
    _check_names(off | only, {name for source in sources for name in _get_names(source)}, setting)
    left = [source for source in sources if not off & _get_names(source)]
    for word in sorted(only.difference(*map(_get_names, left))):
        raise ConfigError(f"{PLUGINS_VARIABLE}={setting}: {word!r} is both included and excluded; expected {EXPECTED_VALUE}")
    return [source for source in left if not only or only & _get_names(source)]


def _get_names(source: PluginSource) -> set[str]:
    return {source.name, source.distribution}


def _check_names(words: set[str], names: set[str], setting: str) -> None:
    if NO_PLUGINS in words:
        raise ConfigError(f"{PLUGINS_VARIABLE}={setting}: {NO_PLUGINS!r} stands alone; expected {EXPECTED_VALUE}")
    for word in sorted(words - names):
        known = ", ".join(sorted(names))
        raise ConfigError(
            f"{PLUGINS_VARIABLE}={setting}: no plugin {word!r}{suggest_names(word, names)}; installed: {known}, or {NO_PLUGINS}"
        )


@contextmanager
def translate_plugin_errors() -> Iterator[None]:
    """Load a plugin in the block. Raises ContractError for any error, except for Ctrl-C by the user."""
    with _observe_interrupts() as pressed:
        try:
            yield
        except BaseException as error:  # a plugin may raise anything
            if isinstance(error, KeyboardInterrupt) and pressed:
                raise
            raise ContractError(format_exception(error)) from error


@contextmanager
def _observe_interrupts() -> Iterator[list[int]]:
    """Yield a list that stays empty until the user presses Ctrl-C, which still interrupts."""
    before, pressed = signal.getsignal(signal.SIGINT), list[int]()

    def record_interrupt(number: int, frame: FrameType | None) -> Any:
        pressed.append(number)
        return before(number, frame) if callable(before) else None

    heard = callable(before) and current_thread() is main_thread()
    if heard:
        signal.signal(signal.SIGINT, record_interrupt)
    try:
        yield pressed
    finally:
        if heard:
            signal.signal(signal.SIGINT, before)


def import_file(path: Path) -> ModuleType:
    """Import a file under its own name, and keep it importable for code that finds a class by its module."""
    spec = spec_from_file_location(f"alref_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError("expected a Python file, NAME.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
