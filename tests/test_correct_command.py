from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import alref
from alref.cli import run_command
from alref.media.write import write_video
from alref.output.revision_files import read_corrections
from alref.pipeline.engine import Pipeline
from alref.plugins import manager
from alref.records import Flag, Prompt, Reference
from support.corrected_runs import NearestPropagator, make_plugins, make_video
from support.scripted import announcing


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a run of two objects over a file; the command line has the same propagator."""
    entries = [announcing("nearby", propagators=[NearestPropagator])]
    monkeypatch.setattr(manager, "entry_points", lambda group: entries)
    clip = tmp_path / "clip.mp4"
    write_video(clip, list(make_video()), make_video().times.tolist())
    video = alref.open_video(clip)
    with Pipeline(plugins=make_plugins(), propagator="nearest") as pipeline:
        given = {"1": [2, 2, 8, 8], "2": [12, 4, 20, 12]}
        references = [Reference(id=name, prompts=(Prompt(box=box),)) for name, box in given.items()]
        pipeline.run(video, references).save(tmp_path / "run", video)
    return tmp_path / "run"


def correct(run: Path, *arguments: str) -> int:
    return run_command(["correct", str(run), "--quiet", "--no-views", *arguments])


def test_each_flag_does_what_it_says(run: Path) -> None:
    assert correct(run, "--object", "2", "--frame", "9", "--confirm") == 0
    assert correct(run, "--object", "2", "--frame", "4", "--point", "22,10", "--point=-13,5") == 0
    assert correct(run, "--object", "1", "--frame", "4", "--box", "1,1,9,9") == 0
    assert correct(run, "--object", "1", "--frame", "6", "--absent") == 0
    assert correct(run, "--object", "1", "--name", "Rex") == 0
    assert correct(run, "--add", "a fly", "--frame", "0", "--point", "30,20") == 0
    result = alref.load_result(run)
    first, second, fly = result.tracks
    assert (first.corrected, second.corrected, second.confirmed, first.name, fly.phrase.text) == (
        (4, 6),
        (4,),
        (9,),
        "Rex",
        "a fly",
    )
    assert second.decode_mask(4)[10, 22]
    assert not second.decode_mask(4)[5, 13], "a minus marks a point that is not on the object"
    assert correct(run, "--undo") == 0
    assert correct(run, "--object", "1", "--remove") == 0
    assert alref.load_result(run).verdict("1").finding == "absent"
    assert correct(run, "--restore", "3") == 0
    assert alref.load_result(run).tracks[0].corrected == (4,)


def test_objects_are_named_by_their_words(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert correct(run, "--object", "1", "--name", "Rex") == 0
    assert correct(run, "--object", "rex", "--frame", "4", "--absent") == 0
    assert correct(run, "--object", "2", "--name", "rex") == 0
    assert [line.object for line in read_corrections(run)] == ["1", "1", "2"], "the id is stored: names may change"
    assert correct(run, "--object", "Rex", "--frame", "5", "--absent") == alref.InputError.exit_code
    assert run_command(["flags", str(run), "--object", "Max"]) == alref.InputError.exit_code


def test_views_follow_and_events_are_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, overlay = (run / "report.html").read_text(), (run / "overlay.mp4").read_bytes()
    assert run_command(["correct", str(run), "--object", "1", "--frame", "4", "--absent", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (events[-1]["event"], events[-1]["revision"]) == ("finished", 1)
    assert 4 in events[-1]["frames"]
    assert ((run / "report.html").read_text(), (run / "overlay.mp4").read_bytes()) != (report, overlay)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--object", "1", "--frame", "3", "--absent", "--confirm"],
        ["--undo", "--remove"],
        ["--frame", "3", "--absent"],
        ["--object", "1", "--absent"],
        ["--object", "1"],
        ["--object", "1", "--frame", "3", "--point", "here"],
        ["--object", "3", "--frame", "3", "--absent"],
        ["--object", "1", "--frame", "99", "--confirm"],
        ["--restore", "7"],
        ["--undo"],
        ["--replay", "nowhere.jsonl"],
    ],
    ids=" ".join,
)
def test_wrong_flags_change_nothing(run: Path, arguments: list[str]) -> None:
    assert correct(run, *arguments) == alref.InputError.exit_code
    assert not (run / "corrections.jsonl").exists()


def test_flags_are_a_queue_with_commands(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def flag(frame: int, severity: float) -> Flag:
        return Flag(frame=frame, kind="mask jumps", why="far", severity=severity)

    result = alref.load_result(run)
    flags = [(flag(3, 0.2), flag(4, 0.6), flag(12, 0.5)), (flag(7, 0.9),)]
    tracks = [track.model_copy(update={"flags": each}) for track, each in zip(result.tracks, flags, strict=True)]
    result.model_copy(update={"tracks": tuple(tracks)}).save(run)
    found = read_events(capsys, ["flags", str(run), "--json"])
    assert [(each["object"], each["frame"], each["first"], each["last"]) for each in found] == [
        ("2", 7, 7, 7),
        ("1", 4, 3, 4),
        ("1", 12, 12, 12),
    ]
    assert [each["frame"] for each in read_events(capsys, ["flags", str(run), "--json", "--object", "1"])] == [4, 12]
    words = found[0]["show"].split()
    assert run_command(words[1:]) == 0
    assert Path(capsys.readouterr().out.strip()).exists()
    assert run_command([*found[0]["confirm"].split()[1:], "--quiet", "--no-views"]) == 0
    assert [each["frame"] for each in read_events(capsys, ["flags", str(run), "--json"])] == [4, 12]


def read_events(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> list[dict[str, Any]]:
    assert run_command(arguments) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
