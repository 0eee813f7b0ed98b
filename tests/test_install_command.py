"""``alref plugins install`` and ``uninstall``, and the folder of plugins that are single files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from alref.cli import run_command
from alref.cli.plugins import install
from alref.errors import ConfigError, MissingError, OutputError
from alref.plugins.catalogue import load_cards
from alref.plugins.manager import PluginManager

PLUGIN = '''
import alref


class Echo(alref.Unifier):
    """Takes the text as it is."""

    name = "echo"

    def unify(self, video, reference):
        return [alref.Phrase(reference=reference.id, text=reference.text)]


@alref.hookimpl
def register_unifiers():
    return [Echo]
'''
PIP = [sys.executable, "-m", "pip"]


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record the commands instead of running them; all succeed."""
    run: list[list[str]] = []
    monkeypatch.setattr("subprocess.call", lambda command: run.append(command) or 0)
    return run


def test_a_file_is_copied_and_loaded_until_it_is_removed(tmp_path: Path) -> None:
    Path("echo.py").write_text(PLUGIN)
    assert run_command(["plugins", "install", "echo.py"]) == 0
    assert (tmp_path / "home" / "plugins" / "echo.py").read_text() == PLUGIN
    assert PluginManager().get_component("unifier", "echo").distribution == "echo.py"
    assert run_command(["plugins", "check", "echo", "--quick"]) == 0
    assert run_command(["plugins", "check", "echo", "--quick", "--plugin", "echo.py"]) == 0
    assert run_command(["plugins", "uninstall", "echo"]) == 0
    assert PluginManager().find_slots("echo", ["unifier"]) == []


def test_a_file_that_is_not_a_plugin_is_not_copied(tmp_path: Path) -> None:
    Path("broken.py").write_text("def")
    assert run_command(["plugins", "install", "broken.py"]) == ConfigError.exit_code
    assert run_command(["plugins", "install", "missing.py"]) == ConfigError.exit_code
    assert not (tmp_path / "home" / "plugins").exists()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    Path("echo.py").write_text(PLUGIN)
    (tmp_path / "home" / "plugins" / "echo.py").mkdir(parents=True)
    assert run_command(["plugins", "install", "echo.py"]) == OutputError.exit_code


def test_a_broken_file_in_the_folder_is_one_row_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "home" / "plugins"
    folder.mkdir(parents=True)
    (folder / "broken.py").write_text("1 / 0")
    (folder / "echo.py").write_text(PLUGIN)
    plugins = PluginManager()
    assert [(each.plugin, "ZeroDivisionError" in each.reason) for each in plugins.broken] == [("broken", True)]
    assert plugins.find_slots("echo", ["unifier"]) == ["unifier"]
    monkeypatch.setenv("ALREF_PLUGINS", "-echo")
    assert [each.plugin for each in PluginManager().disabled] == ["echo"]


@pytest.mark.parametrize(
    ("name", "requirement"),
    [("clap", "alref[sound]"), ("sam2", "alref[sam2]"), ("./here", "./here"), ("a @ https://b/c", "a @ https://b/c")],
)
def test_what_is_known_is_installed_into_this_environment(
    name: str, requirement: str, commands: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["plugins", "install", name]) == 0
    assert commands == [[*PIP, "install", requirement]]
    assert "pip install" in capsys.readouterr().err


def test_a_package_of_the_catalogue_is_installed_by_its_card(commands: list[list[str]]) -> None:
    card = next(card for card in load_cards() if card.package != "alref")
    assert run_command(["plugins", "install", card.plugin]) == 0
    assert commands[0][:4] == [*PIP, "install"]
    assert " ".join(commands[0][4:]) in card.install.replace("'", "").replace('"', "")


@pytest.mark.parametrize("name", ["smurf", "grammar", "sam"])
def test_other_names_never_reach_pip(name: str, commands: list[list[str]]) -> None:
    assert run_command(["plugins", "install", name]) == ConfigError.exit_code
    assert commands == []


@pytest.mark.parametrize("name", ["sam2", "alref", "nothing"])
def test_only_other_distributions_are_uninstalled(name: str, commands: list[list[str]]) -> None:
    assert run_command(["plugins", "uninstall", name]) == ConfigError.exit_code
    assert commands == []


def test_uv_is_used_where_there_is_no_pip(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert run_command(["plugins", "install", "clap"]) == 0
    assert commands == [["/bin/uv", "pip", "install", "--python", sys.executable, "alref[sound]"]]
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert run_command(["plugins", "install", "clap"]) == MissingError.exit_code


def test_a_command_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.call", lambda command: 1)
    assert run_command(["plugins", "install", "clap"]) == MissingError.exit_code
