"""``alref plugins check``: check a component or a dataset against the contract of its slot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import SkipTest

import click

from alref.cli.plugin_option import add_plugin_option
from alref.cli.plugins.check_report import CheckReport
from alref.cli.progress import reserve_stdout
from alref.components import options
from alref.components.base import Stage
from alref.components.dataset import Dataset
from alref.config import UNIFIER_SLOTS, parse_yaml
from alref.errors import ConfigError, MissingError, Problem, suggest_names
from alref.pipeline import contracts
from alref.pipeline.references import read_recording
from alref.plugins import catalogue
from alref.plugins.manager import (
    BASE_CLASS_BY_SLOT,
    SLOT_LABELS,
    SLOTS,
    PluginManager,
    RegisteredClass,
    get_flag_slot,
    has_name,
)
from alref.records import Recording
from alref.testing import DatasetContract
from alref.testing.runner import DECLARED_TESTS, SLOW_TESTS, build_contract, run_checks

SLOT_GROUPS = {"unifier": UNIFIER_SLOTS, "reasoner": ("temporal", "spatial")}
"""Names that stand for several slots in options."""


@click.command("check")
@click.argument("name")
@click.option("--slot", type=click.Choice([*SLOTS, "dataset"]), help="Component slot, if NAME is ambiguous.")
@click.option("-o", "--option", "given", multiple=True, metavar="OPTION=VALUE", help="Set one of its options; repeatable.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", help="Device that models run on.")
@click.option("--spoken", type=click.Path(path_type=Path), help="Audio file with a spoken sentence, for a transcriber.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the dataset, preferably a small subset.")
@click.option("--split", default="", help="Split of the dataset; default: its usual one.")
@click.option("--quick", is_flag=True, help="Skip the slowest checks: a video of 2,000 frames and one in 4K.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event per check, and a summary.")
@add_plugin_option
@click.pass_obj
def command(
    before: tuple[tuple[Path, ...], bool],
    /,
    name: str,
    slot: str | None,
    plugin_files: tuple[Path, ...],
    quick: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """Check the component or dataset NAME against the contract of its slot, and print how to fix each failure.

    \b
    alref plugins check uniform
    alref plugins check mevis --data mevis --split valid_u
    """
    files, json_before = before
    as_json |= json_before
    with reserve_stdout(as_json):
        plugins = PluginManager(files=[*files, *plugin_files])
        registered = _find_target(plugins, name, slot)
        contract = (
            _build_dataset_contract(plugins, registered, **flags)
            if issubclass(registered.cls, Dataset)
            else _build_component_contract(registered, **flags)
        )
        without = DECLARED_TESTS | SLOW_TESTS if quick else DECLARED_TESTS
        with CheckReport(registered, as_json) as report:
            for outcome in run_checks(contract, registered.cls, without, report.start_check):
                report.add_outcome(outcome)
        return report.get_exit_code()


def _find_target(plugins: PluginManager, name: str, slot: str | None) -> RegisteredClass[Any]:
    """Return the class named ``name`` or ``distribution:name``. Raises ConfigError if none or several match."""
    found = [
        each
        for each in plugins.registered_classes
        if issubclass(each.cls, Stage | Dataset) and (not slot or slot in each.slots)
    ]
    fitting = [registered for registered in found if has_name(registered, name)]
    if not fitting:
        raise ConfigError(_explain_unknown_name(plugins, name, slot, [registered.name for registered in found]))
    if len(fitting) > 1:
        choices = " or ".join(
            f"{registered.distribution}:{registered.name} --slot {registered.slots[0]}" for registered in fitting
        )
        raise ConfigError(f"{len(fitting)} are called {name!r}; choose one: alref plugins check {choices}")
    return fitting[0]


def _explain_unknown_name(plugins: PluginManager, name: str, slot: str | None, names: Iterable[str]) -> str:
    """Explain an unknown name: where to get it, or similar names, and which plugins could not be loaded."""
    slots = [slot] if slot else BASE_CLASS_BY_SLOT
    known = (plugins.explain_absence(card) for each in slots for card in catalogue.find_cards(each, name))
    if why := next(filter(None, known), ""):
        return f"{name!r} is in {why}"
    broken = "".join(f"; plugin {each.plugin!r} could not be loaded ({each.reason})" for each in plugins.broken)
    what = SLOT_LABELS.get(slot, slot) if slot else "component or dataset"
    return f"no {what} is called {name!r}{suggest_names(name, names)}{broken}; see: alref plugins"


def _build_component_contract(
    registered: RegisteredClass[Any], given: Iterable[str], device: str, spoken: Path | None, **_: Any
) -> type:
    """Build the contract of a component with its options. Raises ConfigError, or MissingError if a requirement is missing."""
    values = options.build_options(
        registered.cls.Options, dict(_parse_option(registered, text) for text in given), registered.name
    )

    def make_component(_: object = None) -> Stage:
        component: Stage = registered.cls(values, device)
        return component

    def make_recording(_: object) -> Recording:
        if spoken is None:
            raise SkipTest("give an audio file with a spoken sentence: --spoken FILE")
        return read_recording(spoken)

    if problems := _collect_problems(make_component, get_flag_slot(registered.slots)):
        raise MissingError(*problems)
    return build_contract(registered.cls, make_component=make_component, make_recording=make_recording)


def _collect_problems(make_component: Callable[[], Stage], slot: str) -> list[Problem]:
    """Return the problems of a component; a component that raises here fails a later check."""
    try:
        return contracts.find_problems(make_component(), slot)
    except Exception:  # the checks report any error of a plugin
        return []


def _parse_option(registered: RegisteredClass[Any], text: str) -> tuple[str, Any]:
    """Parse ``OPTION=VALUE`` or ``SLOT.OPTION=VALUE``. Raises ConfigError."""
    path, equals, value = text.partition("=")
    slot, _, name = path.strip().rpartition(".")
    groups = [group for group, slots in SLOT_GROUPS.items() if {*slots} & {*registered.slots}]
    if not (equals and name and slot in {"", *registered.slots, *groups}):
        raise ConfigError(
            f"-o {text}: expected OPTION=VALUE with an option of {registered.name}; see: alref plugins {registered.name}"
        )
    return name, parse_yaml(value, f"-o {path}")


def _build_dataset_contract(
    plugins: PluginManager, registered: RegisteredClass[Any], data: Path | None, split: str, **_: Any
) -> type:
    """Build the contract of a dataset in a folder. Raises ConfigError, or InputError if the folder holds something else."""
    if data is None:
        raise ConfigError(f"{registered.name} is a dataset; give its folder: alref plugins check {registered.name} --data DIR")
    registered.cls(data, split).list_videos()
    methods = {
        "make_dataset": lambda _: registered.cls(data, split),
        "make_protocol": lambda _, name: plugins.make_protocols([name])[0],
    }
    return type("Contract", (DatasetContract,), methods)
