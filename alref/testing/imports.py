"""Find out in a subprocess what importing the module of a component loads."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

HEAVY = (
    "PIL",
    "av",
    "cv2",
    "groundingdino",
    "jax",
    "onnxruntime",
    "openai",
    "sam2",
    "scipy",
    "tensorflow",
    "torch",
    "transformers",
)
"""Libraries that are slow to import."""
_PROBE = """
import importlib, importlib.util, json, runpy, sys
name, file, sys.path[:] = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
try:
    by_name = importlib.util.find_spec(name) is not None
except (ImportError, ValueError):
    by_name = False
importlib.import_module(name) if by_name else runpy.run_path(file)
print(json.dumps([by_name, sorted({each.partition(".")[0] for each in sys.modules})]))
"""


@dataclass(frozen=True)
class ImportReport:
    """Whether another process can import a module by name, why not, and the libraries that are loaded then."""

    module: str
    by_name: bool
    reason: str
    loaded: frozenset[str]


def import_in_subprocess(cls: type) -> ImportReport:
    """Import the module of a class in a subprocess. Raises AssertionError with the last line of stderr if that fails."""
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    first, _, rest = cls.__qualname__.partition(".")
    if file is None or (not rest and getattr(module, first, None) is not cls):
        return ImportReport(cls.__module__, False, "the class does not come from a file", frozenset())
    return _run_probe(cls.__module__, str(Path(file).resolve()))


@lru_cache
def _run_probe(module: str, file: str) -> ImportReport:
    command = [sys.executable, "-c", _PROBE, module, file, json.dumps(sys.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    last_line = (done.stderr.strip().splitlines() or ["nothing"])[-1]
    assert done.returncode == 0, f"expected {module} to be importable in a subprocess, got {last_line}"
    by_name, loaded = json.loads(done.stdout.splitlines()[-1])
    why = "" if by_name else f"it was loaded from the file {Path(file).name}, which another process cannot import by name"
    return ImportReport(module, by_name, why, frozenset(loaded))
