"""Really installed distributions: broken ones are a row and a reason each, two with one name are told apart, the rest works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from alref.plugins.discovery import get_origin, import_file
from alref.plugins.manager import PluginManager
from alref.testing import make_moving_square, write_frames
from support import folder_dataset
from support.folder_dataset import draw

ROOT = Path(__file__).parents[1]
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.3"
license = "BSD-3-Clause"
urls = {{ Homepage = "https://example.org/{name}" }}

[project.entry-points.alref]
{plugin} = "{module}"
"""
PROPAGATOR = '''
import numpy as np
import alref
from alref.records import FrameMasks, list_object_phrases
from alref.components.base import Propagator


class Own(Propagator):
    """Fills the whole picture."""

    name = "{component}"
    {member}

    def propagate(self, video, boxes):
        for frame in range(len(video)):
            masks = np.ones((len(list_object_phrases(boxes)), video.height, video.width), bool)
            yield FrameMasks(frame=frame, masks=masks, scores=np.ones(len(masks), np.float32))


@alref.hookimpl
def register_propagator{s}():
    return {announced}
'''
DATASET = '''
from importlib.metadata import Distribution
from pathlib import Path
from alref.components.dataset import Dataset


class Twins(Dataset):
    """Two of a kind."""

    name, splits, protocols, license = "twins", ("all",), ("mevis",), "CC0-1.0"

    def list_videos(self):
        return []

    read_references = open_video = write_masks = read_cases = list_videos

    def find_problems(self):
        yield from ()


@alref.hookimpl
def register_datasets():
    return [Twins]
'''


OPTION = """
    class Options(alref.StageOptions):
        size: int

"""


def propagator(component: str, member: str = "", s: str = "s", announced: str = "[Own]") -> str:
    return PROPAGATOR.format(component=component, member=member, s=s, announced=announced)


MODULES = {
    "import": "import no_such_library_anywhere\n",
    "syntax": "def register_propagators(:\n",
    "empty": "NOTHING = 1\n",
    "raises": propagator("never-raises", announced="[Own][1]"),
    "abstract": propagator("never-abstract").replace("def propagate(", "def propagates("),
    "default": propagator("never-default").replace("    def propagate(", OPTION + "    def propagate("),
    "exits": "import sys\nsys.exit('no license')\n",
    "hook": propagator("never-hook", s=""),
    "return": propagator("never-return", announced="Own"),
    "level": propagator("never-level", member="api = 99"),
    "problems": propagator("troubled", member="problems = lambda self: 1 / 0"),
    "works": propagator("works"),
    "one": propagator("twin") + DATASET,
    "two": propagator("twin", member="needs = ('no_such_library',)") + DATASET,
}
BROKEN = {
    "syntax": "SyntaxError: invalid syntax",
    "empty": "ContractError: registers nothing",
    "raises": "IndexError: list index out of range",
    "abstract": "ContractError: register_propagators: Own lacks propagate",
    "default": "ContractError: register_propagators: Own.Options.size: is required",
    "import": "ModuleNotFoundError: No module named 'no_such_library_anywhere'",
    "exits": "SystemExit: no license",
    "hook": "unknown hook 'register_propagator'; did you mean 'register_propagators'?",
    "return": "ContractError: register_propagators: expected a list of classes, got ABCMeta",
    "level": "ContractError: register_propagators: Own is written for contract level 99, this alref has 1",
}
BOX = ["--box", "8,8,16,16", "--quiet"]
QUICK = "import alref_baseline.features as network, alref.cli.demo_clip as clip; network.LONG_SIDE = 96; clip.FRAME_COUNT = 8; "
"""A program's beginning: the embedded network looks at small images, and the demonstration is short."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install a distribution for each module, and the example, into one folder; nothing is fetched."""
    sources, target = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("installed")
    for plugin, text in MODULES.items():
        folder, module = sources / plugin, f"alref_test_{plugin}"
        folder.mkdir()
        (folder / f"{module}.py").write_text(text)
        (folder / "pyproject.toml").write_text(PROJECT.format(name=f"alref-test-{plugin}", plugin=plugin, module=module))
    alone = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--no-compile", "--quiet"]
    folders = [*sources.iterdir(), ROOT / "docs/example-plugin"]
    command = [sys.executable, "-m", "pip", "install", *alone, "--target", target, *folders]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_frames(make_moving_square(frames=3, size=(32, 48), side=8)[0], tmp_path / "clip")


def alref(place: Path, *arguments: str | Path, limit: str = "", quick: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command where the distributions of a folder are installed; no message of it may be a traceback."""
    told = {"PYTHONPATH": str(place), "COLUMNS": "200", "ALREF_PLUGINS": limit}
    command = [sys.executable, "-c", f"{quick}from alref.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **told})
    assert "Traceback" not in done.stdout + done.stderr
    return done


def listed(place: Path, *arguments: str, limit: str = "") -> list[dict[str, Any]]:
    done = alref(place, "plugins", *arguments, "--json", limit=limit)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_each_broken_distribution_is_one_row_and_one_reason(installed: Path) -> None:
    broken = [row for row in listed(installed) if row["state"] == "broken"]
    assert {row["plugin"] for row in broken} == set(BROKEN)
    for row in broken:
        assert BROKEN[row["plugin"]] in row["reason"]
        assert "\n" not in row["reason"]
        assert (row["package"], row["version"]) == (f"alref-test-{row['plugin']}", "0.3")


def test_the_list_names_what_works_beside_what_is_broken(installed: Path) -> None:
    done = alref(installed, "plugins")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.split()[:6] == ["works", "alref-test-works", "0.3", "1", "BSD-3-Clause", "ready"]]
    for plugin, reason in BROKEN.items():
        assert len([line for line in lines if line.startswith(f" {plugin} ") and line.endswith("broken")]) == 1
        assert len([line for line in lines if line.startswith(f"{plugin}: broken: ") and reason in line]) == 1


def test_a_plain_run_demo_and_evaluation_are_not_affected(installed: Path, clip: Path, tmp_path: Path) -> None:
    assert len(BROKEN) == 10
    done = alref(installed, "run", clip, "the red square", "--out", tmp_path / "run", "--json", quick=QUICK)
    assert done.returncode == 0, done.stderr
    assert "alref-test-" not in done.stdout
    assert alref(installed, "demo", "--out", tmp_path / "demo", "--quiet", quick=QUICK).returncode == 0
    data = draw(tmp_path / "data", videos=1)
    plugin = ["--plugin", Path(folder_dataset.__file__)]
    flags = ["--data", data, "--split", "train", *plugin, "--out", tmp_path / "eval"]
    scored = alref(installed, "eval", "squares", *flags, quick=QUICK)
    assert scored.returncode == 0, scored.stderr
    assert (tmp_path / "eval/eval.yaml").exists()


@pytest.mark.parametrize("arguments", [["config"], ["data", "list"], ["run", "CLIP", "a", "--propagator", "works", *BOX]])
def test_every_other_command_works(arguments: list[str], installed: Path, clip: Path, tmp_path: Path) -> None:
    out = ["--out", tmp_path / "out"] if arguments[0] == "run" else []
    done = alref(installed, *[clip if each == "CLIP" else each for each in arguments], *out)
    assert done.returncode == 0, done.stderr
    if out:
        assert "alref-test-works" in (tmp_path / "out/run.yaml").read_text()


def test_doctor_has_a_row_for_each(installed: Path) -> None:
    done = alref(installed, "doctor", limit=",".join(["baseline", "whisper", "problems", "works", *BROKEN]))
    assert done.returncode == 0, done.stderr
    for name in BROKEN:
        assert any(f"plugin {name} " in line and "broken" in line for line in done.stdout.splitlines())
    assert "problems(): ZeroDivisionError" in done.stdout
    assert "alref demo" in done.stdout


def test_an_exception_in_problems_is_one_reason(installed: Path, clip: Path, tmp_path: Path) -> None:
    (row,) = listed(installed, "troubled")
    assert (row["state"], row["reason"]) == ("broken", "problems(): ZeroDivisionError: division by zero")
    done = alref(installed, "run", clip, "a", "--propagator", "troubled", *BOX, "--out", tmp_path / "out")
    assert done.returncode == 6
    (line,) = done.stderr.strip().splitlines()
    assert re.search(r"'troubled' \(alref-test-problems 0\.3\).*ZeroDivisionError", line)


def test_a_plugin_without_a_card_is_described_by_its_distribution(installed: Path) -> None:
    (row,) = listed(installed, "works")
    assert (row["license"], row["homepage"]) == ("BSD-3-Clause", "https://example.org/alref-test-works")
    assert (row["state"], row["options"]) == ("ready", [])


def test_one_name_in_two_packages_is_chosen_by_the_package(installed: Path, clip: Path, tmp_path: Path) -> None:
    states = {row["name"]: row["state"] for row in listed(installed, "twin")}
    assert states == {"alref-test-one:twin": "ready", "alref-test-two:twin": "library missing"}
    run = ["run", clip, "a", *BOX, "--out", tmp_path / "out", "--propagator"]
    refused = alref(installed, *run, "twin")
    assert refused.returncode == 4
    assert "alref-test-one:twin, alref-test-two:twin" in refused.stderr
    assert alref(installed, *run, "alref-test-one:twin").returncode == 0
    assert "use: alref-test-one:twin" in (tmp_path / "out/run.yaml").read_text()


def test_one_data_set_in_two_packages_is_chosen_by_the_package(installed: Path, tmp_path: Path) -> None:
    refused = alref(installed, "data", "check", "twins", tmp_path)
    assert refused.returncode == 4
    assert "alref-test-one:twins, alref-test-two:twins" in refused.stderr
    assert alref(installed, "data", "check", "alref-test-two:twins", tmp_path).returncode == 0
    assert "alref-test-one:twins" in alref(installed, "data", "list").stdout


def test_the_environment_switches_plugins_off(installed: Path, clip: Path) -> None:
    (row,) = [row for row in listed(installed, limit="-works") if row["plugin"] == "works"]
    assert (row["state"], row["reason"]) == ("switched off", "ALREF_PLUGINS=-works")
    done = alref(installed, "run", clip, "a", "--propagator", "works", *BOX, limit="-works")
    assert done.returncode == 4
    assert "ALREF_PLUGINS=-works" in done.stderr


def test_a_known_component_is_installed_by_the_line_that_is_given(installed: Path, clip: Path, tmp_path: Path) -> None:
    run = ["run", clip, "a", "--propagator", "template-match", *BOX, "--out", tmp_path / "out"]
    refused = alref(tmp_path, *run)
    assert refused.returncode == 4
    assert "pip install docs/example-plugin" in refused.stderr
    assert alref(installed, *run).returncode == 0


def test_the_card_of_the_example_is_what_it_registers(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(installed))
    maker: Any = import_file(ROOT / "scripts/make_catalogue.py")
    (card,) = [card for card in maker.read_cards(ROOT / "registry") if card.plugin == "example"]
    plugins = PluginManager()
    assert {each.name for each in plugins.registered_classes if each.plugin == "example"} == {
        each.name for each in card.components
    }
    assert list(maker.find_faults(card, plugins)) == []


def test_an_installation_without_metadata_is_called_unknown(tmp_path: Path) -> None:
    folder = tmp_path / "half-1.0.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_text("[alref]\nhalf = half\n")
    (entry,) = Distribution.at(folder).entry_points
    assert get_origin(entry) == ("unknown", "unknown")
