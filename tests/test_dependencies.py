"""Every library that the code imports is declared: for everybody, or in the extra of the plugin that imports it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from alref.plugins.manager import PluginManager

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = packages_distributions()
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if path.name.startswith("alref_"))


def normalize_name(requirement: str) -> str:
    """Return the name of a requirement as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~\[;]", requirement)[0]).lower()


def read_declared(*extras: str) -> set[str]:
    """Return the distributions that everybody gets, and those of some extras."""
    groups = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] for extra in extras)]
    return {normalize_name(requirement) for group in groups for requirement in group}


def list_imported(nodes: list[ast.AST]) -> set[str]:
    """Return the distributions that import statements name, without the standard library and this project's own packages."""
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    packages = {module.partition(".")[0] for module in modules}
    foreign = {name for name in packages if name not in sys.stdlib_module_names and name.partition("_")[0] != "alref"}
    return {normalize_name(DISTRIBUTIONS.get(name, [name])[0]) for name in foreign}


def read_trees(folder: Path) -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))]


def test_what_the_engine_imports_at_its_top_is_installed_for_everybody() -> None:
    nodes: list[ast.AST] = [node for tree in read_trees(ROOT / "alref") for node in tree.body]
    assert list_imported(nodes) - read_declared() == set()


def test_what_the_engine_imports_in_functions_is_in_some_extra() -> None:
    nodes = [node for tree in read_trees(ROOT / "alref") for node in ast.walk(tree)]
    assert list_imported(nodes) - read_declared(*PROJECT["optional-dependencies"]) == set()


@pytest.mark.parametrize("plugin", PLUGINS)
def test_what_a_plugin_imports_is_in_its_extra(plugin: str) -> None:
    classes = [each.cls for each in PluginManager().registered_classes]
    extras = {getattr(cls, "extra", "") for cls in classes if cls.__module__.partition(".")[0] == plugin}
    nodes = [node for tree in read_trees(ROOT / "plugins" / plugin) for node in ast.walk(tree)]
    assert list_imported(nodes) - read_declared(*extras - {""}) == set()
