"""Commands that plugins add to ``alref``."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import click
import pytest

from alref.cli import cli, list_command_helps, run_command
from alref.components.command import PluginCommand
from alref.errors import ConfigError, MissingError
from alref.plugins import catalogue
from alref.plugins import manager as plugins_module
from support.scripted import entry


class Watch(PluginCommand):
    """Watches a folder."""

    name = "watch"

    @classmethod
    def build_command(cls) -> click.Command:
        @click.command("watch", help="Watch FOLDER.")
        @click.argument("folder")
        def command(folder: str) -> int:
            click.echo(f"watching {folder}")
            return 0

        return command


class NeedyWatch(Watch):
    """Watches a folder with a library."""

    needs = ("library_that_is_not_there",)


def install(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> None:
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: list(entries))


def announce(cls: type[PluginCommand], name: str = "watcher") -> EntryPoint:
    return entry(name, register_commands=lambda: [cls])


def test_a_plugin_adds_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    install(monkeypatch, announce(Watch))
    assert run_command(["watch", "videos"]) == 0
    assert capsys.readouterr().out == "watching videos\n"


def test_an_unknown_command_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, announce(Watch))
    assert run_command(["wacth", "videos"]) == click.UsageError.exit_code


def test_help_works_without_the_libraries_and_the_command_names_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, announce(NeedyWatch))
    assert run_command(["watch", "--help"]) == 0
    assert "Watch FOLDER" in capsys.readouterr().out
    assert run_command(["watch", "videos"]) == MissingError.exit_code
    assert "library_that_is_not_there" in capsys.readouterr().err


def test_two_plugins_with_one_command_must_be_chosen_between(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, announce(Watch, "one"), announce(Watch, "two"))
    assert run_command(["watch", "videos"]) == ConfigError.exit_code
    assert "watch" in capsys.readouterr().err
    assert run_command(["module_two:watch", "videos"]) == 0


def test_a_known_command_of_a_plugin_that_is_switched_off_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = catalogue.KnownComponent("watch", ("command",), "Watches.", (), "", "")
    card = catalogue.PluginCard("watcher", "other-package", "pip install other-package", "", "MIT", 1, (known,))
    monkeypatch.setattr(catalogue, "load_cards", lambda: (card,))
    install(monkeypatch)
    assert run_command(["watch", "videos"]) == ConfigError.exit_code
    assert "pip install other-package" in capsys.readouterr().err
    assert "watch" not in list_command_helps()


def test_a_command_has_the_flag_that_shows_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, announce(Watch))
    command = cli.get_command(click.Context(cli), "watch")
    assert command is not None
    assert "--verbose" in {flag for parameter in command.params for flag in parameter.opts}
