"""Names and words: functions begin with a verb, and one word stands for one thing, as in the glossary of CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from alref.cli import cli
from alref.components.options import describe_options
from alref.plugins.manager import PluginManager

ROOT = Path(__file__).parents[1]
HOUSE = runpy.run_path(str(ROOT / "scripts/measure_house.py"))
PATHS = HOUSE["find_files"]("alref", "plugins")
FUNCTIONS = HOUSE["list_functions"](PATHS)
MAX_ROOT_MODULES = 8
MAX_SMALL_HELPERS = 0.08
"""Largest share of private functions that are at most four lines long and have one caller."""

REFUSED_IN_TEXT = {
    "image, frame": r"\bpictures?\b",
    "dataset": r"\bdata sets?\b",
    "metric, protocol": r"\bways? to score\b|\bmeasures\b(?= (?:of|for|are)\b)|\b(?:a|the|each|every|this|that) measure\b",
    "dtype": r"\btypes? of (?:the )?numbers\b",
    "resume": r"\b(?:go|goes|going|went) on\b",
    "license": r"\blicences?\b",
    "color": r"\bcolour",
    "gray": r"\bgrey",
    "center": r"\bcentre[sd]?\b",
    "component": r"\boffers?\b",
}
"""What text calls a thing, and a pattern of the words that are not used for it."""
REFUSED_IN_NAMES = re.compile(
    r"(?:^|_)(?:pictures?|hearing|listening|licences?|colours?|grey|centres?|offers?|measures|data_sets?)(?:_|$)"
)


def test_a_function_begins_with_a_verb() -> None:
    assert sum(map(HOUSE["begins_with_verb"], FUNCTIONS)) >= 0.6 * len(FUNCTIONS)
    assert sum(len(function.words) == 1 for function in FUNCTIONS) <= 0.35 * len(FUNCTIONS)


def test_few_private_functions_are_shreds() -> None:
    private = [function for function in FUNCTIONS if function.name.startswith("_")]
    assert len(HOUSE["find_small_helpers"](FUNCTIONS, PATHS)) <= MAX_SMALL_HELPERS * len(private)


def test_the_root_of_alref_holds_few_modules() -> None:
    assert len(list((ROOT / "alref").glob("*.py"))) <= MAX_ROOT_MODULES


def test_a_name_of_a_public_class_stands_for_one_class() -> None:
    counted = HOUSE["list_public_classes"](PATHS)
    assert [name for name, count in counted.items() if count > 1] == []


def find_public_names(path: Path) -> Iterator[str]:
    """Yield the public functions, classes, parameters and fields of a file, in lower case with underscores."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name[0] != "_":
            names = [node.name, *(argument.arg for argument in (*node.args.args, *node.args.kwonlyargs))]
        elif isinstance(node, ast.ClassDef) and node.name[0] != "_":
            fields = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
            names = [node.name, *(field.id for field in fields if isinstance(field, ast.Name))]
        yield from (re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() for name in names)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_keep_to_the_glossary(path: Path) -> None:
    assert sorted({name for name in find_public_names(path) if REFUSED_IN_NAMES.search(name)}) == []
    assert not REFUSED_IN_NAMES.search(path.stem)


def find_refused_words(text: str) -> list[str]:
    """Return the refused words of a text, each with the word that is used: ``["picture: image, frame"]``."""
    return sorted(
        {
            f"{found.group().lower()}: {word}"
            for word, pattern in REFUSED_IN_TEXT.items()
            for found in re.finditer(pattern, text, re.IGNORECASE)
        }
    )


def find_commands(command: click.Command, path: str = "alref") -> Iterator[tuple[str, click.Command]]:
    """Yield a command and those below it, each with what is typed for it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from find_commands(below, f"{path} {name}")


COMMANDS = dict(find_commands(cli))
COMPONENTS = {component.name: component.cls for component in PluginManager().components}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_keeps_to_the_glossary(name: str) -> None:
    command = COMMANDS[name]
    texts = [command.help or "", command.short_help or ""]
    for parameter in command.params:
        texts += [*parameter.opts, getattr(parameter, "help", None) or "", str(parameter.metavar or "")]
    assert find_refused_words("\n".join(texts)) == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_options_keep_to_the_glossary(name: str) -> None:
    component = COMPONENTS[name]
    described = [f"{row.name}: {row.help}" for row in describe_options(component.Options)]
    assert find_refused_words("\n".join([component.__doc__ or "", *described])) == []


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_keep_to_the_glossary(page: Path) -> None:
    text = re.sub(r"^ *(```|~~~).*?^ *\1", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert find_refused_words(re.sub(r"`[^`\n]*`|\]\([^)]*\)", "", text)) == []
