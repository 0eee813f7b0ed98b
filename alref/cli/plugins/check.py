"""``alref plugins check``: check a component, a dataset or an export format against its contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from alref.cli.plugin_option import add_plugin_option
from alref.cli.plugins.check_report import CheckReport
from alref.cli.progress import reserve_stdout
from alref.components import options
from alref.components.base import Stage
from alref.components.dataset import Dataset
from alref.components.exporter import Exporter
from alref.components.logger import EvaluationLogger
from alref.components.runner import Runner
from alref.config import DEFAULT_PRESET, UNIFIER_SLOTS, read_preset
from alref.errors import ConfigError, ContractError, MissingError, Problem, suggest_names
from alref.media.array_video import ArrayVideo
from alref.media.reader import open_video
from alref.media.video import Video
from alref.pipeline import contracts
from alref.pipeline.references import read_recording
from alref.pipeline.stage_runner import describe_call
from alref.plugins import catalogue
from alref.plugins.manager import PluginManager
from alref.plugins.registered import BASE_CLASS_BY_SLOT, SLOT_LABELS, SLOTS, RegisteredClass, get_flag_slot, has_name
from alref.records import Phrase, Recording, Reference
from alref.testing import DatasetContract, ExporterContract, LoggerContract, RunnerContract, make_moving_square
from alref.testing.contract import NotExercised
from alref.testing.runner import SLOW_TESTS, build_contract, describe_error, run_checks
from alref.utils.libraries import find_missing_libraries
from alref.utils.yaml_files import parse_yaml

SLOT_GROUPS = {"unifier": UNIFIER_SLOTS, "reasoner": ("temporal", "spatial")}
"""Names that stand for several slots in options."""
VIDEO_FRAMES = 8
"""Number of frames of --video that are used."""
VIDEO_AUDIO_RATE = 16_000


@click.command("check")
@click.argument("name")
@click.option(
    "--slot",
    type=click.Choice([*SLOTS, "dataset", "exporter", "runner", "logger"]),
    help="Component slot, if NAME is ambiguous.",
)
@click.option("-o", "--option", "given", multiple=True, metavar="OPTION=VALUE", help="Set one of its options; repeatable.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", help="Device that models run on.")
@click.option("--video", type=click.Path(path_type=Path), help="Video of something that the component knows.")
@click.option("--text", help="Name of what the video shows, or of its sound; for example 'the dog'.")
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
    """Check what a plugin registers as NAME against its contract, and print how to fix each failure.

    \b
    alref plugins check uniform
    alref plugins check mevis --data mevis --split valid_u
    alref plugins check coco -o images=none

    NAME is a component, a dataset, an export format, a runner or a logger.
    """
    files, json_before = before
    as_json |= json_before
    with reserve_stdout(as_json):
        plugins = PluginManager(files=[*files, *plugin_files])
        registered = _find_target(plugins, name, slot)
        if issubclass(registered.cls, Dataset):
            contract = _build_dataset_contract(plugins, registered, **flags)
        elif issubclass(registered.cls, Exporter):
            contract = _build_exporter_contract(registered, **flags)
        elif issubclass(registered.cls, Runner):
            contract = _build_plain_contract(RunnerContract, "make_runner", registered, jobs=1)
        elif issubclass(registered.cls, EvaluationLogger):
            contract = _build_plain_contract(LoggerContract, "make_logger", registered)
        else:
            contract = _build_component_contract(plugins, registered, **flags)
        with CheckReport(registered, as_json) as report:
            for outcome in run_checks(contract, registered.cls, SLOW_TESTS if quick else {}, report.start_check):
                report.add_outcome(outcome)
        return report.get_exit_code()


def _find_target(plugins: PluginManager, name: str, slot: str | None) -> RegisteredClass[Any]:
    """Return the class named ``name`` or ``distribution:name``. Raises ConfigError if none or several match."""
    found = [
        each
        for each in plugins.registered_classes
        if issubclass(each.cls, Stage | Dataset | Exporter | Runner | EvaluationLogger) and (not slot or slot in each.slots)
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
    what = SLOT_LABELS.get(slot, slot) if slot else "component, dataset, export format, runner or logger"
    return f"no {what} is called {name!r}{suggest_names(name, names)}{broken}; see: alref plugins"


def _build_component_contract(
    plugins: PluginManager,
    registered: RegisteredClass[Any],
    given: Iterable[str],
    device: str,
    video: Path | None,
    text: str | None,
    spoken: Path | None,
    **_: Any,
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
            raise NotExercised("give an audio file with a spoken sentence: --spoken FILE")
        return read_recording(spoken)

    if problems := _find_problems(registered, make_component):
        raise MissingError(*problems)
    declared: dict[str, Any] = {} if text is None else {"text": text, "category": _find_noun(plugins, text), "sound": text}
    if video is not None:
        shown = _read_video(video)
        declared["make_video"] = lambda _: (shown, _mark_middle(shown))
    return build_contract(registered.cls, make_component=make_component, make_recording=make_recording, **declared)


def _find_noun(plugins: PluginManager, text: str) -> str:
    """Return the category that the default unifier gives to a text in a run; the text itself where it gives none."""
    try:
        cls: type[Any] = plugins.get_component("unifier", read_preset(DEFAULT_PRESET)["unifier"]).cls
    except ConfigError:  # it is switched off
        return text
    phrases: list[Phrase] = cls(cls.Options()).unify(make_moving_square(1)[0], Reference(text=text))
    return next((phrase.category for phrase in phrases if phrase.category), text)


def _find_problems(registered: RegisteredClass[Any], make_component: Callable[[], Stage]) -> list[Problem]:
    """Return the problems of a component. Raises ContractError with the line of its code that failed."""
    slot, method = get_flag_slot(registered.slots), "__init__"
    try:
        component = make_component()
        method = "problems"
        return contracts.find_problems(component, slot)
    except Exception as error:  # any error of a plugin
        raise ContractError(f"{describe_call(slot, registered, method)}: {describe_error(error, registered.cls)}") from error


def _read_video(path: Path) -> ArrayVideo:
    """Return the first frames of a video with their sound."""
    video = open_video(path)
    images = [video.read_frame(index) for index in range(min(len(video), VIDEO_FRAMES))]
    return ArrayVideo(images, video.fps, video.read_audio(VIDEO_AUDIO_RATE))


def _mark_middle(video: Video) -> npt.NDArray[np.bool_]:
    """Return masks bool (T, H, W) of the middle of each frame, which stand for the object where a box is needed."""
    masks = np.zeros((len(video), video.height, video.width), np.bool_)
    masks[:, video.height // 4 : -(video.height // 4), video.width // 4 : -(video.width // 4)] = True
    return masks


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


def _build_exporter_contract(registered: RegisteredClass[Any], given: Iterable[str], **_: Any) -> type:
    """Build the contract of an export format. Raises ConfigError, or MissingError if a library is missing."""
    values = dict(_parse_option(registered, text) for text in given)
    cls: type[Exporter] = registered.cls
    options_of = options.build_options(cls.Options, values, registered.name)
    if problems := cls(options_of).problems():
        raise MissingError(*problems)
    return type("Contract", (ExporterContract,), {"make_exporter": lambda _: cls(options_of)})


def _build_plain_contract(contract: type, method: str, registered: RegisteredClass[Any], **arguments: Any) -> type:
    """Build the contract of a class without options, which ``method`` makes. Raises MissingError if a library is missing."""
    cls = registered.cls
    if problems := find_missing_libraries(cls):
        raise MissingError(*problems)
    return type("Contract", (contract,), {method: lambda _: cls(**arguments)})
