"""What the documentation says exists, and what exists is documented."""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
import runpy
import shlex
import tomllib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import SkipTest

import click
import jsonschema
import pytest

from alref.cli import COMMANDS, cli
from alref.components.options import describe_options
from alref.config import list_presets, read_preset, resolve_config
from alref.plugins import hookspecs
from alref.plugins.manager import PluginManager
from alref.records import StageEvent
from alref.testing import ProposerContract
from alref.utils.yaml_files import parse_yaml
from support.docs_commands import pages, read
from test_layers import LAYERS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
EVERYTHING = "\n".join(TEXT.values())


Named = tuple[str, click.Command]


def below(group: click.Group, path: str = "") -> Iterator[Named]:
    """Yield every command of a group and of the groups in it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from below(command, f"{path}{name} ")


CALLED = {"": cli, **dict(below(cli))}


def flags_of(command: str) -> set[str]:
    parameters = CALLED[command].params
    return {flag for each in parameters if isinstance(each, click.Option) for flag in each.opts} | {"--help"}


def code(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT[page], re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"alref {command}" in TEXT["usage.md"]


@pytest.mark.parametrize("command", CALLED)
def test_every_command_takes_v(command: str) -> None:
    assert {"-v", "--verbose"} <= flags_of(command)


@pytest.mark.parametrize(
    "flag", sorted(flags_of("run") - {"--help", "--option", "--config", "--reference", "--verbose", "--quiet"})
)
def test_every_flag_of_run_is_documented(flag: str) -> None:
    assert f"`{flag}" in TEXT["usage.md"] or f" {flag}" in TEXT["usage.md"]


def typed(text: str) -> list[str]:
    """Return what follows ``alref`` on a line that is shown, up to a pipe or a file; nothing on the lines of other programs."""
    words = [word for word in shlex.split(text, comments=True) if not re.match(r"[A-Z_]+=", word)]
    if not words or Path(words[0]).name != "alref":
        return []
    ends = [place for place, word in enumerate(words) if word in ("|", ">", "--")]
    return words[1 : min(ends, default=len(words))]


COMMANDS_SHOWN = [each.text for page in pages() for each in read(page) if each.language in ("command", "inline")]
LINES = sorted({" ".join(words) for text in COMMANDS_SHOWN if (words := typed(text))})


@pytest.mark.parametrize("line", LINES)
def test_every_command_line_shown_exists(line: str) -> None:
    words = [] if line.startswith("COMMAND") else line.split()
    command = ""
    while words and f"{command} {words[0]}".strip() in CALLED:
        command = f"{command} {words.pop(0)}".strip()
    group = CALLED[command]
    named = bool(words) and not words[0].startswith("-")
    assert not (named and isinstance(group, click.Group) and not group.invoke_without_command), "no such command"
    assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= flags_of(command)


def test_lines_of_nested_commands_are_among_those_shown() -> None:
    assert {"cache clear", "plugins sam2", "data check mevis mevis"} <= set(LINES)


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith(("register_", "stage_", "question_"))])
def test_every_hook_is_documented_as_it_is_declared(hook: str) -> None:
    signature = str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")
    assert f"### `{hook}`\n\n```python\ndef {hook}{signature}: ...\n```\n" in TEXT["hooks.md"]


def test_every_field_of_an_event_is_documented() -> None:
    assert [name for name in StageEvent.model_fields if f"`{name}`" not in TEXT["hooks.md"]] == []


@pytest.mark.parametrize("component", sorted({each.name for each in PluginManager().components}))
def test_every_shipped_component_is_documented_with_its_options(component: str) -> None:
    assert f"`{component}`" in TEXT["components.md"]
    found = next(each for each in PluginManager().components if each.name == component)
    for row in describe_options(found.cls.Options):
        assert f"`{row.name}`" in EVERYTHING, f"{component}.{row.name}"


OWN = {"writing-a-plugin.md", "checking-a-plugin.md", "other-models.md"}
"""Pages with components that they write themselves."""
HELP = "\n".join(str(command.help) for command in CALLED.values())


@pytest.mark.parametrize(
    "option",
    sorted(set(re.findall(r"-o (\w+\.\w+)=", "".join(TEXT[page] for page in TEXT.keys() - OWN) + HELP))),
)
def test_every_option_shown_exists(option: str) -> None:
    slot, _, name = option.partition(".")
    slots = ["temporal", "spatial"] if slot == "reasoner" else [slot]
    plugins = PluginManager()
    formats = [cls for known, cls in plugins.exporters.items() if known == slot]
    classes = [*formats, *(each.cls for every in slots for each in plugins.list_components(every))]
    assert any(name in cls.Options.model_fields for cls in classes)


def test_the_yaml_of_the_docs_is_a_configuration() -> None:
    whole, _ = code("configuration.md", "yaml")
    assert resolve_config(PluginManager(), [parse_yaml(whole, "docs")]).video.every == 2


def made(script: str, name: str) -> Any:
    """Return what a function of a script of the docs returns."""
    return runpy.run_path(str(ROOT / "scripts" / script))[name]()


def test_the_page_of_commands_is_fresh() -> None:
    assert TEXT["commands.md"] == made("make_commands.py", "build_page"), "run: python scripts/make_commands.py"


def test_the_pages_made_from_docstrings_are_fresh() -> None:
    assert TEXT["api.md"] == made("make_api.py", "build_page"), "run: python scripts/make_api.py"
    assert TEXT["contract-kit.md"] == made("make_api.py", "build_contract_kit"), "run: python scripts/make_api.py"


def test_the_schemas_are_fresh() -> None:
    for name, text in made("make_schema.py", "build_schemas").items():
        assert (ROOT / "docs" / name).read_text() == text, "run: python scripts/make_schema.py"


def test_an_editor_takes_every_preset_and_marks_a_mistake() -> None:
    editor = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "config.schema.json").read_text()))
    shown = [parse_yaml(text, "docs") for text in code("configuration.md", "yaml")]
    assert [each for each in [*shown, *map(read_preset, list_presets())] if not editor.is_valid(each)] == []
    mistaken = [{"propagater": "sam2"}, {"propagator": "sam22"}, {"propagator": {"use": "sam2", "image_sise": 512}}]
    assert [each for each in mistaken if editor.is_valid(each)] == []


def test_every_module_has_its_place_in_the_architecture() -> None:
    (table,) = re.findall(r"\| modules of `alref`.*\n\|---\|---\|\n((?:\|.*\n)+)", TEXT["architecture.md"])
    rows = [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table.splitlines()[::-1]]
    place = {name: number for number, row in enumerate(rows) for name in row}
    assert place.keys() == {name for names in LAYERS for name in names}
    for lower, upper in pairwise(LAYERS):
        assert max(place[name] for name in lower) <= min(place[name] for name in upper), f"{upper} stands below {lower}"


EXAMPLES = ("registry/PLUGIN.yaml", "registry/odd.yaml", ".github/workflows/test.yml")
"""Files that a reader is to write."""


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_and_modules_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:alref|plugins|scripts|bench|registry|docs|\.github)/[\w./-]*)(?<!\.)`", text)
    assert [path for path in paths if not (ROOT / path).exists() and path not in EXAMPLES] == []
    dotted = set(re.findall(r"\balref(?:\.[a-z_]+)+(?:\.[A-Z]\w+)?\b", re.sub(r"\S*/\S*", "", text)))
    assert [name for name in sorted(dotted) if not is_public_name(name)] == []


def is_public_name(name: str) -> bool:
    """Say whether a dotted name is that of a module of alref or of something in one; files such as alref.schema.json pass."""
    if Path(name).suffix in (".json", ".yaml", ".md"):
        return True
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_the_plugin_of_the_docs_keeps_its_contract() -> None:
    namespace: dict[str, object] = {}
    exec(code("writing-a-plugin.md", "python")[0], namespace)

    class Shown(ProposerContract):
        def make_component(self):  # type: ignore[no-untyped-def]
            return namespace["Center"](namespace["Center"].Options())  # type: ignore[attr-defined, operator]

    tests = [getattr(Shown(), name) for name in dir(Shown) if name.startswith("test_")]
    assert sum(map(held, tests)) >= 6


def held(test: Callable[[], None]) -> bool:
    """Run a test of the contract kit, and say whether it applies."""
    try:
        test()
    except SkipTest:
        return False
    return True


def anchors(page: Path) -> set[str]:
    """Return the names that a page's headings have where it lies in the repository."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            place = page.parent / name if name else page
            assert place.exists(), target
            assert not anchor or anchor in anchors(place), target


def test_exit_codes_are_documented() -> None:
    from alref import errors

    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.AlrefError)]
    assert all(f"| {kind.exit_code} |" in TEXT["usage.md"] for kind in kinds)


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_citation_has_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert parse_yaml((ROOT / "CITATION.cff").read_text(encoding="utf-8"), "CITATION.cff")["version"] == version
