"""The contract kit itself: its errors, its memory check, and the texts of its checks."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from alref import testing
from alref.plugins.manager import PluginManager
from alref.testing import PropagatorContract, ProposerContract, StageContract, UnifierContract
from alref.testing.diff import find_difference
from alref.testing.memory import STATM, read_resident_memory
from support.contract_checks import check, list_failures
from support.wrong import endurance, proposers
from support.wrong import options as describing

PAGE = Path(__file__).parents[1] / "docs" / "contract-kit.md"
NAMED = [getattr(testing, name) for name in testing.__all__]
KINDS = [each for each in NAMED if isinstance(each, type) and issubclass(each, StageContract)]


def test_a_component_without_a_default_for_an_option_is_named() -> None:
    cls = describing.Demanding
    (reason,) = list_failures(check(UnifierContract, cls, cls.Options(size=1))).values()
    assert "got none for size" in reason


def test_a_heavy_import_at_the_top_of_a_module_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorflow.py").write_text("")
    (tmp_path / "heavy_words.py").write_text(
        "import tensorflow\nfrom support.wrong.correct import Words\n\n\nclass Heavy(Words):\n    '''Loads much.'''\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    import heavy_words

    monkeypatch.delitem(sys.modules, "heavy_words")
    monkeypatch.setitem(sys.modules, "heavy_words", heavy_words)
    found = list_failures(check(UnifierContract, heavy_words.Heavy))
    assert list(found) == ["test_imports_nothing_heavy"]
    assert "got tensorflow" in found["test_imports_nothing_heavy"]


FILE = """
import alref
from support.wrong.correct import Words


class Filed(Words):
    '''Comes from a file.'''

    name = "filed"


@alref.hookimpl
def register_unifiers():
    return [Filed]
"""


def test_a_component_given_by_its_file_runs_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    (component,) = [each.cls for each in PluginManager([], [tmp_path / "mine.py"]).components]
    found = check(UnifierContract, component)
    assert list_failures(found) == {}
    (said,) = [each.reason for each in found if each.test == "test_can_be_pickled_before_it_is_loaded"]
    assert "mine.py" in said


def test_what_is_declared_away_names_its_attribute() -> None:
    found = check(ProposerContract, proposers.Together, frames_together=True)
    assert list_failures(found) == {}
    assert [each.reason.partition(" ")[0] for each in found if "frames_are_looked" in each.test] == ["frames_together"]


def test_the_memory_check_is_skipped_on_a_platform_that_does_not_report_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alref.testing.memory.STATM", tmp_path / "statm")
    monkeypatch.setenv("PATH", str(tmp_path))
    (outcome,) = [each for each in check(PropagatorContract, endurance.Collects) if "memory" in each.test]
    assert outcome.state == "skipped"
    assert "/proc" in outcome.reason


@pytest.mark.skipif(which("ps") is None or not STATM.exists(), reason="there is no ps or no /proc here")
def test_memory_is_measured_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_proc = read_resident_memory()
    monkeypatch.setattr("alref.testing.memory.STATM", tmp_path / "statm")
    by_ps = read_resident_memory()
    assert by_proc is not None
    assert by_ps is not None
    assert 0.8 * by_proc < by_ps < 1.2 * by_proc


PROMISES = {name: getattr(kind, name) for kind in KINDS for name in dir(kind) if name.startswith("test_")}


@pytest.mark.parametrize("kind", [float, np.float32, np.float64])
def test_numbers_that_differ_by_rounding_are_the_same(kind: type[float]) -> None:
    assert find_difference([kind(0.5082164)], [kind(0.5082165)]) == ""
    assert find_difference([kind(0.508)], [kind(0.518)]) != ""


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_every_promise_says_what_to_do_and_stands_in_the_page(name: str) -> None:
    promise, empty, *advice = inspect.cleandoc(PROMISES[name].__doc__).splitlines()
    assert promise.endswith(".")
    assert empty == ""
    assert 1 <= len(advice) <= 3
    assert advice[-1].endswith(".")
    assert promise.replace("``", "`") in PAGE.read_text(encoding="utf-8")
