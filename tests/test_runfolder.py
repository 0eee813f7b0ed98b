from __future__ import annotations

import errno
import json
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import jsonschema
import numpy as np
import pytest
import yaml
from PIL import Image

from alref import atomic
from alref.arrays import Mask, encode
from alref.errors import InputError, OutputError
from alref.records import Candidates, Phrase, PivotBox, PivotFrame, Reference, Track, Verdict
from alref.result import Result
from alref.runfolder import Run, RunFolder, load_result
from alref.testing import ArrayVideo
from alref.video import Frame

ROOT = Path(__file__).parents[1]
PARTS = ["masks", "overlay.mp4", "report.html", "result.json", "run.yaml"]


def noise(frames: int = 5, height: int = 24, width: int = 33, start: float = 0.0) -> ArrayVideo:
    video = ArrayVideo(np.random.default_rng(1).integers(0, 255, (frames, height, width, 3), np.uint8))
    video.times = video.times + start
    return video


def track(video: ArrayVideo, reference: str, rows: slice, score: float) -> Track:
    mask: Mask = np.zeros((video.height, video.width), np.bool_)
    mask[rows] = True
    phrase = Phrase(reference=reference, text=f"rows of {reference}")
    return Track(phrase=phrase, rles=(encode(mask),) * len(video), scores=(score,) * len(video))


def segmented(video: ArrayVideo, tracks: Sequence[Track] = ()) -> Result:
    """Two references, one with objects and one absent, with a decision that fell back."""
    phrase = Phrase(reference="a", text="rows of a")
    pivot = PivotFrame(phrase=phrase, frame=len(video) - 1, why="no answer", source="fallback", raw="?")
    box = np.array([[0, 0, video.width, max(1, video.height // 2)]], np.float32)
    candidates = Candidates(pivot=pivot, xyxy=box, scores=np.ones(1))
    return Result(
        alref="1.2.3",
        video=video.facts(),
        references=(Reference(id="a", text="the dog, 犬 <b>"), Reference(id="b", text="a unicorn")),
        phrases=(phrase,),
        pivots=(pivot,),
        candidates=(candidates,),
        boxes=(PivotBox(pivot=pivot, xyxy=box[0], score=1.0),),
        tracks=tuple(tracks),
        verdicts=(
            Verdict(reference="a", finding="found", why="seen", source="fallback"),
            Verdict(reference="b", finding="absent", why="not seen"),
        ),
        seconds={"propagator": 1.5},
        config={"propagator": {"use": "sam2", "size": 3}},
    )


def overlapping(video: ArrayVideo) -> Result:
    tracks = [track(video, "a", slice(0, 12), 0.4), track(video, "a", slice(8, 16), 0.9), track(video, "b", slice(14, 20), 0.4)]
    return segmented(video, tracks)


def run_of(result: Result, **changes: Any) -> Run:
    facts = {
        "command": "alref run clip.mp4 'the dog'",
        "input": "clip.mp4",
        "fingerprint": result.video.fingerprint,
        "versions": {"alref": "1.2.3"},
        "references": result.references,
        "config": result.config,
    }
    return Run(**{**facts, **changes})


def saved(path: Path, result: Result, video: ArrayVideo) -> Path:
    with RunFolder.open(path, run_of(result)) as folder:
        folder.save(result, video)
    return path


def aligned() -> ArrayVideo:
    """Three frames of whole macroblocks: encoding other sizes does not give the same bytes each time."""
    return noise(3, 32, 48)


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != atomic.LOCK)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def overlay_times(folder: Path) -> list[float]:
    with av.open(str(folder / "overlay.mp4")) as file:
        return [float(frame.time or 0.0) for frame in file.decode(video=0)]


def test_a_run_leaves_all_parts_and_is_finished(tmp_path: Path) -> None:
    video = noise()
    result = overlapping(video)
    with RunFolder.open(tmp_path / "new" / "out", run_of(result)) as folder:
        before = folder.finished
        folder.save(result, video)

    assert (before, folder.finished) == (False, True)
    assert sorted({path.name for path in folder.path.iterdir()} - {atomic.LOCK}) == PARTS
    assert sorted(path.name for path in (folder.path / "masks").iterdir()) == [f"{index:05d}.png" for index in range(5)]


def test_the_result_is_read_back_as_it_was(tmp_path: Path) -> None:
    video = noise()
    result = overlapping(video)
    folder = saved(tmp_path, result, video)

    assert load_result(folder).model_dump_json() == result.model_dump_json()
    assert (load_result(str(folder)).masks("a") == result.masks("a")).all()


def test_mask_files_number_objects_from_1_and_the_higher_score_lies_on_top(tmp_path: Path) -> None:
    video = noise()
    folder = saved(tmp_path, overlapping(video), video)

    with Image.open(folder / "masks" / "00003.png") as image:
        assert image.mode == "P"
        assert (image.getpalette() or [])[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
        labels = np.array(image)
    assert labels.shape == (24, 33)
    assert labels[:, 5].tolist() == [1] * 8 + [2] * 8 + [3] * 4 + [0] * 4


def test_of_equal_scores_the_lower_number_lies_on_top(tmp_path: Path) -> None:
    video = noise(1)
    folder = saved(
        tmp_path, segmented(video, [track(video, "a", slice(0, 4), 0.5), track(video, "b", slice(2, 6), 0.5)]), video
    )

    with Image.open(folder / "masks" / "00000.png") as image:
        assert np.array(image)[:6, 0].tolist() == [1, 1, 1, 1, 2, 2]


def test_more_objects_than_a_mask_file_can_number_are_left_out_and_said(tmp_path: Path) -> None:
    video = noise(1, 16, 16)
    tracks = [track(video, "a", slice(0, 1), 0.1)] * 255 + [track(video, "b", slice(8, 9), 0.9)]
    folder = saved(tmp_path, segmented(video, tracks), video)

    with Image.open(folder / "masks" / "00000.png") as image:
        assert np.array(image)[8].max() == 0
    assert "objects 1 to 255 only" in (folder / "report.html").read_text()
    assert len(load_result(folder).tracks) == 256


def test_the_overlay_shows_objects_and_leaves_the_ground_alone(tmp_path: Path) -> None:
    grey = ArrayVideo(np.full((4, 32, 32, 3), 128, np.uint8))
    folder = saved(tmp_path, segmented(grey, [track(grey, "a", slice(0, 12), 1.0)]), grey)

    with av.open(str(folder / "overlay.mp4")) as file:
        shown = next(file.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    red, green, _ = shown[2:10, 4:28].reshape(-1, 3).mean(axis=0)
    assert green < 100 < red
    assert abs(shown[18:, 4:28] - 128).max() < 12


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 24, 33), (3, 1, 1), (2, 16, 16), (2, 1, 50), (3, 51, 17)])
def test_odd_and_tiny_pictures_are_written(tmp_path: Path, frames: int, height: int, width: int) -> None:
    video = noise(frames, height, width)
    folder = saved(tmp_path, segmented(video, [track(video, "a", slice(0, 1), 1.0)]), video)

    assert len(overlay_times(folder)) == frames
    with Image.open(folder / "masks" / "00000.png") as image:
        assert np.array(image)[0].tolist() == [1] * width


def test_times_need_not_begin_at_zero(tmp_path: Path) -> None:
    video = noise(5, start=90.0)
    folder = saved(tmp_path, overlapping(video), video)

    assert overlay_times(folder) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-3)
    assert load_result(folder).video.times[0] == 90.0


def test_nothing_found_still_leaves_every_part(tmp_path: Path) -> None:
    video = noise()
    folder = saved(tmp_path, segmented(video), video)

    assert len(overlay_times(folder)) == 5
    with Image.open(folder / "masks" / "00004.png") as image:
        assert not np.array(image).any()


def test_the_video_is_passed_once_and_progress_is_told(tmp_path: Path) -> None:
    class Counted(ArrayVideo):
        reads = 0

        def frame(self, index: int) -> Frame:
            self.reads += 1
            return super().frame(index)

    video = Counted(np.zeros((6, 16, 16, 3), np.uint8))
    result = overlapping(video)
    told: list[tuple[int, int]] = []
    with RunFolder.open(tmp_path, run_of(result)) as folder:
        folder.save(result, video, lambda done, total: told.append((done, total)))

    assert video.reads == 6
    assert told == [(done, 6) for done in range(1, 7)]


def test_the_same_run_again_finds_the_kept_result_and_writes_nothing(tmp_path: Path) -> None:
    video = noise()
    result = overlapping(video)
    folder = saved(tmp_path, result, video)
    (folder / atomic.LOCK).unlink()
    before = contents(folder)

    with RunFolder.open(folder, run_of(result, command="alref run elsewhere.mp4", input="elsewhere.mp4")) as again:
        assert again.finished
        assert again.load().model_dump_json() == result.model_dump_json()
    assert contents(folder) == before
    assert not (folder / atomic.LOCK).exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"config": {"propagator": {"use": "label-propagation"}}}, "propagator.use: sam2 there, label-propagation here"),
        ({"config": {"propagator": {"use": "sam2"}}}, "propagator.size: 3 there, nothing here"),
        ({"fingerprint": "f00dcafe99", "input": "cat.mp4"}, r"the video: clip.mp4 \(\w{8}\) there, cat.mp4 \(f00dcafe\) here"),
        ({"versions": {"alref": "2.0"}}, r"versions.alref: 1.2.3 there, 2.0 here"),
        ({"references": (Reference(id="a", text="the cat"),)}, "references.0.text: the dog, 犬 <b> there, the cat here"),
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

    with pytest.raises(OutputError, match=f"holds another run .*{said}.*--out.*--force") as caught:
        RunFolder.open(tmp_path, run_of(result, **changes))
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_many_differences_are_cut_short(tmp_path: Path) -> None:
    result = overlapping(noise())
    RunFolder.open(tmp_path, run_of(result)).close()

    with pytest.raises(OutputError, match="and 28 more") as caught:
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
        folder.save(result, shorter)
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

    with pytest.raises(OutputError, match=f"holds files that are no run .{name}.; choose another folder with --out"):
        RunFolder.open(tmp_path, run_of(overlapping(noise())), force=force)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"precious"}


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize(
    "text",
    [b"", b"just words", b"- a\n- list", b"{", b"\xff\xfe\x00", b"when: 2001-99-99", b"input: a\n", b"!!python/object:os.x {}"],
)
def test_a_damaged_or_foreign_run_file_is_one_clear_error_and_not_touched(tmp_path: Path, text: bytes, force: bool) -> None:
    (tmp_path / "run.yaml").write_bytes(text)

    with pytest.raises(OutputError, match=r"run\.yaml: cannot be read as a run .*choose another folder with --out") as caught:
        RunFolder.open(tmp_path, run_of(overlapping(noise())), force=force)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == {"run.yaml": text}


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"format": 2}', b'{"format": 1, "tracks": 3}', b"\xff\xfe"])
def test_a_damaged_or_foreign_result_is_one_clear_error(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "result.json").write_bytes(text)

    with pytest.raises(InputError, match=r"result\.json: cannot be read as a result \(.+\); remove the file") as caught:
        load_result(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_folder_without_a_result_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; expected the folder of a finished run"):
        load_result(tmp_path / "nowhere")


def test_hidden_files_do_not_make_a_folder_full(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_bytes(b"")

    RunFolder.open(tmp_path, run_of(overlapping(noise()))).close()
    assert (tmp_path / "run.yaml").exists()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_way_is_one_clear_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="Not a directory"):
        RunFolder.open(tmp_path / place, run_of(overlapping(noise())))


def test_a_folder_in_the_place_of_a_part_is_one_clear_error(tmp_path: Path) -> None:
    video = noise(1)
    result = overlapping(video)
    (tmp_path / "result.json").mkdir()
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run_of(result).model_dump(mode="json")))

    with (
        RunFolder.open(tmp_path, run_of(result)) as folder,
        pytest.raises(OutputError, match=r"result\.json: cannot be written: Is a directory; choose another folder"),
    ):
        folder.save(result, video)


def test_outputs_of_stages_have_a_place_in_the_folder(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, run_of(overlapping(noise(1)))) as folder:
        assert folder.stages == tmp_path / "stages"


def test_a_folder_in_use_is_refused_until_it_is_closed(tmp_path: Path) -> None:
    run = run_of(overlapping(noise()))
    with RunFolder.open(tmp_path, run), pytest.raises(OutputError, match="another run is writing here"):
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
    assert kept["references"][1] == {"id": "b", "text": "a unicorn", "sound": False, "box": None, "mask": None, "frame": 0}


def test_a_run_with_a_given_box_and_mask_is_the_same_run_again(tmp_path: Path) -> None:
    result = overlapping(noise())
    mask: Mask = np.zeros((24, 33), np.bool_)
    mask[3:5, 4:9] = True
    references = (Reference(id="a", box=[0.1, 1, 2.5, 3]), Reference(id="b", mask=mask))
    run = run_of(result, references=references, config={"small": 1e-7, "path": Path("x"), "pair": (1, 2), "none": None})
    RunFolder.open(tmp_path, run).close()

    RunFolder.open(tmp_path, run).close()
    with pytest.raises(OutputError, match=r"references\.1\.mask\.counts"):
        RunFolder.open(tmp_path, run_of(result, references=(references[0], Reference(id="b", mask=~mask)), config=run.config))


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
            with pytest.raises(OutputError, match=r"cannot be written.*No space left on device.*free some space"):
                broken.save(result, video)
        assert not broken.finished
        assert "result.json" not in contents(folder)
        assert contents(folder).items() <= whole.items()

    assert contents(saved(folder, result, video)) == whole


def _fail_at(patch: pytest.MonkeyPatch, failing: int) -> None:
    """Let the ``failing``-th file that gets its final name find the disk full."""
    replace, count = Path.replace, iter(range(1000))

    def full(self: Path, target: Path) -> Path:
        if next(count) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    patch.setattr(Path, "replace", full)


def test_an_interrupted_save_can_be_completed(tmp_path: Path) -> None:
    video = aligned()
    result = overlapping(video)
    whole = contents(saved(tmp_path / "whole", result, video))

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), RunFolder.open(tmp_path / "cut", run_of(result)) as folder:
        folder.save(result, video, interrupt)
    assert sorted(contents(tmp_path / "cut")) == ["masks/00000.png", "masks/00001.png", "run.yaml"]
    assert contents(saved(tmp_path / "cut", result, video)) == whole


KILLED = """
import os, sys
from pathlib import Path
from alref.result import Result
from alref.runfolder import Run, RunFolder
from alref.testing import ArrayVideo
import numpy as np

folder, result, run, frames, last = sys.argv[1:]
count = iter(range(1000))

def replace(self, target):
    if next(count) == int(last):
        os.kill(os.getpid(), 9)
    os.replace(self, target)

Path.replace = replace
with RunFolder.open(Path(folder), Run.model_validate_json(Path(run).read_text())) as opened:
    opened.save(Result.model_validate_json(Path(result).read_text()), ArrayVideo(np.load(frames)))
"""


@pytest.mark.parametrize("last", [0, 2, 4, 6])
def test_a_killed_run_is_completed_and_leaves_no_trace(tmp_path: Path, last: int) -> None:
    video = aligned()
    result = overlapping(video)
    whole = contents(saved(tmp_path / "whole", result, video))
    (tmp_path / "result").write_text(result.model_dump_json())
    (tmp_path / "run").write_text(run_of(result).model_dump_json())
    np.save(tmp_path / "frames.npy", np.stack([frame for _, frame in video.frames()]))

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
        folder.save(result, video)
        (tmp_path / missing).unlink()
        assert not folder.finished


def test_the_committed_schema_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "docs" / "make_schema.py"))

    fresh = "run: python docs/make_schema.py > docs/result.schema.json"
    assert (ROOT / "docs" / "result.schema.json").read_text() == capsys.readouterr().out, fresh


def test_a_result_file_fits_the_schema(tmp_path: Path) -> None:
    video = noise()
    folder = saved(tmp_path, overlapping(video), video)
    schema = json.loads((ROOT / "docs" / "result.schema.json").read_text())
    kept = json.loads((folder / "result.json").read_text())

    jsonschema.validate(kept, schema)
    with pytest.raises(jsonschema.ValidationError, match="'lost' is not one of"):
        jsonschema.validate({**kept, "verdicts": [{**kept["verdicts"][0], "finding": "lost"}]}, schema)


def test_the_page_describes_every_file_and_field() -> None:
    page = (ROOT / "docs" / "run-folder.md").read_text()
    schema = json.loads((ROOT / "docs" / "result.schema.json").read_text())
    fields = {*schema["properties"], *Run.model_fields}
    for record in schema["$defs"].values():
        fields.update(record["properties"])

    assert [name for name in sorted(fields) if f"`{name}`" not in page] == []
    assert [name for name in [*PARTS, "stages"] if f"| `{name}" not in page] == []
