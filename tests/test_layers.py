"""Imports point one way, function-level imports too; what must stay light stays light."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import alref
import alref.testing

ROOT = Path(__file__).parents[1]
LAYERS = [
    ["errors", "utils"],
    ["records", "result"],
    ["media", "audio", "models"],
    ["components"],
    ["llm"],
    ["plugins"],
    ["config", "presets"],
    ["output"],
    ["pipeline"],
    ["evaluation", "scaffold", "batch"],
    ["ablation"],
    ["api", "testing"],
    ["cli"],
]
"""The rooms of ``alref``, from the bottom: a room imports rooms of its own row and of the rows above it in this list."""
walk_imports = runpy.run_path(str(ROOT / "scripts/measure_house.py"))["walk_imports"]
HEAVY = ("torch", "transformers", "onnxruntime", "cv2", "openai", "sam2", "groundingdino", "scipy")


def find_modules(top: str) -> dict[str, Path]:
    """Return the files below a folder by the name of their module."""
    files = sorted((ROOT / top).rglob("*.py"))
    return {".".join(path.relative_to(ROOT / top).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def read_imports(path: Path) -> list[str]:
    return list(walk_imports(ast.parse(path.read_text(encoding="utf-8"))))


def find_room(module: str) -> str:
    """Return the room of a module of alref: ``media`` for ``alref.media.draw``."""
    return module.partition(".")[2].partition(".")[0]


MODULES = {f"alref.{name}".removesuffix(".__init__"): path for name, path in find_modules("alref").items()}
IMPORTS = {name: read_imports(path) for name, path in MODULES.items() if name != "alref"}
ROWS = {room: row for row, rooms in enumerate(LAYERS) for room in rooms}


def find_module(name: str) -> str | None:
    """Return the module that an import reads: the name itself, or the one that holds the name."""
    return next((module for module in (name, name.rpartition(".")[0]) if module in MODULES), None)


def test_every_room_has_one_row() -> None:
    rooms = {find_room(name) for name in IMPORTS}
    assert sorted(rooms) == sorted(room for row in LAYERS for room in row)


def test_contributors_find_every_room_in_the_list() -> None:
    listed = re.findall(r"`([\w/]+/)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Words")[0])
    assert [place for place in listed if not (ROOT / place).is_dir()] == []
    rooms = {f"alref/{room}/" for room in ROWS if (ROOT / "alref" / room).is_dir()}
    assert rooms <= set(listed)


def test_a_room_imports_only_its_own_row_and_rows_below() -> None:
    upward = [
        f"{name} imports {other}"
        for name, imported in IMPORTS.items()
        for other in imported
        if find_module(other) not in (None, "alref") and ROWS[find_room(other)] > ROWS[find_room(name)]
    ]
    assert upward == []


def test_no_files_and_no_rooms_import_each_other() -> None:
    files = {
        name: {found for other in imported if (found := find_module(other))} - {name} for name, imported in IMPORTS.items()
    }
    assert list(TopologicalSorter(files).static_order())
    rooms: dict[str, set[str]] = {}
    for name, others in files.items():
        own = find_room(name)
        rooms.setdefault(own, set()).update(find_room(other) for other in others if find_room(other) not in ("", own))
    assert list(TopologicalSorter(rooms).static_order())


def test_the_engine_imports_no_plugin_and_no_torch_at_its_top() -> None:
    for name, path in MODULES.items():
        assert not [other for other in read_imports(path) if other.startswith("alref_")], name
        top = ast.Module([node for node in ast.parse(path.read_text(encoding="utf-8")).body if not hasattr(node, "body")], [])
        assert not [other for other in walk_imports(top) if other.partition(".")[0] == "torch"], name


def test_a_plugin_imports_no_other_plugin() -> None:
    for name, path in find_modules("plugins").items():
        own = name.partition(".")[0]
        others = {other.partition(".")[0] for other in read_imports(path) if other.startswith("alref_")}
        assert others <= {own}, name


def test_a_plugin_imports_public_names_from_alref() -> None:
    public = {(module, name) for name, module in alref._MODULES.items()}
    wrong = [
        f"{path.relative_to(ROOT)}: {node.module}.{alias.name}"
        for path in find_modules("plugins").values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (node.module, alias.name) in public
    ]
    assert wrong == []


def test_docs_and_templates_import_public_names_only() -> None:
    files = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.py"), *(ROOT / "alref/scaffold/templates").rglob("*.j2")]
    found = {
        (module, name.strip())
        for file in files
        for module, names in re.findall(
            r"^ *from (alref(?:\.[\w.]+)?) import ([\w, ]+)$", file.read_text(encoding="utf-8"), re.MULTILINE
        )
        for name in names.split(",")
    }
    public = {
        "alref": {*alref.__all__, "components"},
        "alref.testing": set(alref.testing.__all__),
        "alref.cli": {"run_command"},
    }
    assert found
    assert sorted((module, name) for module, name in found if name not in public.get(module, ())) == []


def test_no_files_of_a_plugin_import_each_other() -> None:
    modules = find_modules("plugins")
    files = {
        name: {
            found
            for other in read_imports(path)
            for found in [other if other in modules else other.rpartition(".")[0]]
            if found in modules
        }
        - {name}
        for name, path in modules.items()
    }
    assert list(TopologicalSorter(files).static_order())


def loaded_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


HELP = "from alref.cli import run_command; assert run_command(['--help']) == 0"
LIST = "from alref.cli import run_command; assert run_command(['plugins']) == 0"


def test_help_loads_nothing_that_takes_time() -> None:
    loaded = loaded_after(HELP)
    assert loaded.isdisjoint({"numpy", "yaml", "pydantic", "pluggy", "rich", "av", "PIL", "alref_baseline", *HEAVY})


def test_listing_plugins_loads_no_heavy_library() -> None:
    loaded = loaded_after(LIST)
    assert "alref_baseline" in loaded
    assert loaded.isdisjoint({"av", "PIL", *HEAVY})


def test_importing_alref_loads_nothing_else() -> None:
    assert loaded_after("import alref").isdisjoint({"numpy", "yaml", "pydantic", "pluggy", "click", *HEAVY})
