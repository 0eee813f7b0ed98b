"""Layout ``paper`` beside what matplotlib draws: kept drawings, and where matplotlib is installed, drawings of now."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from alref.llm.contact_sheet import ContactSheetStyle, build_box_sheet
from alref.llm.paper_sheet import draw_paper_sheet
from alref.media.video import Frame
from support.paper_sheets import CHOSEN, GOLDEN, SETTINGS, Setting, draw_with_matplotlib, make_boxes, make_frames


def check_equal(setting: Setting, expected: Frame) -> None:
    """Compare pixel by pixel: all but the shape of the digits and the smoothing of edges."""
    drawn = draw_paper_sheet(make_frames(setting), setting.vertical, CHOSEN, make_boxes(setting))
    assert drawn.shape == expected.shape
    wrong = np.abs(drawn.astype(int) - expected).max(axis=2)
    assert wrong.mean() < 1.5
    assert (wrong > 40).mean() < 2e-3
    assert (wrong > 120).mean() < 3e-4


@pytest.mark.parametrize("name", SETTINGS)
def test_the_sheet_is_that_of_the_published_system(name: str) -> None:
    with np.load(GOLDEN) as kept:
        check_equal(SETTINGS[name], kept[name])


@pytest.mark.parametrize("name", SETTINGS)
def test_the_sheet_is_what_matplotlib_draws(name: str) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    check_equal(SETTINGS[name], draw_with_matplotlib(SETTINGS[name]))


def test_other_badges_would_show() -> None:
    setting = SETTINGS["expressions"]
    with np.load(GOLDEN) as kept, pytest.raises(AssertionError):
        check_equal(setting._replace(vertical=False, count=5), kept["expressions"])
    with np.load(GOLDEN) as kept:
        moved = np.roll(kept["expressions"], 1, axis=0)
    with pytest.raises(AssertionError):
        check_equal(setting, moved)


def test_the_file_has_the_quality_of_matplotlib() -> None:
    setting = SETTINGS["s4"]
    frames, boxes = make_frames(setting), make_boxes(setting)
    (data,) = build_box_sheet(frames, CHOSEN, boxes, ContactSheetStyle("paper")).images
    saved = BytesIO()
    Image.fromarray(draw_paper_sheet(frames, False, CHOSEN, boxes)).save(saved, "JPEG")
    ours, theirs = (Image.open(BytesIO(each)) for each in (data, saved.getvalue()))
    assert ours.quantization == theirs.quantization  # type: ignore[attr-defined]
