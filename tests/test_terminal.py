"""Standard streams whose reader goes away or whose encoding lacks letters, and names that are not UTF-8 or very long."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alref.cli import main, run_command, terminal
from alref.cli.console import make_console
from alref.cli.run import make_run_name
from alref.errors import InputError
from alref.media.reader import open_video
from alref.output.run_folder import load_result
from alref.plugins import manager as plugins_module
from alref.records import Reference
from alref.testing import make_moving_square, write_frames
from support.clips import encode
from support.scripted import Script

SLOTS = ["--unifier", "scripted", "--reasoner", "scripted", "--proposer", "scripted", "--propagator", "scripted"]
LATIN = os.fsdecode(b"caf\xe9")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    made = Script()
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: made.entries)
    monkeypatch.chdir(tmp_path)
    return made


def open_pipe(encoding: str = "utf-8") -> tuple[io.TextIOWrapper, int]:
    """Return a stream that writes to a pipe, and the other end of the pipe."""
    reader, writer = os.pipe()
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(writer, "w")), encoding), reader


@pytest.mark.parametrize("flags", [["--json"], []])
def test_a_run_goes_on_when_nobody_reads_its_output(script: Script, monkeypatch: pytest.MonkeyPatch, flags: list[str]) -> None:
    clip = write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], Path("clip"))
    stream, reader = open_pipe()
    os.close(reader)
    with stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.open_standard_streams()
        with sys.stdout:
            assert run_command(["run", str(clip), "the dog", *SLOTS, "--out", "out", *flags]) == 0
    assert load_result("out").warnings == ()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("flags", [["--json"], []])
def test_letters_that_a_terminal_lacks_end_no_run(
    script: Script, monkeypatch: pytest.MonkeyPatch, encoding: str, flags: list[str]
) -> None:
    clip = write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], Path("clip"))
    stream, reader = open_pipe(encoding)
    with stream, os.fdopen(reader, encoding=encoding) as read:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.open_standard_streams()
        assert run_command(["run", str(clip), "der B\u00e4r \u9762", *SLOTS, "--out", "out", *flags]) == 0
        sys.stdout.close()
        stream.close()
        printed = read.read()
    if flags:
        events = [json.loads(line) for line in printed.splitlines()]
        assert events[-1]["verdicts"][0]["finding"] == "found"
    else:
        assert {"ascii": "B?r ?", "cp1252": "B\u00e4r ?", "utf-8": "B\u00e4r \u9762"}[encoding] in printed


def test_a_command_ends_quietly_when_its_reader_goes_away() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = "from alref.cli import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


LOUD = """
import os, subprocess, sys
import alref
from pathlib import Path

os.write(1, b"imported")


class Loud(alref.Proposer):
    '''Prints whatever it does, as compiled libraries do.'''

    name = "loud"

    def problems(self):
        os.write(1, b"checked")
        return []

    def load(self):
        os.write(1, b"loaded")
        subprocess.run([sys.executable, "-c", "print('started')"], check=True)

    def propose(self, video, pivots):
        os.write(1, b"called")
        return [alref.Candidates(pivot=each, xyxy=[[0, 0, 8, 8]], scores=[1]) for each in pivots]


@alref.hookimpl
def register_proposers():
    return [Loud]
"""


@pytest.mark.parametrize("command", ["plugins loud", "run clip square --proposer loud"])
def test_what_compiled_libraries_print_is_no_part_of_the_output(command: str, tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    write_frames(make_moving_square(frames=2, size=(32, 48), side=8)[0], tmp_path / "clip")
    quick = ["--temporal", "middle-frame", "--propagator", "label-propagation"] if command.startswith("run") else []
    code = "from alref.cli import main; main()"
    words = [*command.split(), *quick, "--plugin", "loud.py", "--json"]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(map(json.loads, [done.stdout] if command == "plugins loud" else done.stdout.splitlines()))
    assert "imported" in done.stderr
    assert ("loaded" in done.stderr) == ("started" in done.stderr) == (command != "plugins loud")


def test_names_that_are_not_utf8_are_read_and_written(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = encode(Path(f"{LATIN}.mp4"), 4, size=(32, 48))
    assert run_command(["run", str(clip), "the dog", *SLOTS]) == 0
    result = load_result(Path("alref-out", f"{LATIN}-the-dog"))
    assert str(result.video.path) == r"caf\xe9.mp4"
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--out", f"out{LATIN}", "--json"]) == 0
    assert run_command(["run", str(clip), "the dog", *SLOTS, "--out", f"out{LATIN}", "--json"]) == 0
    folder = write_frames(make_moving_square(frames=3, size=(32, 48), side=8)[0], Path("frames"))
    for path in folder.glob("*.png"):
        path.rename(folder / f"{LATIN}{path.name}")
    assert run_command(["run", str(folder), "the dog", *SLOTS, "--out", "other"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # takes every name, as the real one does
    (Path(f"{LATIN}.txt")).write_text("no video " * 100)
    assert run_command(["run", f"{LATIN}.txt", "the dog", *SLOTS, "--json"]) == 3
    assert "caf" in json.loads(capsys.readouterr().out)["message"]
    assert run_command(["run", str(clip), f"the {LATIN}", *SLOTS, "--out", "third"]) == 3


@pytest.mark.parametrize("stem", ["a" * 250, "\u9762" * 80, "e\u0301" * 60])
def test_the_folder_of_a_run_has_a_name_that_file_systems_take(tmp_path: Path, stem: str) -> None:
    references = [Reference(id="1", text="\U0001f600\u9762" * 60)]
    name = make_run_name(Path(f"{stem}.mp4"), references)
    assert len(os.fsencode(name)) <= 143
    (tmp_path / name).mkdir()
    assert make_run_name(Path(f"{stem}b.mp4"), references) != name
    assert make_run_name(Path("clip.mp4"), [Reference(id="1", text="the red cup")]) == "clip-the-red-cup"


def test_images_and_masks_of_one_name_in_one_folder_are_refused(tmp_path: Path) -> None:
    folder = write_frames(make_moving_square(frames=3, size=(32, 48), side=8)[0], tmp_path / "frames")
    first = sorted(folder.glob("*.png"))[0]
    (folder / f"{first.stem}.JPG").write_bytes(first.read_bytes())
    with pytest.raises(InputError, match=rf"2 of 4 .*{first.stem}\.JPG and {first.name}"):
        open_video(folder)
    (folder / f"{first.stem}.JPG").rename(folder / f"{first.stem}_mask.jpg")
    video = open_video(folder)
    assert len(video) == 4
    assert "1 .jpg and 3 .png" in video.warnings[0]
    (folder / f"{first.stem}_mask.jpg").unlink()
    assert open_video(folder).warnings == ()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("flags", [["--json"], []])
def test_a_run_whose_output_cannot_be_written_is_complete_and_says_so(
    script: Script, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    clip = write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], Path("clip"))
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            main(["run", str(clip), "the dog", *SLOTS, "--out", "out", *flags])
    assert ended.value.code == 7
    assert len(load_result("out").tracks) == 1


@pytest.mark.parametrize(("columns", "width"), [("0", 80), ("1", 80), ("50", 50)])
def test_a_terminal_without_a_width_has_the_usual_one(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert make_console().width == width
