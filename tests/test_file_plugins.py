"""``--plugin FILE`` of the commands around an evaluation: what ``alref eval`` made with it, the others can take up."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from zipfile import ZipFile

import pytest

from alref.cli import run_command
from support.folder_dataset import draw

FILE = """
import zipfile
import numpy as np
from support.folder_dataset import Squares
import alref
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import ObjectScores, ScoreTable

print("a plugin may talk")

class Mine(Squares):
    '''Squares of my own.'''
    name = "mine"
    protocols = ("cover",)

    def pack_submission(self, folder, file, videos):
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(folder.rglob("*.png")):
                archive.write(path, path.relative_to(folder))

class Cover(EvaluationProtocol):
    '''The share of the frame that is right.'''
    name = "cover"

    def score_case(self, where, case):
        right = [float((true == found).mean()) for true, found in zip(case.truth, case.predicted, strict=True)]
        return [ObjectScores(case=case.id, columns={"cover": tuple(right)})]

    def build_table(self, parts):
        value = float(np.mean([part.columns["cover"] for part in parts]))
        return ScoreTable(protocol="cover", main_metric="cover", metrics={"cover": value})

@alref.hookimpl
def register_datasets():
    return [Mine]

@alref.hookimpl
def register_metrics():
    return [Cover]
"""
PLUGIN = ["--plugin", "mine.py"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the plugin, its data set, and an evaluation of it."""
    made = tmp_path_factory.mktemp("home")
    (made / "mine.py").write_text(FILE)
    draw(made / "data", 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        assert run_command(["eval", "mine", "--data", "data", *PLUGIN, "--out", "run", "--quiet"]) == 0
    return made


@pytest.fixture(autouse=True)
def _there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_masks_are_scored_in_all_processes_and_only_the_numbers_are_printed(
    jobs: str, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["score", "mine", "--data", "data", "--masks", "run/masks", "--json", "--jobs", jobs]
    assert run_command([*command, *PLUGIN]) == 0
    assert json.loads(capfd.readouterr().out)["tables"] == json.loads(Path("run/summary.json").read_text())["tables"]


def test_runs_are_compared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    again = copytree("run", tmp_path / "again")
    assert run_command(["compare", "run", str(again), "--json", *PLUGIN]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["protocol"], second["videos"], second["difference"][0]) == ("cover", 3, 0.0)


def test_masks_are_packed(tmp_path: Path) -> None:
    archive = tmp_path / "mine.zip"
    assert run_command(["submit", "run", "--out", str(archive), *PLUGIN]) == 0
    with ZipFile(archive) as packed:
        assert len(packed.namelist()) == 3 * 2 * 3


def test_the_data_set_is_listed_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["data", "list", *PLUGIN]) == 0
    assert "cover" in capsys.readouterr().out
    assert run_command(["data", "check", "mine", "data", *PLUGIN]) == 0
    assert capsys.readouterr().out == "mine, train: 3 videos, 6 references, no fault\n"
