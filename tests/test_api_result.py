"""Results, detections and videos as a user of the library has them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import alref
from alref.output.run_folder import MASKS_FOLDER, OVERLAY_FILE, REPORT_FILE, RESULT_FILE
from alref.testing import make_moving_square, make_square_box, write_frames

VIDEO, TRUTH = make_moving_square()


@pytest.fixture(scope="module")
def result() -> alref.Result:
    prompts = (alref.Prompt(box=make_square_box(TRUTH).xyxy),)
    texts = {"square": "the red square", "the same": "the same"}
    return alref.segment(VIDEO, *(alref.Reference(id=name, text=text, prompts=prompts) for name, text in texts.items()))


class TestResult:
    def test_it_is_shown_in_one_line(self, result: alref.Result) -> None:
        for text in (repr(result), str(result)):
            assert len(text.splitlines()) == 1
            assert len(text) < 200
            assert "8 frames" in text
            assert "the red square" in text
            assert "found" in text
        assert len(repr(result.tracks[0])) < 100

    def test_many_references_are_cut_short(self, result: alref.Result) -> None:
        many = [alref.Reference(id=str(number), text="a\n" * 900) for number in range(30)]
        verdicts = [alref.Verdict(reference=each.id, finding="found", why="") for each in many]
        long = result.model_copy(update={"references": tuple(many), "verdicts": tuple(verdicts)})
        assert len(repr(long)) < 500
        assert len(repr(long).splitlines()) == 1

    def test_a_reference_is_named_by_index_id_or_text(self, result: alref.Result) -> None:
        for name in (0, -2, np.int64(0), "square", "the red square", None):
            assert (result.masks(name) == result.masks("square")).all()
        assert result.verdict(1).reference == "the same"
        assert len(result.rles(1)) == len(result.get_tracks(1)) == 1
        for wrong in (2, -3, 1.5, "the red squar"):
            with pytest.raises(alref.InputError, match="reference"):
                result.masks(wrong)  # type: ignore[arg-type]

    def test_it_is_saved_and_loaded(self, result: alref.Result, tmp_path: Path) -> None:
        result.save(tmp_path / "run")
        assert len(list((tmp_path / "run" / MASKS_FOLDER).glob("*.png"))) == 8
        assert not (tmp_path / "run" / OVERLAY_FILE).exists()
        assert alref.load_result(tmp_path / "run").model_dump_json() == result.model_dump_json()

    def test_a_video_adds_the_overlay_and_the_report(self, result: alref.Result, tmp_path: Path) -> None:
        for video in (None, VIDEO, VIDEO):  # the same run may be written again
            result.save(str(tmp_path / "run"), video)
        assert all((tmp_path / "run" / name).exists() for name in (RESULT_FILE, MASKS_FOLDER, OVERLAY_FILE, REPORT_FILE))
        assert alref.load_result(str(tmp_path / "run")).model_dump_json() == result.model_dump_json()
        with pytest.raises(alref.InputError, match="video"):
            result.save(tmp_path / "other", make_moving_square(frames=3)[0])

    def test_what_a_folder_holds_is_not_replaced(self, result: alref.Result, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("mine")
        with pytest.raises(alref.OutputError) as caught:
            result.save(tmp_path)
        assert "--out" not in str(caught.value)
        result.save(tmp_path / "run")
        other = result.model_copy(update={"references": result.references[:1]})
        with pytest.raises(alref.OutputError) as caught:
            other.save(tmp_path / "run")
        assert caught.value.code == "folder-of-another-job"
        assert "--" not in str(caught.value)
        assert alref.load_result(tmp_path / "run").model_dump_json() == result.model_dump_json()

    def test_a_result_read_in_a_fresh_process_can_be_saved(self, result: alref.Result, tmp_path: Path) -> None:
        (tmp_path / "result.json").write_text(result.model_dump_json())
        program = "import alref, pathlib; alref.Result.model_validate_json(pathlib.Path('result.json').read_text()).save('run')"
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
        assert alref.load_result(tmp_path / "run").model_dump_json() == result.model_dump_json()


class TestDetections:
    def test_it_says_what_to_install(self, result: alref.Result, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "supervision", None)
        with pytest.raises(alref.MissingError, match="pip install supervision"):
            result.detections(0)

    def test_objects_are_detections(self, result: alref.Result) -> None:
        supervision = pytest.importorskip("supervision")
        found = result.detections(2)
        assert isinstance(found, supervision.Detections)
        assert found.xyxy == pytest.approx(np.stack([make_square_box(TRUTH, 2).xyxy] * 2), abs=4)
        assert (found.mask == np.stack([result.masks(0)[2], result.masks(1)[2]])).all()
        assert found.confidence == pytest.approx([track.scores[2] for track in result.tracks])
        assert found.class_id.tolist() == found.tracker_id.tolist() == [0, 1]
        assert found.data["class_name"].tolist() == ["the red square", "the same"]
        assert found.data["reference"].tolist() == ["square", "the same"]
        (mask,) = result.detections(2, "the same").mask
        assert (mask == result.masks(1)[2]).all()
        assert supervision.MaskAnnotator().annotate(VIDEO[2].copy(), found).shape == VIDEO[2].shape
        for wrong in (-1, 8):
            with pytest.raises(alref.InputError, match="frame"):
                result.detections(wrong)

    def test_nothing_seen_is_no_detection(self, result: alref.Result) -> None:
        pytest.importorskip("supervision")
        assert len(result.model_copy(update={"tracks": ()}).detections(0)) == 0


class TestVideo:
    def test_it_is_indexed_and_iterated(self, tmp_path: Path) -> None:
        for video in (VIDEO, alref.open_video(write_frames(VIDEO, tmp_path / "clip"))):
            frames = list(video)
            assert len(frames) == len(video) == 8
            assert (video[0] == frames[0]).all()
            assert (video[-1] == video.read_frame(7)).all()
            for wrong in (8, -9):
                with pytest.raises(alref.InputError, match="frame"):
                    _ = video[wrong]

    def test_it_is_shown_in_one_line(self, tmp_path: Path) -> None:
        text = repr(alref.open_video(write_frames(VIDEO, tmp_path / "clip")))
        assert all(part in text for part in ("clip", "8 frames", "128 x 96"))
        assert len(text) < 100

    def test_open_video_takes_an_array(self) -> None:
        frames = np.stack(list(VIDEO))
        video = alref.open_video(frames, fps=5, every=4)
        assert isinstance(video, alref.Video)
        assert video.times == pytest.approx([0, 0.8])
        assert (video[1] == frames[4]).all()
        assert video.fingerprint != alref.open_video(frames, fps=5).fingerprint
        with pytest.raises(alref.InputError, match="audio_track"):
            alref.open_video(frames, audio_track=1)
