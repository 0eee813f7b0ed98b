"""What the documentation says exists, and what exists is documented."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest

from alref import hookspecs
from alref.cli import COMMANDS
from alref.config import parse_yaml, resolve
from alref.options import describe
from alref.plugins import Plugins
from alref.testing import ProposerContract

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
EVERYTHING = "\n".join(TEXT.values())


def flags_of(command: str) -> set[str]:
    parameters = import_module(f"alref.cli.{command}").command.params
    return {flag for each in parameters if isinstance(each, click.Option) for flag in each.opts} | {"--help"}


def code(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT[page], re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"alref {command}" in TEXT["usage.md"]


@pytest.mark.parametrize(
    "flag", sorted(flags_of("run") - {"--help", "--option", "--config", "--reference", "--verbose", "--quiet"})
)
def test_every_flag_of_run_is_documented(flag: str) -> None:
    assert f"`{flag}" in TEXT["usage.md"] or f" {flag}" in TEXT["usage.md"]


def import_help() -> str:
    """Return the help texts of all commands."""
    return "\n".join(str(import_module(f"alref.cli.{name}").command.help) for name in COMMANDS)


COMMAND_LINES = sorted(set(re.findall(r"^    alref (\w+)((?: .*)?)$", EVERYTHING, re.MULTILINE)))


@pytest.mark.parametrize(("command", "rest"), COMMAND_LINES)
def test_every_command_line_shown_exists(command: str, rest: str) -> None:
    assert command in COMMANDS
    shown = re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", re.sub(r"\"[^\"]*\"|'[^']*'", "", rest))
    assert set(shown) <= flags_of(command)


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith(("register_", "stage_", "question_"))])
def test_every_hook_is_documented(hook: str) -> None:
    assert f"`{hook}`" in TEXT["writing-a-plugin.md"]


@pytest.mark.parametrize("component", sorted({each.name for each in Plugins().components}))
def test_every_shipped_component_is_documented_with_its_options(component: str) -> None:
    assert f"`{component}`" in TEXT["components.md"]
    found = next(each for each in Plugins().components if each.name == component)
    for row in describe(found.cls.Options):
        assert f"`{row.name}`" in EVERYTHING, f"{component}.{row.name}"


@pytest.mark.parametrize(
    "option",
    sorted(
        set(
            re.findall(r"-o (\w+\.\w+)=", "".join(TEXT[page] for page in TEXT if page != "writing-a-plugin.md") + import_help())
        )
    ),
)
def test_every_option_shown_exists(option: str) -> None:
    slot, _, name = option.partition(".")
    slots = ["temporal", "spatial"] if slot == "reasoner" else [slot]
    assert any(name in each.cls.Options.model_fields for slot in slots for each in Plugins().of(slot))


def test_the_yaml_of_the_docs_is_a_configuration() -> None:
    (text,) = code("configuration.md", "yaml")
    assert resolve(Plugins(), [parse_yaml(text, "docs")]).video.every == 2


def test_the_plugin_of_the_docs_keeps_its_contract() -> None:
    namespace: dict[str, object] = {}
    exec(code("writing-a-plugin.md", "python")[0], namespace)

    class Shown(ProposerContract):
        def component(self):  # type: ignore[no-untyped-def]
            return namespace["Centre"](namespace["Centre"].Options())  # type: ignore[attr-defined, operator]

    tests = [name for name in dir(Shown) if name.startswith("test_")]
    for name in tests:
        getattr(Shown(), name)()
    assert len(tests) >= 6


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")) + re.findall(r'src="([^"]+)"', TEXT[page.name])
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_exit_codes_are_documented() -> None:
    from alref import errors

    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.AlrefError)]
    assert all(f"| {kind.exit_code} |" in TEXT["usage.md"] for kind in kinds)


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
