"""Run the tests of a contract without pytest, for ``alref plugins check``."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from traceback import extract_tb
from typing import Any, Literal
from unittest import SkipTest

from alref.components.base import Stage
from alref.errors import ContractError, format_exception, sanitize_line
from alref.plugins.registered import SLOTS
from alref.testing import (
    LocatorContract,
    PropagatorContract,
    ProposerContract,
    ReviewerContract,
    SpatialReasonerContract,
    StageContract,
    TaggerContract,
    TemporalReasonerContract,
    TrackerContract,
    TrackReasonerContract,
    TranscriberContract,
    UnifierContract,
)
from alref.testing.contract import NotExercised

CheckState = Literal["passed", "failed", "skipped", "not exercised"]
SLOW_TESTS = dict.fromkeys(("test_takes_4k_frames", "test_memory_stays_flat_over_a_long_video"), "skipped by --quick")
"""The slowest tests, with the reason for skipping them."""
NOT_EXERCISED = "the component found nothing in the test video, so this was not checked"
CONTRACTS: dict[str, type[StageContract]] = {
    "unifier": UnifierContract,
    "tagger": TaggerContract,
    "transcriber": TranscriberContract,
    "locator": LocatorContract,
    "temporal": TemporalReasonerContract,
    "spatial": SpatialReasonerContract,
    "proposer": ProposerContract,
    "propagator": PropagatorContract,
    "tracker": TrackerContract,
    "selector": TrackReasonerContract,
    "reviewer": ReviewerContract,
}
"""The contract of each slot."""


@dataclass(frozen=True)
class CheckOutcome:
    """The result of one test: its state, the ``reason`` if it failed or was skipped, and the time in seconds.

    ``test`` is the name of the method, ``requirement`` the requirement that it checks, ``advice`` how to meet it.
    """

    test: str
    requirement: str
    state: CheckState
    reason: str
    advice: str
    seconds: float


def build_contract(cls: type[Stage], /, **members: Any) -> type[StageContract]:
    """Return the contract of a component, derived from those of all slots that it fills; ``members`` override theirs."""
    kinds = tuple(CONTRACTS[slot] for slot, (_, base) in SLOTS.items() if slot in CONTRACTS and issubclass(cls, base))
    return type(f"{cls.__name__}Contract", kinds, members)


def list_tests(contract: type) -> list[str]:
    """Return the names of the tests of a contract, inherited ones first."""
    listed = (name for base in reversed(contract.__mro__) for name in vars(base))
    return list(dict.fromkeys(name for name in listed if name.startswith("test_")))


def run_checks(
    contract: type, component: type, skip: Mapping[str, str], on_start: Callable[[str], object] = str
) -> Iterator[CheckOutcome]:
    """Run the tests of a contract one by one, and yield the outcome of each.

    ``skip`` maps tests to the reason for skipping them. ``component`` is the tested class: errors are located in its code.
    ``on_start`` is called with each requirement before it is checked.
    """
    for test in list_tests(contract):
        text = inspect.cleandoc(getattr(contract, test).__doc__ or test).replace("``", "`")
        requirement, _, advice = (" ".join(part.split()) for part in text.partition("\n"))
        on_start(requirement)
        started = perf_counter()
        state, reason = _run_test(contract, test, component) if test not in skip else ("skipped", skip[test])
        yield CheckOutcome(test, requirement, state, reason, advice, perf_counter() - started)


def _run_test(contract: type, test: str, component: type) -> tuple[CheckState, str]:
    """Call one test on a new instance. Any exception is a failure, except SkipTest and KeyboardInterrupt.

    A requirement is not exercised if the component was called and found nothing. Output of the component goes to stderr.
    """
    instance = contract()
    try:
        with redirect_stdout(sys.stderr):
            getattr(instance, test)()
    except SkipTest as skipped:
        return "not exercised" if isinstance(skipped, NotExercised) else "skipped", str(skipped)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a component may do anything wrong
        return "failed", describe_error(error, component)
    called, found = getattr(instance, "called", False), getattr(instance, "found", False)
    if called and not found and not hasattr(getattr(contract, test), "expects_nothing"):
        return "not exercised", instance.finds_nothing or NOT_EXERCISED
    return "passed", ""


def describe_error(error: BaseException, component: type) -> str:
    """Format an exception with the last line of the component's code in its traceback."""
    home = _locate_code(component)
    lines = [
        entry for entry in extract_tb(error.__traceback__) if home in (path := Path(entry.filename)).parents or path == home
    ]
    if not lines and isinstance(error, AssertionError | ContractError):
        return sanitize_line(str(error))
    if not lines:
        return format_exception(error)
    file, here = lines[-1].filename, os.path.relpath(lines[-1].filename)
    return f"{format_exception(error)} ({file if here.startswith(os.pardir) else here}:{lines[-1].lineno})"


def _locate_code(component: type) -> Path:
    """Return the folder of the package of a class, or its file if it is not in a package."""
    package = sys.modules.get(component.__module__.partition(".")[0])
    file = getattr(package, "__file__", None) or inspect.getfile(component)
    return Path(file).parent if Path(file).name == "__init__.py" else Path(file)
