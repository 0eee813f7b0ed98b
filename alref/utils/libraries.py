"""Check which required libraries are installed, without importing them."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import ClassVar, Protocol

from alref.errors import MissingError, Problem

PLUGIN_GROUP = "alref"
"""The group of entry points in which a distribution lists its plugins."""


class NeedsLibraries(Protocol):
    """A class of a plugin: the import names that it needs, and the extra of its distribution that installs them."""

    needs: ClassVar[tuple[str, ...]]
    extra: ClassVar[str]


def is_installed(module: str) -> bool:
    """Return whether a top-level module can be imported; it is not imported."""
    return find_spec(module) is not None


def find_missing_libraries(cls: type[NeedsLibraries]) -> list[Problem]:
    """Return one problem that lists the import names in ``cls.needs`` that are not installed; empty if all are installed.

    The hint installs the distribution of the class, which declares its libraries. An inherited ``extra`` belongs to the
    distribution of the class that defines it. Import names are not passed to pip: another package can have that name.
    """
    missing = [module for module in cls.needs if not is_installed(module)]
    if not missing:
        return []
    requirements = {distribution: distribution for distribution in _find_distributions(cls)}
    if cls.extra:
        owner = next(base for base in cls.__mro__ if "extra" in vars(base))
        requirements |= {distribution: f"'{distribution}[{cls.extra}]'" for distribution in _find_distributions(owner)}
    provided = f"install the package that provides {', '.join(missing)}"
    hint = f"pip install {' '.join(requirements.values())}" if requirements else provided
    return [Problem(message=f"needs {', '.join(missing)}", hint=hint)]


def require_libraries(cls: type[NeedsLibraries], label: str) -> None:
    """Raise MissingError with the command that installs the missing libraries of ``cls``, which ``label`` names."""
    if missing := find_missing_libraries(cls):
        raise MissingError(*(replace(problem, message=f"{label} {problem.message}") for problem in missing))


def _find_distributions(cls: type) -> set[str]:
    """Return the distributions with a plugin that contains a class; none for a file that is not installed."""
    package = cls.__module__.partition(".")[0]
    entries = [entry for entry in entry_points(group=PLUGIN_GROUP) if entry.module.partition(".")[0] == package]
    return {entry.dist.name for entry in entries if entry.dist}
