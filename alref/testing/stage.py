"""What every component promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from alref.arrays import Mask
from alref.records import Phrase, PivotBox, PivotFrame
from alref.stages import Stage
from alref.testing.videos import moving_square
from alref.video import Video

SQUARE = Phrase(reference="1", text="the red square", category="square")


def square_box(truth: Mask, frame: int = 0, phrase: Phrase = SQUARE) -> PivotBox:
    """Return the pivot box around the true square of one frame."""
    return PivotBox(pivot=PivotFrame(phrase=phrase, frame=frame), xyxy=around(truth[frame]), score=1.0)


def around(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the box float32 (4,) ``xyxy`` around a mask."""
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)


class StageContract:
    """What every component promises. Override ``component``; override ``video`` where it cannot see a moving square."""

    def component(self) -> Stage:
        """Return the component to test, made anew."""
        raise NotImplementedError("return the component to test")

    @contextmanager
    def at_work(self) -> Iterator[Any]:
        """Give the component, loaded, and close it at the end."""
        component = self.component()
        component.load()
        try:
            yield component
        finally:
            component.close()

    def video(self) -> tuple[Video, Mask]:
        """Return a video and the true masks bool (T, H, W) of SQUARE in it."""
        return moving_square()

    def test_has_a_name_people_can_type(self) -> None:
        assert self.component().name == self.component().name.strip().lower()

    def test_explains_itself_and_every_option(self) -> None:
        assert (type(self.component()).__doc__ or "").strip()
        undescribed = [name for name, field in self.component().Options.model_fields.items() if not field.description]
        assert undescribed == []

    def test_options_survive_json(self) -> None:
        options = self.component().options
        assert type(options).model_validate(json.loads(options.model_dump_json())) == options

    def test_has_no_problem_where_it_is_tested(self) -> None:
        assert self.component().problems() == []

    def test_loads_and_closes_more_than_once(self) -> None:
        component = self.component()
        for _ in range(2):
            component.load()
            component.close()
