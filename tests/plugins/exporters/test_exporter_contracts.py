"""Every shipped export format keeps the contract, and is described in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from alref.components.exporter import Exporter
from alref.components.options import describe_options
from alref.testing import ExporterContract
from alref.testing.runner import SLOW_TESTS, run_checks
from alref_exporters import register_exporters

FORMATS = {cls.name: cls for cls in register_exporters()}
PAGE = (Path(__file__).parents[3] / "docs/exports.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_the_contract_is_kept(name: str) -> None:
    def make_exporter(_: object) -> Exporter:
        return FORMATS[name](FORMATS[name].Options())

    contract = type("Contract", (ExporterContract,), {"make_exporter": make_exporter})
    outcomes = list(run_checks(contract, FORMATS[name], SLOW_TESTS))
    assert [each for each in outcomes if each.state not in ("passed", "skipped")] == []


@pytest.mark.parametrize("name", ["coco", "cvat", "numpy", "redaction"])
def test_memory_stays_flat(name: str) -> None:
    cls = FORMATS[name]
    contract = type("Contract", (ExporterContract,), {"make_exporter": lambda _: cls(cls.Options())})
    contract().test_memory_stays_flat_over_a_long_video()


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_and_its_options_are_described(name: str) -> None:
    assert f"`{name}`" in PAGE
    for row in describe_options(FORMATS[name].Options):
        assert f"`{row.name}" in PAGE, row.name
