"""``alref plugins check``: whether a component or a data set keeps what is promised of its kind, and what to do where not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import SkipTest

import click

from alref.cli.plugin_option import extended
from alref.cli.plugins.check_report import Report
from alref.cli.progress import events
from alref.components import options
from alref.components.base import Stage
from alref.components.dataset import Dataset
from alref.config import UNIFIERS, parse_yaml
from alref.errors import ConfigError, MissingError, nearest
from alref.pipeline.references import recording
from alref.plugins import catalogue
from alref.plugins.manager import KINDS, SLOTS, TITLES, Offer, Plugins, named
from alref.records import Recording
from alref.testing import DatasetContract
from alref.testing.runner import DECLARED, LONG, contract_for, outcomes

REASONERS = ("temporal", "spatial")


@click.command("check")
@click.argument("name")
@click.option("--kind", type=click.Choice([*SLOTS, "dataset"]), help="Which NAME, where several kinds have one of this name.")
@click.option("-o", "--option", "given", multiple=True, metavar="OPTION=VALUE", help="Set one of its options; repeatable.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", help="Where models run.")
@click.option("--spoken", type=click.Path(path_type=Path), help="Sound file of a spoken sentence, for a transcriber.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of a data set, best a small part of it.")
@click.option("--split", default="", help="Part of a data set; the usual one if not given.")
@click.option("--quick", is_flag=True, help="Leave out what takes longest: a video of 2,000 frames, and one in 4K.")
@click.option("--json", "as_json", is_flag=True, help="Print each promise as a line of JSON, and a summary.")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of an error.")
@extended
@click.pass_obj
def command(
    before: tuple[tuple[Path, ...], bool],
    /,
    name: str,
    kind: str | None,
    plugin_files: tuple[Path, ...],
    quick: bool,
    as_json: bool,
    verbose: bool,
    **flags: Any,
) -> int:
    """Check the component or the data set NAME against all that its kind promises, and say what to do where it fails.

    \b
    alref plugins check uniform
    alref plugins check mevis --data mevis --split valid_u
    """
    files, json_before = before
    as_json |= json_before
    with events(as_json):
        plugins = Plugins(files=[*files, *plugin_files])
        offer = _found(plugins, name, kind)
        contract = _of_dataset(plugins, offer, **flags) if issubclass(offer.cls, Dataset) else _of_component(offer, **flags)
        without = DECLARED | LONG if quick else DECLARED
        with Report(offer, as_json) as report:
            for outcome in outcomes(contract, offer.cls, without, report.begins):
                report.add(outcome)
        return report.code()


def _found(plugins: Plugins, name: str, kind: str | None) -> Offer[Any]:
    """Return what is called ``name``, or ``distribution:name``, of a kind. Raises ConfigError for none and for several."""
    found = [each for each in plugins.offers if issubclass(each.cls, Stage | Dataset) and (not kind or kind in each.kinds)]
    fitting = [offer for offer in found if named(offer, name)]
    if not fitting:
        raise ConfigError(_unknown(plugins, name, kind, [offer.name for offer in found]))
    if len(fitting) > 1:
        choices = " or ".join(f"{offer.distribution}:{offer.name} --kind {offer.kinds[0]}" for offer in fitting)
        raise ConfigError(f"{len(fitting)} are called {name!r}; choose one: alref plugins check {choices}")
    return fitting[0]


def _unknown(plugins: Plugins, name: str, kind: str | None, names: Iterable[str]) -> str:
    """Say where a name that nothing loaded has is to be had, or which name is meant, and what could not be loaded."""
    kinds = [kind] if kind else KINDS
    known = (plugins.absent(card) for each in kinds for card in catalogue.offering(each, name))
    if why := next(filter(None, known), ""):
        return f"{name!r} is in {why}"
    broken = "".join(f"; plugin {each.plugin!r} could not be loaded ({each.reason})" for each in plugins.broken)
    what = TITLES.get(kind, kind) if kind else "component or data set"
    return f"no {what} is called {name!r}{nearest(name, names)}{broken}; see: alref plugins"


def _of_component(offer: Offer[Any], given: Iterable[str], device: str, spoken: Path | None, **_: Any) -> type:
    """Make the contract of a component with its options. Raises ConfigError, and MissingError for what it lacks here."""
    values = options.build(offer.cls.Options, dict(_option(offer, text) for text in given), offer.name)

    def made(_: object = None) -> Stage:
        component: Stage = offer.cls(values, device)
        return component

    def said(_: object) -> Recording:
        if spoken is None:
            raise SkipTest("give a recording in which a sentence is spoken: --spoken FILE")
        return recording(spoken)

    if problems := _problems(made):
        raise MissingError("; ".join(problems))
    return contract_for(offer.cls, component=made, recording=said)


def _problems(made: Callable[[], Stage]) -> list[str]:
    """Ask what keeps a component from working here; one that cannot even say so breaks a promise, which is checked later."""
    try:
        return made().problems()
    except Exception:  # whatever a plugin does wrong is told with its promises
        return []


def _option(offer: Offer[Any], text: str) -> tuple[str, Any]:
    """Read ``OPTION=VALUE``; before the option may stand the kind, as in every other command. Raises ConfigError."""
    path, equals, value = text.partition("=")
    kind, _, name = path.strip().rpartition(".")
    if not (equals and name and kind in {"", *offer.kinds, *_together(offer)}):
        raise ConfigError(f"-o {text}: expected OPTION=VALUE with an option of {offer.name}; see: alref plugins {offer.name}")
    return name, parse_yaml(value, f"-o {path}")


def _together(offer: Offer[Any]) -> list[str]:
    """Return the names that stand for several kinds, of which it is one."""
    return [name for name, kinds in {"unifier": UNIFIERS, "reasoner": REASONERS}.items() if {*kinds} & {*offer.kinds}]


def _of_dataset(plugins: Plugins, offer: Offer[Any], data: Path | None, split: str, **_: Any) -> type:
    """Make the contract of a data set in a folder. Raises ConfigError, and InputError where the folder is not that of it."""
    if data is None:
        raise ConfigError(f"{offer.name} is a data set; say where it is: alref plugins check {offer.name} --data DIR")
    offer.cls(data, split).videos()
    methods = {"dataset": lambda _: offer.cls(data, split), "protocol": lambda _, name: plugins.metric(name)()}
    return type("Contract", (DatasetContract,), methods)
