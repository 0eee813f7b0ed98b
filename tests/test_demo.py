from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from alref.cli import demo_clip, run_command
from alref.cli.demo import compute_jaccard
from alref.media.reader import open_video


def test_the_demo_finds_both_balls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["demo", "--out", str(tmp_path / "demo"), "--quiet"]) == 0
    scores = dict(re.findall(r"(the \w+ ball): J (\d\.\d+)", capsys.readouterr().out))
    assert scores.keys() == {"the red ball", "the blue ball"}
    assert min(float(score) for score in scores.values()) > 0.8
    assert (tmp_path / "demo" / "run" / "report.html").exists()


def test_the_clip_is_the_same_each_time_and_shows_the_balls_where_the_masks_are(tmp_path: Path) -> None:
    frames, masks = demo_clip.draw_frames(), demo_clip.compute_masks()
    assert (frames == demo_clip.draw_frames()).all()
    red, blue = masks["the red ball"], masks["the blue ball"]
    assert not (red & blue).any()
    assert frames[red][:, 0].mean() > 2 * frames[red][:, 2].mean()
    assert frames[blue][:, 2].mean() > 2 * frames[blue][:, 0].mean()
    video = open_video(demo_clip.write_clip(tmp_path / "clip.mp4"))
    assert (len(video), video.height, video.width) == frames.shape[:3]
    assert np.abs(video.read_frame(9).astype(int) - frames[9]).mean() < 4


def test_jaccard_is_the_mean_over_frames_and_one_where_both_are_empty() -> None:
    masks = np.zeros((3, 2, 2), np.bool_)
    truth = np.zeros((3, 2, 2), np.bool_)
    masks[0, 0], truth[0] = True, True
    truth[1, 0] = True
    assert compute_jaccard(masks, truth) == pytest.approx((0.5 + 0 + 1) / 3)
