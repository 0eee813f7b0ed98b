from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from alref.errors import OutputError
from alref.output.run_folder import RunFolder, load_result
from alref.records import Prompt, Reference
from alref.utils import atomic
from alref.utils.masks import Mask
from support.saved_runs import contents, noise, overlapping, run_of, saved, segmented


def test_the_same_run_again_finds_the_kept_result_and_writes_nothing(tmp_path: Path) -> None:
    video = noise()
    result = overlapping(video)
    folder = saved(tmp_path, result, video)
    (folder / atomic.LOCK_FILE).unlink()
    before = contents(folder)

    with RunFolder.open(folder, run_of(result, command="alref run elsewhere.mp4", input="elsewhere.mp4")) as again:
        assert again.finished
        assert again.read_result().model_dump_json() == result.model_dump_json()
    assert contents(folder) == before
    assert not (folder / atomic.LOCK_FILE).exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"config": {"propagator": {"use": "label-propagation"}}}, r"propagator\.use: sam2\b.*label-propagation"),
        ({"config": {"propagator": {"use": "sam2"}}}, r"propagator\.size: 3\b"),
        ({"fingerprint": "f00dcafe99", "input": "cat.mp4"}, r"clip\.mp4 \(\w{8}\).*cat\.mp4 \(f00dcafe\)"),
        ({"versions": {"alref": "2.0"}}, r"versions\.alref: 1\.2\.3\b.*2\.0"),
        ({"references": (Reference(id="a", text="the cat"),)}, r"references\.0\.text: the dog, 犬 <b>.*the cat"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_another_run_is_refused_with_what_differs(tmp_path: Path, changes: dict[str, Any], said: str, finished: bool) -> None:
    video = noise(1)
    result = overlapping(video)
    saved(tmp_path, result, video)
    if not finished:
        (tmp_path / "result.json").unlink()
    before = contents(tmp_path)

    with pytest.raises(OutputError, match=said) as caught:
        RunFolder.open(tmp_path, run_of(result, **changes))
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_many_differences_are_cut_short(tmp_path: Path) -> None:
    result = overlapping(noise())
    RunFolder.open(tmp_path, run_of(result)).close()

    with pytest.raises(OutputError, match=r"\b28\b") as caught:
        RunFolder.open(tmp_path, run_of(result, config={f"option{index}": "x" * 1000 for index in range(29)}))
    assert len(str(caught.value)) < 900


def test_force_replaces_what_alref_made_and_nothing_else(tmp_path: Path) -> None:
    video, shorter = noise(6), noise(2)
    saved(tmp_path, overlapping(video), video)
    mine = {"notes.txt": b"mine", "masks/notes.png": b"mine", "masks/001.png": b"mine", "stages/kept.json": b"{}"}
    for name, data in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    result = segmented(shorter)

    with RunFolder.open(tmp_path, run_of(result), force=True) as folder:
        assert not folder.finished
        assert sorted(contents(tmp_path)) == sorted([*mine, "run.yaml"])
        folder.write_result(result, shorter)
    assert {name: contents(tmp_path)[name] for name in mine} == mine
    assert load_result(tmp_path).video.fingerprint == shorter.fingerprint
    assert sorted(path.name for path in (tmp_path / "masks").glob("0????.png")) == ["00000.png", "00001.png"]


def test_force_computes_the_same_run_again(tmp_path: Path) -> None:
    video = noise()
    result = overlapping(video)
    saved(tmp_path, result, video)

    with RunFolder.open(tmp_path, run_of(result), force=True) as folder:
        assert not folder.finished


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("name", ["holiday.jpg", "result.json", "masks"])
def test_a_folder_that_is_no_run_is_refused_and_not_touched(tmp_path: Path, name: str, force: bool) -> None:
    (tmp_path / name).write_bytes(b"precious")

    with pytest.raises(OutputError, match=name):
        RunFolder.open(tmp_path, run_of(overlapping(noise())), force=force)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"precious"}


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize(
    "text",
    [b"", b"just words", b"- a\n- list", b"{", b"\xff\xfe\x00", b"when: 2001-99-99", b"input: a\n", b"!!python/object:os.x {}"],
)
def test_a_damaged_or_foreign_run_file_is_one_clear_error_and_not_touched(tmp_path: Path, text: bytes, force: bool) -> None:
    (tmp_path / "run.yaml").write_bytes(text)

    with pytest.raises(OutputError, match=r"run\.yaml: ") as caught:
        RunFolder.open(tmp_path, run_of(overlapping(noise())), force=force)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == {"run.yaml": text}


def test_hidden_files_do_not_make_a_folder_full(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_bytes(b"")

    RunFolder.open(tmp_path, run_of(overlapping(noise()))).close()
    assert (tmp_path / "run.yaml").exists()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_way_is_one_clear_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=os.strerror(errno.ENOTDIR)):
        RunFolder.open(tmp_path / place, run_of(overlapping(noise())))


def test_outputs_of_stages_have_a_place_in_the_folder(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, run_of(overlapping(noise(1)))) as folder:
        assert folder.stages == tmp_path / "stages"


def test_a_folder_in_use_is_refused_until_it_is_closed(tmp_path: Path) -> None:
    run = run_of(overlapping(noise()))
    with RunFolder.open(tmp_path, run), pytest.raises(OutputError):
        RunFolder.open(tmp_path, run)

    RunFolder.open(tmp_path, run).close()


def test_the_run_file_can_be_read_by_people_and_programs(tmp_path: Path) -> None:
    result = overlapping(noise())
    RunFolder.open(tmp_path, run_of(result)).close()

    text = (tmp_path / "run.yaml").read_text(encoding="utf-8")
    assert "the dog, 犬 <b>" in text
    kept = yaml.safe_load(text)
    assert kept["config"] == {"propagator": {"use": "sam2", "size": 3}}
    assert (kept["command"], kept["input"], kept["versions"]) == (
        "alref run clip.mp4 'the dog'",
        "clip.mp4",
        {"alref": "1.2.3"},
    )
    assert kept["references"][1] == {
        "id": "b",
        "text": "a unicorn",
        "spoken": None,
        "sound": False,
        "prompts": [],
    }


def test_a_run_with_a_given_box_and_mask_is_the_same_run_again(tmp_path: Path) -> None:
    result = overlapping(noise())
    mask: Mask = np.zeros((24, 33), np.bool_)
    mask[3:5, 4:9] = True
    references = (Reference(id="a", prompts=(Prompt(box=[0.1, 1, 2.5, 3]),)), Reference(id="b", prompts=(Prompt(mask=mask),)))
    run = run_of(result, references=references, config={"small": 1e-7, "path": Path("x"), "pair": (1, 2), "none": None})
    RunFolder.open(tmp_path, run).close()

    RunFolder.open(tmp_path, run).close()
    with pytest.raises(OutputError, match=r"references\.1\.prompts\.0\.mask\.counts"):
        RunFolder.open(
            tmp_path,
            run_of(result, references=(references[0], Reference(id="b", prompts=(Prompt(mask=~mask),))), config=run.config),
        )
