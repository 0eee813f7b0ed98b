"""``alref export`` and ``alref.export``: places, overwriting, errors and events; the formats have tests of their own."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

import alref
from alref.cli import run_command
from alref.components.exporter import Exporter
from alref.components.finished_run import FinishedRun
from alref.errors import ConfigError, InputError, OutputError
from alref.output.export import export_run, load_finished_run
from alref.utils import atomic
from support.clips import encode, number_of
from support.export_runs import draw_masks, save_run, save_run_of


class Half(Exporter):
    """Fails in the middle."""

    name = "half"

    def write(self, run: FinishedRun, target: Path) -> None:
        (target / "begun").touch()
        raise InputError("in the middle")


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != atomic.LOCK_FILE)


def test_an_export_lies_in_the_run_folder_and_a_second_one_replaces_it(tmp_path: Path) -> None:
    run = save_run(tmp_path)
    assert run_command(["export", str(run), "--as", "coco", "--quiet"]) == 0
    (run / "exports/coco/stray").touch()
    assert run_command(["export", str(run), "--as", "coco", "--quiet", "-o", "coco.images=none"]) == 0
    assert list_names(run / "exports") == ["coco"]
    assert list_names(run / "exports/coco") == ["annotations.json"]


def test_another_folder_is_replaced_only_when_told(tmp_path: Path) -> None:
    run = save_run(tmp_path)
    (tmp_path / "out/coco").mkdir(parents=True)
    (tmp_path / "out/coco/mine").touch()
    command = ["export", str(run), "--as", "coco", "--quiet", "--out", str(tmp_path / "out")]
    assert run_command(command) == OutputError.exit_code
    assert list_names(tmp_path / "out/coco") == ["mine"]
    assert run_command([*command, "--force"]) == 0
    assert "mine" not in list_names(tmp_path / "out/coco")


def test_several_runs_get_a_folder_each(tmp_path: Path) -> None:
    runs = [save_run(tmp_path / "a"), tmp_path / "second"]
    shutil.copytree(runs[0], runs[1])
    command = ["export", *map(str, runs), "--as", "coco", "-o", "coco.images=none", "--quiet", "--out", str(tmp_path / "out")]
    assert run_command(command) == 0
    assert list_names(tmp_path / "out") == ["run", "second"]
    twice = save_run(tmp_path / "b")
    assert run_command(["export", str(runs[0]), str(twice), *command[3:]]) == ConfigError.exit_code


def test_a_failed_export_leaves_nothing_and_keeps_the_one_before(tmp_path: Path) -> None:
    run = save_run(tmp_path)
    (tmp_path / "out/half").mkdir(parents=True)
    (tmp_path / "out/half/before").touch()
    with pytest.raises(InputError):
        list(export_run(run, [Half(Half.Options())], tmp_path / "out", overwrite=True))
    assert list_names(tmp_path / "out") == ["half"]
    assert list_names(tmp_path / "out/half") == ["before"]


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path: Path) -> None:
    run = save_run(tmp_path)
    left = run / "exports" / ".coco.12345"
    left.mkdir(parents=True)
    assert run_command(["export", str(run), "--as", "coco", "--quiet"]) == 0
    assert list_names(run / "exports") == ["coco"]


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--as", "cocoa"], 4, "did you mean 'coco'"),
        (["--as", "coco", "-o", "coco.image=none"], 4, "did you mean 'images'"),
        (["--as", "coco", "-o", "yolo.images=none"], 4, "yolo"),
        (["--as", "coco", "-o", "images=none"], 4, "FORMAT.OPTION=VALUE"),
        (["--as", "coco", "--object", "9"], 3, "4 (a unicorn)"),
        (["--as", "coco", "-o", "coco.categories=[dog]"], 4, "unicorn"),
    ],
    ids=["format", "option", "other format", "no format", "object", "class"],
)
def test_a_wrong_word_is_one_error_before_anything_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], flags: list[str], code: int, words: str
) -> None:
    run = save_run(tmp_path)
    assert run_command(["export", str(run), "--quiet", *flags]) == code
    assert words in capfd.readouterr().err
    assert not (run / "exports/coco").exists()


def test_objects_are_named_as_for_a_correction(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = alref.load_result(save_run(tmp_path))
    phrases = [track.phrase.model_copy(update={"reference": id}) for track, id in zip(result.tracks, "2212", strict=True)]
    tracks = [track.model_copy(update={"phrase": phrase}) for track, phrase in zip(result.tracks, phrases, strict=True)]
    run = tmp_path / "several"
    references = [each.model_copy(update={"text": f"words {each.id}"}) for each in result.references]
    result.model_copy(update={"tracks": tuple(tracks), "references": tuple(references)}).save(run)

    def export(*ids: str) -> list[int]:
        flags = [flag for id in ids for flag in ("--object", id)]
        assert run_command(["export", str(run), "--as", "coco", "-o", "coco.images=none", "--quiet", *flags]) == 0
        annotations = json.loads((run / "exports/coco/annotations.json").read_text())["annotations"]
        return sorted({each["track_id"] for each in annotations})

    assert export("1") == [3]
    assert export("2.2") == [2]
    assert export("2.1", "1") == [1, 3]
    assert export("THE OTHER DOG") == export("Words 1") == [3]
    for wrong in ("2", "3", "2.4"):  # several objects, none, and one too many
        assert run_command(["export", str(run), "--as", "coco", "--quiet", "--object", wrong]) == InputError.exit_code
        assert repr(wrong) in capfd.readouterr().err


def test_corrections_are_in_the_export(tmp_path: Path) -> None:
    run = save_run(tmp_path)

    def count_annotations() -> dict[int, int]:
        assert run_command(["export", str(run), "--as", "coco", "-o", "coco.images=none", "--quiet"]) == 0
        annotations = json.loads((run / "exports/coco/annotations.json").read_text())["annotations"]
        return dict(Counter(each["track_id"] for each in annotations))

    assert count_annotations() == {1: 6, 2: 6, 3: 3}
    assert run_command(["correct", str(run), "--object", "2", "--remove", "--quiet"]) == 0
    assert count_annotations() == {1: 6, 3: 3}
    assert run_command(["correct", str(run), "--undo", "--quiet"]) == 0
    assert count_annotations() == {1: 6, 2: 6, 3: 3}


def test_a_moved_video_is_named_and_another_one_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = save_run(tmp_path)
    (tmp_path / "clip.mkv").rename(tmp_path / "moved.mkv")
    command = ["export", str(run), "--as", "coco", "--quiet"]
    assert run_command(command) == InputError.exit_code
    assert "--video" in capfd.readouterr().err
    assert run_command([*command, "-o", "coco.images=none"]) == 0
    assert run_command([*command, "--video", str(tmp_path / "moved.mkv")]) == 0
    other = save_run(tmp_path / "other", frames=5).parent / "clip.mkv"
    assert run_command([*command, "--video", str(other)]) == InputError.exit_code


def test_a_part_of_a_video_is_opened_again_as_it_was(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 30)
    video = alref.open_video(path, start=0.4, end=1.0, every=3, max_size=32)
    run = save_run_of(video, tmp_path / "run", draw_masks(len(video), (24, 32)))
    shown = load_finished_run(run).video
    assert [number_of(frame) for frame in shown] == [number_of(frame) for frame in video] == [10, 13, 16, 19, 22]
    assert shown.fingerprint == video.fingerprint


def test_events_tell_the_progress_and_the_place(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = save_run(tmp_path)
    capfd.readouterr()
    assert run_command(["export", str(run), "--as", "coco", "--json"]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [each["done"] for each in events if each["event"] == "exporting"] == [1, 2, 3, 4, 5, 6]
    assert events[-1]["event"] == "exported"
    assert events[-1]["files"] == 7
    assert Path(events[-1]["path"]) == run / "exports/coco"
    assert run_command(["export", str(run), "--as", "nothing", "--json"]) == ConfigError.exit_code
    assert json.loads(capfd.readouterr().out)["event"] == "error"


def test_python_exports_a_folder_or_a_result(tmp_path: Path) -> None:
    run = save_run(tmp_path)
    assert alref.export(run, "coco") == run / "exports/coco"
    path = alref.export(alref.load_result(run), "coco", tmp_path / "mine", images="none")
    assert list_names(path) == ["annotations.json"]
    with pytest.raises(OutputError):
        alref.export(run, "coco", path)
    with pytest.raises(InputError):
        alref.export(alref.load_result(run), "coco")
    with pytest.raises(ConfigError):
        alref.export(run, "coco", pictures="none")


def test_a_folder_is_swapped_in_whole(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/old").touch()
    with atomic.atomic_folder(tmp_path / "new") as part:
        (part / "young").touch()
        assert list_names(tmp_path / "new") == ["old"]
    assert list_names(tmp_path / "new") == ["young"]
    assert list_names(tmp_path) == ["new"]
