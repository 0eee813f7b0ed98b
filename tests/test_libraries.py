"""How a missing library is installed: by the distribution that declares it, never by its import name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from alref import Proposer
from alref.utils.libraries import find_missing_libraries

MISSING = "a_library_that_nobody_has"


def make_class(module: str, base: type = object, **attributes: object) -> type:
    return type("Made", (base,), {"needs": (MISSING,), "__module__": module, **attributes})


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        SimpleNamespace(module="shipped_part", dist=SimpleNamespace(name="alref")),
        SimpleNamespace(module="my_plugin", dist=SimpleNamespace(name="alref-mine")),
    ]
    monkeypatch.setattr("alref.utils.libraries.entry_points", lambda group: entries)


@pytest.mark.parametrize(
    ("cls", "hint"),
    [
        (make_class("my_plugin", extra=""), "pip install alref-mine"),
        (make_class("my_plugin._runtime", extra="gpu"), "pip install 'alref-mine[gpu]'"),
        (make_class("shipped_part", extra="sam2"), "pip install 'alref[sam2]'"),
        (make_class("my_plugin", make_class("shipped_part", extra="sam2")), "pip install alref-mine 'alref[sam2]'"),
    ],
)
def test_the_hint_installs_distributions(cls: type, hint: str) -> None:
    (problem,) = find_missing_libraries(cls)
    assert problem.hint == hint
    assert MISSING in problem.message


@pytest.mark.parametrize("extra", ["", "gpu"])
def test_a_class_in_a_file_has_no_distribution(extra: str) -> None:
    (problem,) = find_missing_libraries(make_class("somewhere", extra=extra))
    assert MISSING in problem.hint
    assert "pip install" not in problem.hint


def test_nothing_is_missing() -> None:
    assert find_missing_libraries(Proposer) == []
