"""Which plugins there are: those of single files, and of the installed ones those that ``ALREF_PLUGINS`` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from alref.errors import ConfigError
from alref.plugins.manager import PluginManager
from support.scripted import Script, announcing

SCRIPTED = Script().classes()[3]
ALONE = '''
import alref
from alref.components.base import Unifier


class Echo(Unifier):
    """Takes the text as it is."""

    name = "echo"

    def unify(self, video, reference):
        return []


@alref.hookimpl
def register_unifiers():
    return [Echo]
'''


def test_one_file_is_a_plugin_whose_version_is_its_content(tmp_path: Path) -> None:
    path = tmp_path / "echo.py"
    path.write_text(ALONE)
    first = PluginManager([], files=[path]).get_component("unifier", "echo")
    path.write_text(ALONE + "\n")
    second = PluginManager([], files=[path]).get_component("unifier", "echo.py:echo")
    assert first.distribution == second.distribution == "echo.py"
    assert first.version != second.version


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def", "SyntaxError"),
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("import sys; sys.exit()", "SystemExit"),
        ("", "ContractError: registers nothing"),
    ],
)
def test_a_file_that_is_no_plugin_is_one_error(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"--plugin .*mine.py: .*{reason}"):
        PluginManager([], files=[path])


@pytest.mark.parametrize("name", ["nofile.py", ""])
def test_a_file_that_is_not_there_is_one_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^--plugin {tmp_path / name}: .*NAME.py$"):
        PluginManager([], files=[tmp_path / name])


def test_a_file_that_is_given_twice_is_one_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "echo.py"
    path.write_text(ALONE)
    assert [each.name for each in PluginManager([], files=[path, Path("echo.py"), path]).components] == ["echo"]


def test_two_files_of_one_name_are_one_error(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "echo.py" for folder in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(ALONE)
    with pytest.raises(ConfigError, match=r"two/echo\.py: .*echo\.py:echo"):
        PluginManager([], files=paths)


@pytest.mark.parametrize(
    ("said", "loaded"),
    [
        ("one", ["one"]),
        ("-one", ["three", "two"]),
        ("two, three", ["three", "two"]),
        ("module_three", ["three"]),
        ("-one,-two", ["three"]),
        ("none", []),
        ("", ["one", "three", "two"]),
    ],
)
def test_the_environment_limits_plugins(said: str, loaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALREF_PLUGINS", said)
    names = ["one", "two", "three"]
    plugins = PluginManager([announcing(name, propagators=[SCRIPTED]) for name in names])
    assert [each.plugin for each in plugins.list_components("propagator")] == loaded
    assert sorted(each.plugin for each in plugins.disabled) == sorted(set(names) - set(loaded))
    assert {each.reason for each in plugins.disabled} <= {f"ALREF_PLUGINS={said}"}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("-none", "'none' stands alone"),
        ("none,one", "'none' stands alone"),
        ("one,-one", "'one' is both included and excluded"),
        ("two,one,-module_one", "'one' is both included and excluded"),
        ("-", "no plugin ''"),
    ],
)
def test_words_in_the_environment_that_contradict_are_an_error(said: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALREF_PLUGINS", said)
    with pytest.raises(ConfigError, match=f"^ALREF_PLUGINS={said}: {wrong}; (expected names to load|installed: .*)"):
        PluginManager([announcing(name, propagators=[SCRIPTED]) for name in ("one", "two")])


def test_a_name_in_the_environment_that_nothing_has_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALREF_PLUGINS", "-bseline")
    with pytest.raises(ConfigError, match=r"ALREF_PLUGINS=-bseline: .*'baseline'"):
        PluginManager()
