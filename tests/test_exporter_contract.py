"""The contract of export formats holds for shipped ones, and catches wrong ones by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.components.exporter import Exporter
from alref.components.finished_run import FinishedRun
from alref.errors import ContractError
from alref.testing import ExporterContract
from alref.testing.runner import run_checks

SHOWN: Any = {"masks": lambda run: [[frame.index, *map(str, frame.rles.items())] for frame in run.read_frames()]}


def make_exporter_class(content: Callable[[FinishedRun], object], **members: Any) -> type[Exporter]:
    """Return an exporter that writes what ``content`` says of a run as JSON."""

    def write(self: Exporter, run: FinishedRun, target: Path) -> None:
        """Write."""
        target.write_text(json.dumps(content(run)))

    return type("Table", (Exporter,), {"__doc__": "Boxes.", "name": "table", "suffix": ".json", "write": write, **members})


def find_failures(cls: type[Exporter]) -> set[str]:
    contract = type("Contract", (ExporterContract,), {"make_exporter": lambda _: cls(cls.Options())})
    slow = {"test_memory_stays_flat_over_a_long_video": "slow"}
    return {each.test for each in run_checks(contract, cls, slow) if each.state == "failed"}


def refuse(run: FinishedRun) -> object:
    raise ValueError("no objects") if not run.objects else ZeroDivisionError


COUNTER = iter(range(10**6))
WRONG: dict[str, tuple[Callable[[FinishedRun], object], dict[str, Any], str]] = {
    "does nothing": (lambda run: "", {"write": lambda self, run, target: None}, "test_writes_what_the_masks_show"),
    "ignores masks": (lambda run: [len(run), len(run.objects)], {}, "test_writes_what_the_masks_show"),
    "first object only": (
        lambda run: [str(frame.rles.get(1)) for frame in run.read_frames()],
        {},
        "test_writes_what_the_masks_show",
    ),
    "all but the last frame": (
        lambda run: [str(frame.rles) for frame in run.read_frames() if frame.index < len(run) - 1],
        {},
        "test_writes_what_the_masks_show",
    ),
    "a number that changes": (
        lambda run: [SHOWN["masks"](run), next(COUNTER)],
        {},
        "test_writes_the_same_twice",
    ),
    "needs objects": (
        lambda run: SHOWN["masks"](run) if run.objects else refuse(run),
        {},
        "test_takes_runs_in_which_nothing_was_found",
    ),
    "needs a frame rate": (
        lambda run: [SHOWN["masks"](run), float(run.frame_rate)],  # type: ignore[arg-type]
        {},
        "test_takes_uneven_times_and_a_single_frame",
    ),
    "an upper-case name": (SHOWN["masks"], {"name": "My Table"}, "test_explains_itself_and_every_option"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_exporter_is_caught(what: str) -> None:
    content, members, test = WRONG[what]
    assert test in find_failures(make_exporter_class(content, **members))


def test_a_right_exporter_passes() -> None:
    assert find_failures(make_exporter_class(SHOWN["masks"])) == set()


def test_an_exporter_that_writes_below_a_name_is_caught() -> None:
    def write(self: Exporter, run: FinishedRun, target: Path) -> None:
        for frame in run.read_frames():
            for each in run.objects:
                (target / f"{each.name}{frame.index}").write_text(str(frame.rles.get(each.id)))

    assert "test_takes_any_name" in find_failures(make_exporter_class(SHOWN["masks"], write=write, suffix=""))


def test_an_exporter_that_holds_frames_is_caught() -> None:
    def hold(run: FinishedRun) -> object:
        held = [frame.image.copy() for frame in run.read_frames()]
        return [SHOWN["masks"](run), len(held)]

    cls = make_exporter_class(hold)
    contract = type("Contract", (ExporterContract,), {"make_exporter": lambda _: cls(cls.Options())})
    (outcome,) = [each for each in run_checks(contract, cls, {}) if "memory" in each.test]
    assert outcome.state == "failed"


def test_the_command_checks_an_exporter_with_its_options(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plugins", "check", "coco", "--quick", "-o", "images=none"]) == 0
    assert run_command(["plugins", "check", "coco", "--quick", "-o", "images=gif"]) == 4


def test_a_file_with_a_wrong_exporter_fails_by_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.py").write_text(
        "import alref\n\n\nclass Empty(alref.Exporter):\n    '''Writes nothing.'''\n\n    name = 'empty'\n\n"
        "    def write(self, run, target):\n        pass\n\n\n"
        "@alref.hookimpl\ndef register_exporters():\n    return [Empty]\n"
    )
    flags = ["--plugin", str(tmp_path / "empty.py")]
    assert run_command(["plugins", "check", "empty", "--quick", *flags]) == ContractError.exit_code
    assert "depends on the masks" in " ".join(capfd.readouterr().out.split())
