"""The script for whoever has a GPU: it runs here with micro models on the CPU, and its tables have all figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

SCRIPT = Path(__file__).parents[1] / "bench" / "gpu.py"


def test_it_runs_on_a_cpu_with_micro_models() -> None:
    command = [sys.executable, str(SCRIPT), "--device", "cpu", "--small", "--frames", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines() if line.startswith("| ")]
    names, *tracked = rows[:3]
    assert [row[0] for row in tracked] == ["1", "4"]
    for row in tracked:
        figures = dict(zip(names, row, strict=True))
        parts = [float(figures[name].rstrip("%")) for name in ("encoder", "memory attention", "mask decoder", "memory encoder")]
        assert float(figures["frames/s"]) > 0
        assert all(part > 0 for part in parts)
        assert sum(parts) <= 100
        assert float(figures["waits a frame"]) == 1
    assert rows[3][0] == "images/s"
    assert float(rows[4][0]) > 0
