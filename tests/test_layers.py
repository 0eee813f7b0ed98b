"""Imports point one way; what must stay light stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = [
    ["errors"],
    ["cpu", "devices"],
    ["arrays", "atomic", "checkpoints"],
    ["download", "hub", "records"],
    ["loading", "weights"],
    ["result", "video"],
    ["hearing"],
    ["media"],
    ["datasets", "protocols", "scoring"],
    ["options", "stages"],
    ["answers", "chat"],
    ["hookspecs", "catalogue", "installed", "announced"],
    ["plugins"],
    ["config"],
    ["cache", "checks", "references", "drift", "silence", "trace", "usage", "verdicts"],
    ["steps"],
    ["engine"],
    ["pages", "pictures", "report", "demo_clip", "scaffold"],
    ["owned"],
    ["runfolder"],
    ["evaluation"],
    ["ablation"],
    ["api", "testing"],
    ["cli"],
]
HEAVY = ("torch", "transformers", "onnxruntime", "cv2", "openai", "ollama", "sam2", "groundingdino", "scipy")


def imported(path: Path) -> list[str]:
    """List the modules that a file imports when it is itself imported: not under TYPE_CHECKING, not inside functions."""
    names: list[str] = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def layer(module: str) -> int:
    return next(level for level, names in enumerate(LAYERS) if module in names)


def modules() -> list[Path]:
    return sorted((ROOT / "alref").rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_engine_imports_downwards_and_no_plugin(path: Path) -> None:
    own = path.relative_to(ROOT / "alref").parts[0].removesuffix(".py")
    for name in imported(path):
        first, _, rest = name.partition(".")
        assert not first.startswith("alref_"), f"{path.name} imports the plugin {first}"
        assert first != "torch", f"{path.name} imports torch"
        target = rest.partition(".")[0]
        if (
            first == "alref"
            and own not in ("__init__", "presets")
            and any(target in names for names in LAYERS)
            and target != own
        ):
            assert layer(target) <= layer(own), f"{own} imports {target}, which stands above it"


def test_every_module_has_a_layer() -> None:
    names = {path.relative_to(ROOT / "alref").parts[0].removesuffix(".py") for path in modules()}
    assert names - {"__init__", "presets", "prompts", "templates"} == {name for names in LAYERS for name in names}


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_plugin_imports_alref_and_no_other_plugin(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[0]
    others = [name for name in imported(path) if name.startswith("alref_") and name.partition(".")[0] != own]
    assert others == []


def loaded_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


HELP = "from alref.cli import exit_code; assert exit_code(['--help']) == 0"
LIST = "from alref.cli import exit_code; assert exit_code(['plugins']) == 0"


def test_help_loads_nothing_that_takes_time() -> None:
    loaded = loaded_after(HELP)
    assert loaded.isdisjoint({"numpy", "yaml", "pydantic", "pluggy", "rich", "av", "PIL", "alref_baseline", *HEAVY})


def test_listing_plugins_loads_no_heavy_library() -> None:
    loaded = loaded_after(LIST)
    assert "alref_baseline" in loaded
    assert loaded.isdisjoint({"av", "PIL", *HEAVY})


def test_importing_alref_loads_nothing_else() -> None:
    assert loaded_after("import alref").isdisjoint({"numpy", "yaml", "pydantic", "pluggy", "click", *HEAVY})
