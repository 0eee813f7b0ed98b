from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alref.media.draw import build_palette
from alref.output.report import render_notebook_html
from alref.output.thumbnails import ObjectMasks, draw_masks, make_label_map, resize_longest_side, sample_evenly
from alref.records import VideoInfo
from alref.testing import write_frames
from support.report_reader import EVIL, Page, picture, scene


def test_a_notebook_shows_the_strip_from_the_video_itself(tmp_path: Path) -> None:
    video, result = scene()
    folder = write_frames(video, tmp_path / "clip")
    facts = result.video.model_copy(update={"path": folder})
    read = Page(render_notebook_html(result.model_copy(update={"video": facts, "config": {"video": {"fps": 10.0}}})))

    assert len(read.all("img")) == 3 * 8
    assert read.open == []
    assert abs(picture(read.all("img")[-1]) - resize_longest_side(video.read_frame(19), 208)).mean() < 5
    assert f"{EVIL} — found (fallback): seen on frame 4" in read.text
    assert "gray" not in read.text


@pytest.mark.parametrize("path", [None, Path("gone.mp4")])
def test_a_notebook_without_the_video_shows_masks_on_gray_and_says_why(path: Path | None) -> None:
    _, result = scene()
    read = Page(render_notebook_html(result.model_copy(update={"video": result.video.model_copy(update={"path": path})})))

    assert "masks are drawn on gray" in read.text
    shown = picture(read.all("img")[0])
    assert np.median(shown) == 96
    assert (shown[..., 2] - shown[..., 0]).max() > 40


def test_a_notebook_of_a_changed_video_does_not_show_its_frames(tmp_path: Path) -> None:
    video, result = scene()
    folder = write_frames(video, tmp_path / "clip")
    (folder / "00019.png").unlink()
    facts: VideoInfo = result.video.model_copy(update={"path": folder})

    assert "expected 20 frames, got 19; the file has changed" in render_notebook_html(
        result.model_copy(update={"video": facts})
    )


def test_result_draws_itself() -> None:
    assert "masks are drawn on gray" in scene()[1]._repr_html_()


def test_spread_takes_both_ends() -> None:
    assert sample_evenly(100, 4) == [0, 33, 66, 99]
    assert sample_evenly(3, 12) == [0, 1, 2]
    assert sample_evenly(1, 12) == [0]


def test_label_map_paints_later_masks_on_top() -> None:
    one, two = np.array([[1, 1, 0]], np.bool_), np.array([[0, 1, 0]], np.bool_)

    assert make_label_map({2: one, 1: two}, 1, 3).tolist() == [[2, 1, 0]]
    assert make_label_map({}, 1, 3).tolist() == [[0, 0, 0]]


def test_objects_seen_on_a_frame_come_with_their_numbers() -> None:
    objects = ObjectMasks(scene()[1].tracks)

    assert list(objects.decode_masks(0)) == [1]
    assert list(objects.decode_masks(15)) == [1, 2]
    assert list(objects.decode_masks(15, "b")) == [2]
    assert objects.decode_masks(15, "c") == {}


def test_tint_leaves_the_frame_alone() -> None:
    frame = np.full((20, 20, 3), 100, np.uint8)
    tinted = draw_masks(frame, {1: np.ones((40, 40), np.bool_)})

    assert (frame == 100).all()
    assert tinted[10, 10].tolist() == pytest.approx((100 + build_palette(1)[0].astype(int)) / 2, abs=2)
