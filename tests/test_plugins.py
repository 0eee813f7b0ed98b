from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripted import Script, announcing, entry

from alref.errors import ConfigError
from alref.hookspecs import hookimpl
from alref.plugins import Plugins
from alref.stages import Propagator, Stage
from alref.stages import StageOptions as Options

GOOD = Script().plugins.get("propagator", "scripted").cls


def made(**members: Any) -> type[Stage]:
    return type("Made", (GOOD,), {"__doc__": "Made.", "name": "made", **members})


def test_shipped_components_come_through_the_same_entry_points() -> None:
    plugins = Plugins()
    assert plugins.broken == []
    assert {each.distribution for each in plugins.components} == {"alref"}
    assert {slot for each in plugins.components for slot in each.slots} == {
        "unifier",
        "tagger",
        "transcriber",
        "locator",
        "temporal",
        "spatial",
        "proposer",
        "propagator",
    }


def test_a_component_is_found_by_its_name() -> None:
    plugins = Plugins([announcing("mine", propagators=[made()])])
    component = plugins.get("propagator", "made")
    assert (component.name, component.plugin, component.slots) == ("made", "mine", ["propagator"])


def test_a_reasoner_fills_two_slots() -> None:
    assert Script().plugins.get("spatial", "scripted").slots == ["temporal", "spatial"]


class Half(Propagator):
    name = "half"


BROKEN: dict[str, tuple[dict[str, Any] | None, str]] = {
    "no such module": (None, "ModuleNotFoundError"),
    "no list": ({"register_propagators": lambda: GOOD}, "expected a list of classes, got ABCMeta"),
    "an object": ({"register_propagators": lambda: [3]}, "expected subclasses of Propagator, got 3"),
    "another kind": ({"register_proposers": lambda: [GOOD]}, "expected subclasses of Proposer"),
    "a method missing": ({"register_propagators": lambda: [Half]}, "Half lacks propagate"),
    "no name": ({"register_propagators": lambda: [made(name=None)]}, "Made has no name"),
    "another contract": ({"register_propagators": lambda: [made(api=99)]}, "contract level 99, this alref has 1"),
    "no options": ({"register_propagators": lambda: [made(Options=dict)]}, "expected a subclass of StageOptions"),
    "a misspelt hook": ({"register_propagator": lambda: [GOOD]}, "unknown hook 'register_propagator'"),
    "a wrong argument": ({"register_propagators": lambda argument: [GOOD]}, "argument"),
    "an exception": ({"register_propagators": lambda: 1 / 0}, "ZeroDivisionError"),
}


@pytest.mark.parametrize(("hooks", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_one_row_and_the_others_work(hooks: dict[str, Any] | None, reason: str) -> None:
    bad = EntryPoint("bad", "no_such_module_anywhere", "alref") if hooks is None else entry("bad", **hooks)
    plugins = Plugins(
        [announcing("alpha", propagators=[made(name="a")]), bad, announcing("zeta", propagators=[made(name="z")])]
    )
    assert [each.name for each in plugins.of("propagator")] == ["a", "z"]
    (row,) = plugins.broken
    assert row.plugin == "bad"
    assert reason in row.reason


def test_an_unknown_name_tells_of_broken_plugins() -> None:
    plugins = Plugins([EntryPoint("sam9", "no_such_module_anywhere", "alref")])
    with pytest.raises(ConfigError, match=r"plugin 'sam9' could not be loaded .*; see: alref plugins"):
        plugins.get("propagator", "sam9")


def test_two_plugins_with_one_name_are_told_apart_by_distribution() -> None:
    plugins = Plugins([announcing("one", propagators=[made()]), announcing("two", propagators=[made()])])
    with pytest.raises(ConfigError, match="2 plugins offer 'made'; choose one of module_one:made, module_two:made"):
        plugins.get("propagator", "made")
    assert plugins.get("propagator", "module_two:made").plugin == "two"


def test_two_data_sets_or_metrics_with_one_name_are_told_apart_too() -> None:
    from alref_benchmarks import register_datasets, register_metrics

    dataset, metric = register_datasets()[0], register_metrics()[0]
    rival = type("Rival", (dataset,), {})
    plugins = Plugins(
        [announcing("one", datasets=[dataset], metrics=[metric]), announcing("two", datasets=[rival], metrics=[metric])]
    )  # type: ignore[list-item]
    for get, name, what in ((plugins.dataset, dataset.name, "data set"), (plugins.metric, metric.name, "protocol")):
        with pytest.raises(
            ConfigError, match=f"{what}: 2 plugins offer '{name}'; choose one of module_one:{name}, module_two:"
        ):
            get(name)
    assert plugins.dataset(f"module_two:{dataset.name}") is rival
    assert plugins.whole(rival(Path())) == f"module_two:{dataset.name}"
    assert list(plugins.datasets.values()) == [dataset, rival]


def test_options_of_a_type_that_is_not_imported_are_refused() -> None:
    options = type("Own", (Options,), {"__annotations__": {"place": "NeverImported"}, "__module__": __name__})
    (row,) = Plugins([announcing("bad", propagators=[made(Options=options)])]).broken
    assert "Made.Options: a type is not known when the class is made" in row.reason


def test_a_string_of_needs_is_refused() -> None:
    (row,) = Plugins([announcing("bad", propagators=[made(needs="torch")])]).broken
    assert "needs: expected a tuple of import names, got 'torch'" in row.reason


def test_an_observer_with_a_misspelt_hook_is_refused() -> None:
    class Watcher:
        @hookimpl
        def stage_ended(self, event: Any) -> None: ...

    with pytest.raises(Exception, match="stage_ended"):
        Plugins([]).observe(Watcher())


def test_a_plugin_may_observe() -> None:
    module = ModuleType("module_watching")
    seen: list[Any] = []

    @hookimpl
    def stage_started(event: Any) -> None:
        seen.append(event)

    module.stage_started = stage_started  # type: ignore[attr-defined]
    sys.modules["module_watching"] = module
    plugins = Plugins([EntryPoint("watching", "module_watching", "alref")])
    plugins.notify("stage_started", "now")
    assert seen == ["now"]
    assert plugins.broken == []


@pytest.mark.parametrize(
    ("extra", "needs", "problems"),
    [
        ("", (), []),
        ("sam2", ("json",), []),
        ("sam2", ("json", "no_such_library"), ["needs no_such_library: pip install 'alref[sam2]'"]),
        ("", ("no_such_library",), ["needs no_such_library: pip install no_such_library"]),
    ],
)
def test_a_missing_library_is_a_problem_with_its_command(extra: str, needs: tuple[str, ...], problems: list[str]) -> None:
    cls = type("Needy", (Propagator,), {"name": "n", "extra": extra, "needs": needs, "propagate": GOOD.propagate})  # type: ignore[attr-defined]
    assert cls(Options()).problems() == problems


ALONE = '''
import alref
from alref.stages import Unifier


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
    first = Plugins([], files=[path]).get("unifier", "echo")
    path.write_text(ALONE + "\n")
    second = Plugins([], files=[path]).get("unifier", "echo.py:echo")
    assert first.distribution == second.distribution == "echo.py"
    assert first.version != second.version


@pytest.mark.parametrize(
    ("text", "reason"),
    [("def", "SyntaxError"), ("import no_such_module_anywhere", "ModuleNotFoundError"), (None, "FileNotFoundError")],
)
def test_a_file_that_is_no_plugin_is_one_error(text: str | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=rf"--plugin .*mine.py: cannot be loaded: {reason}"):
        Plugins([], files=[path])


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
    plugins = Plugins([announcing(name, propagators=[made(name=name)]) for name in names])
    assert [each.name for each in plugins.of("propagator")] == loaded
    assert sorted(each.plugin for each in plugins.off) == sorted(set(names) - set(loaded))
    assert {each.reason for each in plugins.off} <= {f"ALREF_PLUGINS={said}"}


def test_a_name_in_the_environment_that_nothing_has_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALREF_PLUGINS", "-bseline")
    with pytest.raises(ConfigError, match="ALREF_PLUGINS=-bseline: no plugin 'bseline'; did you mean 'baseline'"):
        Plugins()
