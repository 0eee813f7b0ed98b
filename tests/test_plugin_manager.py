from __future__ import annotations

import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import Field, create_model

from alref.components.base import Propagator, Stage
from alref.components.base import StageOptions as Options
from alref.errors import ConfigError
from alref.plugins.hookspecs import hookimpl
from alref.plugins.manager import PluginManager
from support.scripted import Script, announcing, entry

GOOD = Script().plugins.get_component("propagator", "scripted").cls


def made(**members: Any) -> type[Stage]:
    return type("Made", (GOOD,), {"__doc__": "Made.", "name": "made", **members})


def test_shipped_components_come_through_the_same_entry_points() -> None:
    plugins = PluginManager()
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
        "tracker",
        "selector",
        "reviewer",
    }


def test_a_component_is_found_by_its_name() -> None:
    plugins = PluginManager([announcing("mine", propagators=[made()])])
    component = plugins.get_component("propagator", "made")
    assert (component.name, component.plugin, component.slots) == ("made", "mine", ["propagator"])


def test_a_reasoner_fills_two_slots() -> None:
    assert Script().plugins.get_component("spatial", "scripted").slots == ["temporal", "spatial"]


class Half(Propagator):
    name = "half"


class Keyed(Options):
    key: str


class Endless(Options):
    pace: int = 1
    limit: float = float("inf")


class Handed(Options):
    tool: Any = object()


class Panic(BaseException):
    """What some compiled libraries raise."""


class UnsaidError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def fails(error: BaseException) -> dict[str, Any]:
    def announce() -> None:
        raise error

    return {"register_propagators": announce}


BROKEN: dict[str, tuple[dict[str, Any] | None, str]] = {
    "no such module": (None, "ModuleNotFoundError"),
    "no list": ({"register_propagators": lambda: GOOD}, "expected a list of classes, got ABCMeta"),
    "an object": ({"register_propagators": lambda: [3]}, "expected subclasses of Propagator, got 3"),
    "another kind": ({"register_proposers": lambda: [GOOD]}, "expected subclasses of Proposer"),
    "a method missing": ({"register_propagators": lambda: [Half]}, "Half lacks propagate"),
    "no name": ({"register_propagators": lambda: [made(name=None)]}, "Made has no name"),
    "an empty name": ({"register_propagators": lambda: [made(name="")]}, "Made has no name that can be typed"),
    "two words": ({"register_propagators": lambda: [made(name="my tracker")]}, "one word without ':'"),
    "a package": ({"register_propagators": lambda: [made(name="mine:made")]}, "one word without ':'"),
    "another contract": ({"register_propagators": lambda: [made(api=99)]}, "contract level 99, this alref has 1"),
    "a contract in words": ({"register_propagators": lambda: [made(api="1")]}, "contract level '1', this alref has 1"),
    "no options": ({"register_propagators": lambda: [made(Options=dict)]}, "expected a subclass of StageOptions"),
    "an option without a default": (
        {"register_propagators": lambda: [made(Options=Keyed)]},
        "Made.Options.key: is required; each option needs a default that it allows",
    ),
    "a default that is not allowed": (
        {"register_propagators": lambda: [made(Options=create_model("Wrong", __base__=Options, pace=(int, Field(0, ge=1))))]},
        "Made.Options.pace: Input should be greater than or equal to 1, got 0; each option needs a default",
    ),
    "a misspelt hook": ({"register_propagator": lambda: [GOOD]}, "unknown hook 'register_propagator'"),
    "a wrong argument": (
        {"register_propagators": lambda argument: [GOOD]},
        "unknown argument 'argument'; expected no arguments",
    ),
    "devices in a text": (
        {"register_propagators": lambda: [made(devices="cpu")]},
        "Made.devices: expected a tuple of cpu, cuda",
    ),
    "an unknown device": (
        {"register_propagators": lambda: [made(devices=("gpu",))]},
        "Made.devices: expected a tuple of cpu, cuda",
    ),
    "options in a text": (
        {"register_propagators": lambda: [made(model_options="model")]},
        "Made.model_options: expected a tuple of names of options",
    ),
    "an exception": ({"register_propagators": lambda: 1 / 0}, "ZeroDivisionError"),
    "an end of the program": ({"register_propagators": lambda: sys.exit("no license")}, "SystemExit: no license"),
    "another end": (fails(Panic("index out of range")), "Panic: index out of range"),
    "an interruption by nobody": (fails(KeyboardInterrupt()), "KeyboardInterrupt"),
    "no words": (fails(UnsaidError()), "UnsaidError: what it says cannot be written"),
    "escape characters": (fails(ValueError("\x1b[2J\r\ngone\x07")), r"ValueError: \x1b[2J gone\x07"),
    "a long story": (fails(ValueError("x" * 10_000_000)), "xxx… (10,000,000 characters)"),
    "a default that JSON cannot hold": (
        {"register_propagators": lambda: [made(Options=Handed)]},
        "Made.Options.tool: expected a default that JSON can hold: PydanticSerializationError: Unable to serialize",
    ),
    "a default without end": (
        {"register_propagators": lambda: [made(Options=Endless)]},
        "Made.Options.limit: expected a default that JSON can hold: ValueError: Out of range",
    ),
    "no hook": ({}, "registers nothing; mark a hook, such as register_proposers, with @alref.hookimpl"),
    "one class twice": ({"register_propagators": lambda: [GOOD, GOOD]}, f"'scripted' is registered twice, by {GOOD.__name__};"),
    "one name twice": ({"register_propagators": lambda: [GOOD, made(name="scripted")]}, f"by {GOOD.__name__} and Made; give"),
}


@pytest.mark.parametrize(("hooks", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_one_row_and_the_others_work(hooks: dict[str, Any] | None, reason: str) -> None:
    bad = EntryPoint("bad", "no_such_module_anywhere", "alref") if hooks is None else entry("bad", **hooks)
    plugins = PluginManager(
        [announcing("alpha", propagators=[made(name="a")]), bad, announcing("zeta", propagators=[made(name="z")])]
    )
    assert [each.name for each in plugins.list_components("propagator")] == ["a", "z"]
    (row,) = plugins.broken
    assert row.plugin == "bad"
    assert reason in row.reason
    assert row.reason.isprintable()
    assert len(row.reason) < 600


def test_a_hook_that_is_not_marked_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import alref\n\n@alref.hookimpl\ndef stage_started(event): ...\n\ndef register_trackers():\n    return []\n"
    )
    with pytest.raises(ConfigError, match="register_trackers: is not marked"):
        PluginManager([], files=[path])


def test_what_a_plugin_prints_is_no_part_of_what_a_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    PluginManager([entry("loud", register_propagators=lambda: print("ready to go") or [])])
    assert capsys.readouterr() == ("", "ready to go\n")


def test_one_name_may_stand_for_components_of_different_kinds() -> None:
    proposer = type("Twin", (Script().plugins.get_component("proposer", "scripted").cls,), {"name": "made"})
    plugins = PluginManager([announcing("both", propagators=[made()], proposers=[proposer])])
    assert (
        plugins.get_component("propagator", "made").cls.__name__,
        plugins.get_component("proposer", "made").cls.__name__,
    ) == ("Made", "Twin")


def test_a_name_that_another_plugin_of_the_package_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref.plugins.discovery.get_origin", lambda entry: ("package", "1"))
    plugins = PluginManager([announcing("one", propagators=[made()]), announcing("two", propagators=[made()])])
    assert [each.plugin for each in plugins.components] == ["one"]
    assert "'made'" in plugins.broken[0].reason


def test_an_unknown_name_tells_of_broken_plugins() -> None:
    plugins = PluginManager([EntryPoint("sam9", "no_such_module_anywhere", "alref")])
    with pytest.raises(ConfigError, match=r"'sam9'.*alref plugins"):
        plugins.get_component("propagator", "sam9")


def test_two_plugins_with_one_name_are_told_apart_by_distribution() -> None:
    plugins = PluginManager([announcing("one", propagators=[made()]), announcing("two", propagators=[made()])])
    with pytest.raises(ConfigError, match="module_one:made, module_two:made"):
        plugins.get_component("propagator", "made")
    assert plugins.get_component("propagator", "module_two:made").plugin == "two"


def test_two_data_sets_or_metrics_with_one_name_are_told_apart_too() -> None:
    from alref_benchmarks import register_datasets, register_metrics

    dataset, metric = register_datasets()[0], register_metrics()[0]
    rival = type("Rival", (dataset,), {})
    plugins = PluginManager(
        [announcing("one", datasets=[dataset], metrics=[metric]), announcing("two", datasets=[rival], metrics=[metric])]
    )  # type: ignore[list-item]
    for get, name in ((plugins.get_dataset, dataset.name), (plugins.get_protocol, metric.name)):
        with pytest.raises(ConfigError, match=f"'{name}'.*module_one:{name}, module_two:"):
            get(name)
    assert plugins.get_dataset(f"module_two:{dataset.name}") is rival
    assert plugins.get_dataset_name(rival(Path())) == f"module_two:{dataset.name}"
    assert list(plugins.datasets.values()) == [dataset, rival]


def test_options_of_a_type_that_is_not_imported_are_refused() -> None:
    options = type("Own", (Options,), {"__annotations__": {"place": "NeverImported"}, "__module__": __name__})
    (row,) = PluginManager([announcing("bad", propagators=[made(Options=options)])]).broken
    assert "Made.Options: " in row.reason


@pytest.mark.parametrize("needs", ["torch", ("",), (3,)])
def test_needs_that_are_no_import_names_are_refused(needs: Any) -> None:
    (row,) = PluginManager([announcing("bad", propagators=[made(needs=needs)])]).broken
    assert re.search(rf"needs: .*{re.escape(repr(needs))}", row.reason)


def test_an_option_may_not_be_called_as_what_names_the_component() -> None:
    class Named(Options):
        use: int = Field(1, description="taken")

    (row,) = PluginManager([announcing("bad", propagators=[made(Options=Named)])]).broken
    assert "Made.Options: 'use'" in row.reason


def test_an_observer_with_a_misspelt_hook_is_refused() -> None:
    class Watcher:
        @hookimpl
        def stage_ended(self, event: Any) -> None: ...

    with pytest.raises(Exception, match="stage_ended"):
        PluginManager([]).add_observer(Watcher())


def test_a_plugin_may_observe() -> None:
    module = ModuleType("module_watching")
    seen: list[Any] = []

    @hookimpl
    def stage_started(event: Any) -> None:
        seen.append(event)

    module.stage_started = stage_started  # type: ignore[attr-defined]
    sys.modules["module_watching"] = module
    plugins = PluginManager([EntryPoint("watching", "module_watching", "alref")])
    plugins.notify_observers("stage_started", "now")
    assert seen == ["now"]
    assert plugins.broken == []


@pytest.mark.parametrize(
    ("module", "extra", "needs", "hints"),
    [
        ("alref_sam2", "", (), []),
        ("alref_sam2", "sam2", ("json",), []),
        ("alref_sam2", "sam2", ("json", "no_such_library"), ["pip install 'alref[sam2]'"]),
        ("alref_sam2", "", ("no_such_library",), ["pip install alref"]),
        ("not_installed", "", ("no_such_library",), ["install the package that provides no_such_library"]),
    ],
)
def test_a_missing_library_is_a_problem_with_its_command(
    module: str, extra: str, needs: tuple[str, ...], hints: list[str]
) -> None:
    facts = {"name": "n", "extra": extra, "needs": needs, "propagate": GOOD.propagate, "__module__": module}  # type: ignore[attr-defined]
    problems = type("Needy", (Propagator,), facts)(Options()).problems()
    assert [problem.hint for problem in problems] == hints
    assert all("no_such_library" in problem.message for problem in problems)


def test_ctrl_c_stops_the_program_while_a_plugin_is_loaded() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        PluginManager([entry("slow", register_propagators=lambda: signal.raise_signal(signal.SIGINT))])
    assert signal.getsignal(signal.SIGINT) is before


def test_plugins_are_loaded_in_any_thread() -> None:
    with ThreadPoolExecutor() as pool:
        plugins = pool.submit(PluginManager, [entry("bad", **fails(KeyboardInterrupt()))]).result()
    assert [each.reason for each in plugins.broken] == ["KeyboardInterrupt"]
