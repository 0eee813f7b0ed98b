from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from alref.errors import OutputError
from alref.output.run_folder import RunFolder
from support.saved_runs import aligned, contents, noise, overlapping, run_of, saved


def test_a_folder_in_the_place_of_a_part_is_one_clear_error(tmp_path: Path) -> None:
    video = noise(1)
    result = overlapping(video)
    (tmp_path / "result.json").mkdir()
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run_of(result).model_dump(mode="json")))

    with (
        RunFolder.open(tmp_path, run_of(result)) as folder,
        pytest.raises(OutputError, match=rf"result\.json: .*{os.strerror(errno.EISDIR)}"),
    ):
        folder.write_result(result, video)


def test_a_write_that_fails_at_any_file_leaves_whole_files_and_the_next_save_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = aligned()
    result = overlapping(video)
    whole = contents(saved(tmp_path / "whole", result, video))
    folder = tmp_path / "broken"

    for failing in range(len(whole) - 1):
        with RunFolder.open(folder, run_of(result)) as broken, monkeypatch.context() as patch:
            _fail_at(patch, failing)
            with pytest.raises(OutputError, match=os.strerror(errno.ENOSPC)):
                broken.write_result(result, video)
        assert not broken.finished
        assert "result.json" not in contents(folder)
        assert contents(folder).items() <= whole.items()

    assert contents(saved(folder, result, video)) == whole


def _fail_at(patch: pytest.MonkeyPatch, failing: int) -> None:
    """Let the ``failing``-th file that gets its final name find the disk full."""
    replace, count = os.replace, iter(range(1000))

    def full(part: str | Path, path: str | Path) -> None:
        if next(count) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(part, path)

    patch.setattr(os, "replace", full)


def test_an_interrupted_save_can_be_completed(tmp_path: Path) -> None:
    video = aligned()
    result = overlapping(video)
    whole = contents(saved(tmp_path / "whole", result, video))

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), RunFolder.open(tmp_path / "cut", run_of(result)) as folder:
        folder.write_result(result, video, interrupt)
    assert sorted(contents(tmp_path / "cut")) == ["masks/00000.png", "masks/00001.png", "run.yaml"]
    assert contents(saved(tmp_path / "cut", result, video)) == whole


def test_a_result_is_never_left_beside_pictures_of_another_save(tmp_path: Path) -> None:
    video = noise(2)
    result = overlapping(video)
    saved(tmp_path, result, video)
    (tmp_path / "overlay.mp4").unlink()

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), RunFolder.open(tmp_path, run_of(result)) as folder:
        folder.write_result(result, video, interrupt)
    assert not (tmp_path / "result.json").exists()


KILLED = """
import os, sys
from pathlib import Path
from alref.result import Result
from alref.output.run_folder import RunSpec, RunFolder
from alref.testing import ArrayVideo
import numpy as np

folder, result, run, frames, last = sys.argv[1:]
count, rename = iter(range(1000)), os.replace

def replace(part, path):
    if next(count) == int(last):
        os.kill(os.getpid(), 9)
    rename(part, path)

os.replace = replace
with RunFolder.open(Path(folder), RunSpec.model_validate_json(Path(run).read_text())) as opened:
    opened.write_result(Result.model_validate_json(Path(result).read_text()), ArrayVideo(np.load(frames)))
"""


@pytest.mark.parametrize("last", [0, 2, 4, 6])
def test_a_killed_run_is_completed_and_leaves_no_trace(tmp_path: Path, last: int) -> None:
    video = aligned()
    result = overlapping(video)
    whole = contents(saved(tmp_path / "whole", result, video))
    (tmp_path / "result").write_text(result.model_dump_json())
    (tmp_path / "run").write_text(run_of(result).model_dump_json())
    np.save(tmp_path / "frames.npy", np.stack([frame for _, frame in video.read_frames()]))

    inputs = [str(tmp_path / name) for name in ("killed", "result", "run", "frames.npy")]
    killed = subprocess.run([sys.executable, "-c", KILLED, *inputs, str(last)], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "killed" / "result.json").exists()
    assert contents(saved(tmp_path / "killed", result, video)) == whole


def test_half_written_files_are_cleared_and_other_hidden_files_stay(tmp_path: Path) -> None:
    run = run_of(overlapping(noise(1)))
    RunFolder.open(tmp_path, run).close()
    half = [".overlay.99.mp4", ".run.7.yaml", "masks/.00001.7.png", f"stages/.unifier-unify-{'0a' * 16}.12.json"]
    other = [".notes.2024.txt", ".overlay.mp4", "masks/.thumbs.1.png"]
    for name in [*half, *other]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")

    RunFolder.open(tmp_path, run).close()
    assert sorted(contents(tmp_path)) == sorted([*other, "run.yaml"])


@pytest.mark.parametrize("missing", ["overlay.mp4", "report.html", "run.yaml"])
def test_a_part_that_was_removed_makes_the_run_unfinished(tmp_path: Path, missing: str) -> None:
    video = noise(1)
    result = overlapping(video)
    with RunFolder.open(tmp_path, run_of(result)) as folder:
        folder.write_result(result, video)
        (tmp_path / missing).unlink()
        assert not folder.finished
