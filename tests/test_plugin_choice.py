"""Which plugins there are: those of single files, and of the installed ones those that ``ALREF_PLUGINS`` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from alref import Pipeline, Reference
from alref.config import resolve_config
from alref.errors import ConfigError
from alref.plugins.manager import PluginManager
from alref.records import Recording
from alref.testing import make_moving_square
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


RIVAL = '''
import alref


class Rival(alref.Unifier):
    """Takes the name of a shipped component."""

    name = "grammar"

    def unify(self, video, reference):
        raise AssertionError("the plugin was used")


@alref.hookimpl
def register_unifiers():
    return [Rival]
'''


def make_manager(tmp_path: Path) -> PluginManager:
    path = tmp_path / "rival.py"
    path.write_text(RIVAL)
    return PluginManager(files=[path])


def test_a_plugin_with_a_shipped_name_changes_nothing_for_a_plain_run(tmp_path: Path) -> None:
    plain, with_rival = resolve_config(PluginManager()), resolve_config(make_manager(tmp_path))
    assert with_rival.to_dict() == plain.to_dict()
    assert with_rival.get_versions() == plain.get_versions()
    assert with_rival.note == ""


def test_a_shared_name_that_is_typed_is_alrefs_own_with_one_note(tmp_path: Path) -> None:
    config = resolve_config(make_manager(tmp_path), [{"unifier": "grammar"}])
    assert config.slots["unifier"].component.distribution == "alref"
    assert config.note.count("rival.py:grammar") == 1
    chosen = resolve_config(make_manager(tmp_path), [{"unifier": "rival.py:grammar"}])
    assert chosen.slots["unifier"].component.distribution == "rival.py"
    assert chosen.note == ""


def test_a_slot_that_a_run_does_not_use_may_be_without_its_component(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALREF_PLUGINS", "baseline")
    video = make_moving_square(2)[0]
    with Pipeline() as pipeline:
        pipeline.check(video, [Reference(text="the red square")])
        with pytest.raises(ConfigError, match=r"transcriber.*whisper"):
            pipeline.check(video, [Reference(spoken=Recording(path=tmp_path / "voice.wav", fingerprint="00"))])


@pytest.mark.parametrize("layer", [{"transcriber": "whisper"}, {"transcriber": {"model": "x/y"}}])
def test_a_slot_that_is_set_must_have_its_component(layer: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALREF_PLUGINS", "baseline")
    with pytest.raises(ConfigError, match="whisper"):
        resolve_config(PluginManager(), [layer])
