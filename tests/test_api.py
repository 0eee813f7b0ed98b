from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alref
from alref.errors import ConfigError, InputError
from alref.testing import make_moving_square, make_square_box, write_frames


def given(frame: int = 0) -> alref.Reference:
    _, truth = make_moving_square()
    return alref.Reference(id="square", box=make_square_box(truth, frame).xyxy, frame=frame)


def overlap(masks: np.ndarray, truth: np.ndarray) -> float:
    return float(((masks & truth).sum((1, 2)) / (masks | truth).sum((1, 2))).mean())


def test_three_lines_segment_a_moving_square_from_a_box() -> None:
    video, truth = make_moving_square()
    result = alref.segment(video, given())
    assert result.masks().shape == truth.shape
    assert overlap(result.masks(), truth) > 0.8


def test_words_find_the_moving_square() -> None:
    video, truth = make_moving_square()
    assert overlap(alref.segment(video, "the red square").masks(), truth) > 0.6


def test_a_folder_of_pictures_and_settings(tmp_path: Path) -> None:
    folder = write_frames(make_moving_square()[0], tmp_path / "clip")
    result = alref.segment(folder, given(), video={"every": 2})
    assert result.masks("square").shape == (4, 96, 128)
    assert result.video.path == folder


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ConfigError, match="'label-propagation'"):
        alref.segment("clip.mp4", "the dog", propagator="label-propagatio")
    with pytest.raises(InputError, match=r"clip\.mp4"):
        alref.segment("clip.mp4", "the dog")
    with pytest.raises(InputError):
        alref.segment(make_moving_square()[0])


def test_public_names_are_there_and_others_are_not() -> None:
    assert all(getattr(alref, name) for name in alref.__all__)
    assert alref.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="'segmnt'"):
        _ = alref.segmnt
