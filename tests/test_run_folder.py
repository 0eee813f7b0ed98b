from __future__ import annotations

import json
from pathlib import Path

import av
import jsonschema
import numpy as np
import pytest
from PIL import Image

from alref.errors import InputError
from alref.media.video import Frame
from alref.output.run_folder import RunFolder, RunSpec, load_result
from alref.testing import ArrayVideo
from alref.utils import atomic
from support.saved_runs import PARTS, noise, overlapping, overlay_times, run_of, saved, segmented, track

ROOT = Path(__file__).parents[1]


def test_a_run_leaves_all_parts_and_is_finished(tmp_path: Path) -> None:
    video = noise()
    result = overlapping(video)
    with RunFolder.open(tmp_path / "new" / "out", run_of(result)) as folder:
        before = folder.finished
        folder.write_result(result, video)

    assert (before, folder.finished) == (False, True)
    assert sorted({path.name for path in folder.path.iterdir()} - {atomic.LOCK_FILE}) == PARTS
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
    assert "1 to 255" in (folder / "report.html").read_text()
    assert len(load_result(folder).tracks) == 256


def test_the_overlay_shows_objects_and_leaves_the_ground_alone(tmp_path: Path) -> None:
    gray = ArrayVideo(np.full((4, 32, 32, 3), 128, np.uint8))
    folder = saved(tmp_path, segmented(gray, [track(gray, "a", slice(0, 12), 1.0)]), gray)

    with av.open(str(folder / "overlay.mp4")) as file:
        shown = next(file.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    red, _, blue = shown[2:10, 4:28].reshape(-1, 3).mean(axis=0)
    assert red < 110 < blue
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

        def read_frame(self, index: int) -> Frame:
            self.reads += 1
            return super().read_frame(index)

    video = Counted(np.zeros((6, 16, 16, 3), np.uint8))
    result = overlapping(video)
    told: list[tuple[int, int]] = []
    with RunFolder.open(tmp_path, run_of(result)) as folder:
        folder.write_result(result, video, lambda done, total: told.append((done, total)))

    assert video.reads == 6
    assert told == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"format": 2}', b'{"format": 1, "tracks": 3}', b"\xff\xfe"])
def test_a_damaged_or_foreign_result_is_one_clear_error(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "result.json").write_bytes(text)

    with pytest.raises(InputError, match=r"result\.json: ") as caught:
        load_result(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_folder_without_a_result_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_result(tmp_path / "nowhere")


def test_a_result_file_fits_the_schema(tmp_path: Path) -> None:
    video = noise()
    folder = saved(tmp_path, overlapping(video), video)
    schema = json.loads((ROOT / "docs" / "result.schema.json").read_text())
    kept = json.loads((folder / "result.json").read_text())

    jsonschema.validate(kept, schema)
    with pytest.raises(jsonschema.ValidationError, match="'lost'"):
        jsonschema.validate({**kept, "verdicts": [{**kept["verdicts"][0], "finding": "lost"}]}, schema)


def test_the_page_describes_every_file_and_field() -> None:
    page = (ROOT / "docs" / "run-folder.md").read_text()
    schema = json.loads((ROOT / "docs" / "result.schema.json").read_text())
    fields = {*schema["properties"], *RunSpec.model_fields}
    for record in schema["$defs"].values():
        fields.update(record["properties"])

    assert [name for name in sorted(fields) if f"`{name}`" not in page] == []
    assert [name for name in [*PARTS, "stages"] if f"| `{name}" not in page] == []


@pytest.mark.parametrize(
    "change",
    [
        {"counts": "0"},
        {"counts": "zzz~~|"},
        {"size": [24, 32]},
        {"size": [-24, 33]},
        {"size": [0, 0]},
        {"size": [10**6, 10**6]},
    ],
)
def test_damaged_masks_of_a_result_are_one_clear_error(tmp_path: Path, change: dict[str, object]) -> None:
    video = noise()
    data = segmented(video, [track(video, "a", slice(3, 9), 0.5)]).model_dump(mode="json")
    data["tracks"][0]["rles"][2].update(change)
    (tmp_path / "result.json").write_text(json.dumps(data))
    with pytest.raises(InputError):
        load_result(tmp_path).masks("a")
