"""A video whose files or references changed since it was done is done again, and no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from alref.cli import run_command
from alref.media.write import write_video
from alref.plugins import manager as plugins_module
from alref.testing import make_moving_square
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.protocols import PROTOCOLS
from support.benchmark_fixtures import mevis
from support.scripted import Script, entry
from support.scripted_dataset import SLOTS

EVAL = ["eval", "mevis", "--data", "data", "--split", "valid_u", *SLOTS, "--out", "run", "--quiet"]
FRAME = Path("data/valid_u/JPEGImages/1 b/00005.jpg")
SAID = Path("data/valid_u/meta_expressions.json")


class Watched(Script):
    """Scripted components that take down which videos are propagated."""

    def __init__(self) -> None:
        super().__init__()
        self.videos: list[str] = []

    def answer(self, method: str, default: Callable[..., Any], *inputs: Any) -> Any:
        if method == "propagate":
            self.videos.append(inputs[0].name)
        return super().answer(method, default, *inputs)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Watched:
    """Scripted components and the shipped data sets in place of what is installed, in a folder with MeViS in miniature."""
    made = Watched()
    shipped = entry("shipped", register_datasets=lambda: DATASETS, register_metrics=lambda: PROTOCOLS)
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*made.entries, shipped])
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    mevis(Path("data"))
    return made


def propagated(script: Watched, command: list[str]) -> list[str]:
    """Run a command, and return the videos that were propagated by it."""
    before = len(script.videos)
    assert run_command(command) == 0
    return script.videos[before:]


def gray(path: Path) -> None:
    """Paint a picture gray."""
    with Image.open(path) as image:
        size = image.size
    Image.new("RGB", size, (99, 99, 99)).save(path)


def test_a_frame_that_changed(script: Watched) -> None:
    assert sorted(propagated(script, EVAL)) == ["-00d9", "1 b"]
    before = Path("run/videos/-00d9.json").read_bytes(), json.loads(Path("run/videos/1 b.json").read_text())
    gray(FRAME)
    assert propagated(script, EVAL) == ["1 b"]
    assert propagated(script, EVAL) == []
    after = Path("run/videos/-00d9.json").read_bytes(), json.loads(Path("run/videos/1 b.json").read_text())
    assert before[0] == after[0]
    assert before[1]["video"]["fingerprint"] != after[1]["video"]["fingerprint"]


def test_an_expression_that_changed(script: Watched) -> None:
    assert len(propagated(script, EVAL)) == 2
    SAID.write_text(SAID.read_text().replace("a green circle", "a blue circle", 1))
    assert propagated(script, EVAL) == ["-00d9"]
    assert "a blue circle" in Path("run/videos/-00d9.json").read_text()


def test_scores_of_what_was_before_do_not_stay(script: Watched) -> None:
    assert len(propagated(script, EVAL)) == 2
    kept = Path("run/scores/mevis/1 b.json")
    wrong = kept.read_text().replace("100.0", "99.0")
    assert wrong != kept.read_text()
    kept.write_text(wrong)
    assert propagated(script, EVAL) == []
    assert kept.read_text() == wrong
    gray(FRAME)
    assert propagated(script, EVAL) == ["1 b"]
    assert kept.read_text() != wrong


def test_a_video_that_is_gone_stays_done(script: Watched) -> None:
    assert len(propagated(script, EVAL)) == 2
    shutil.rmtree(FRAME.parent)
    assert propagated(script, EVAL) == []


def test_what_the_index_says_of_an_expression(script: Watched) -> None:
    assert len(propagated(script, EVAL)) == 2
    index = json.loads(SAID.read_text())
    index["videos"]["1 b"]["expressions"]["0"]["anno_id"] = [10]
    SAID.write_text(json.dumps(index))
    assert propagated(script, EVAL) == ["1 b"]


def test_a_video_that_cannot_be_opened_for_now_keeps_what_was_done(script: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(propagated(script, EVAL)) == 2
    row, frame = Path("run/rows/1 b.json").read_bytes(), FRAME.read_bytes()
    FRAME.write_bytes(b"half a picture")
    assert run_command(EVAL) == 3
    assert Path("run/rows/1 b.json").read_bytes() == row
    assert Path("run/faults/1 b.txt").exists()
    FRAME.write_bytes(frame)
    assert propagated(script, EVAL) == ["1 b"]
    assert not Path("run/faults/1 b.txt").exists()


def test_a_fault_goes_once_the_video_is_scored(script: Watched) -> None:
    truth = Path("data/valid_u/mask_dict.json")
    kept = truth.read_text()
    truth.write_text(kept[:100])
    assert run_command(EVAL) == 3
    assert Path("run/faults/1 b.txt").exists()
    truth.write_text(kept)
    assert propagated(script, EVAL) == []
    assert not Path("run/faults").exists() or not list(Path("run/faults").iterdir())
    assert json.loads(Path("run/summary.json").read_text())["failed"] == {}


def test_scores_without_a_row_are_not_believed(script: Watched) -> None:
    assert len(propagated(script, EVAL)) == 2
    scores = Path("run/scores/mevis/1 b.json")
    right = scores.read_text()
    scores.write_text(right.replace("100.0", "99.0"))
    Path("run/rows/1 b.json").unlink()
    assert propagated(script, EVAL) == ["1 b"]
    assert scores.read_text() == right


@pytest.mark.parametrize("name", ["clip", "clip.mp4"])
def test_a_video_of_ones_own_that_changed(script: Watched, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    clip(Path(name), seed=0)
    clip(Path("other"), seed=1)
    base = {slot.removeprefix("--").split("=")[0]: "scripted" for slot in SLOTS}
    rows: dict[str, dict[str, int]] = {"first": {}, "second": {"temporal.patience": 9}}
    Path("grid.yaml").write_text(json.dumps({"base": base, "videos": {name: ["a"], "other": ["b"]}, "rows": rows}))
    ablate = ["ablate", "grid.yaml", "--quiet"]
    assert sorted(propagated(script, ablate)) == sorted([name, "other"])
    clip(Path(name), seed=2)
    capsys.readouterr()
    assert propagated(script, ["ablate", "grid.yaml", "--plan", "--json"]) == []
    assert json.loads(capsys.readouterr().out)["rows"] == {"first": 1, "second": 1}
    assert propagated(script, ablate) == [name]
    assert propagated(script, ablate) == []


def test_a_file_beside_the_pictures_is_none_of_them(script: Watched) -> None:
    clip(Path("clip"), seed=0)
    base = {slot.removeprefix("--").split("=")[0]: "scripted" for slot in SLOTS}
    Path("grid.yaml").write_text(json.dumps({"base": base, "videos": {"clip": ["a"]}, "rows": {"only": {}}}))
    assert propagated(script, ["ablate", "grid.yaml", "--quiet"]) == ["clip"]
    Path("clip/notes.txt").write_text("the left one is mine")
    shutil.copy("clip/0.png", "clip/._0.png")
    assert propagated(script, ["ablate", "grid.yaml", "--quiet"]) == []


def test_videos_may_come_and_go_and_those_that_are_done_stay(script: Watched) -> None:
    for seed, name in enumerate(("one", "two", "three")):
        clip(Path(name), seed)
    base = {slot.removeprefix("--").split("=")[0]: "scripted" for slot in SLOTS}
    ablate = ["ablate", "grid.yaml", "--quiet", "--out", "out"]

    def asked(**videos: list[str]) -> list[str]:
        Path("grid.yaml").write_text(json.dumps({"base": base, "videos": videos, "rows": {"only": {}}}))
        return propagated(script, ablate)

    assert sorted(asked(one=["a"], two=["b"])) == ["one", "two"]
    assert asked(one=["a"], three=["c"]) == ["three"]
    assert asked(one=["a"], two=["b"], three=["d"]) == ["three"]
    assert json.loads(Path("out/ablation.json").read_text())["rows"][0]["requested"] == 3


def test_masks_of_frames_that_are_gone_go(script: Watched) -> None:
    clip(Path("clip.mp4"), seed=0)
    base = {slot.removeprefix("--").split("=")[0]: "scripted" for slot in SLOTS}
    Path("grid.yaml").write_text(json.dumps({"base": base, "videos": {"clip.mp4": ["a"]}, "rows": {"only": {}}}))
    masks = Path("out/rows/only/masks/clip.mp4")
    for frames in (4, 3):
        clip(Path("clip.mp4"), seed=0, frames=frames)
        assert run_command(["ablate", "grid.yaml", "--quiet", "--out", "out"]) == 0
        assert len(list(masks.iterdir())) == frames


def clip(path: Path, seed: int, frames: int = 4) -> None:
    """Write a moving square as a file, or as a folder of pictures."""
    video, _ = make_moving_square(frames=frames, size=(32, 48), seed=seed)
    if path.suffix:
        write_video(path, (frame for _, frame in video.read_frames()), video.times)
        return
    path.mkdir(exist_ok=True)
    for number, frame in video.read_frames():
        Image.fromarray(frame).save(path / f"{number}.png")
