"""A grid of scripted components over the squares, and what came of it: what the tests of ablations share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import Field

from alref.cli import run_command
from alref.components.base import Propagator, Reasoner, StageOptions
from alref.errors import Problem
from alref.llm.messages import Answer, QuestionEvent
from alref.media.video import Video
from alref.plugins import manager as plugins_module
from alref.records import Candidates, FrameMasks, Phrase, PivotBox, PivotFrame
from support.scripted import Script, announcing, pick_boxes, pick_frames, propagate
from support.scripted_dataset import squares

SCRIPTED = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "scripted")
DATA = {"dataset": "squares", "root": "data"}
QUIET = ["ablate", "grid.yaml", "--out", "out", "--quiet"]
PLANNED = ["ablate", "grid.yaml", "--out", "out", "--plan", "--json"]


class Other(Reasoner):
    """Picks the frame that it is told, and says what it is told; each frame costs a question."""

    name = "other"

    class Options(StageOptions):
        frame: int = 1
        words: str = ""
        box: int = 0
        cost: float | None = 0.0

    options: Options

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        CALLS["pick_frames"] += 1
        answer = Answer(text="1", model="tiny", prompt_tokens=90, completion_tokens=10, cost=self.options.cost)
        self.notify("question_answered", QuestionEvent(
            key="k", stage="temporal", component="other", phrase="x", messages=(), answer=answer, parsed=None, source="model"
        ))  # fmt: skip
        changed = {"frame": self.options.frame, "why": self.options.words}
        return [each.model_copy(update=changed) for each in pick_frames(video, phrases)]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        CALLS["pick_boxes"] += 1
        boxes = [each.xyxy[self.options.box] for each in candidates]
        return [box.model_copy(update={"xyxy": xyxy}) for box, xyxy in zip(pick_boxes(video, candidates), boxes, strict=True)]


class Grown(Propagator):
    """Fills the box grown by some pixels below; it may lack what it needs."""

    name = "grown"

    class Options(StageOptions):
        by: int = Field(0, description="pixels")
        missing: bool = False

    options: Options

    def problems(self) -> list[Problem]:
        return [Problem(message="needs grease", hint="pip install grease")] if self.options.missing else []

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        CALLS["propagate"] += 1
        for each in propagate(video, boxes):
            masks = np.zeros_like(each.masks)
            for place, mask in enumerate(each.masks):
                rows, columns = np.nonzero(mask)
                masks[place, rows.min() : rows.max() + 1 + self.options.by, columns.min() : columns.max() + 1] = True
            yield each.model_copy(update={"masks": masks})


CALLS: Counter[str] = Counter()
GROWN = {"propagator": {"use": "grown", "by": 2}}


def prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    """Put scripted components and the squares in place of what is installed, in a folder with the data set."""
    made = Script()
    others = announcing("others", reasoners=[Other], propagators=[Grown])
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*made.entries, others, squares()])
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    CALLS.clear()
    return made


def ablate(*flags: str, **grid: Any) -> int:
    """Write a grid and run it."""
    whole = {"base": SCRIPTED, **({} if "videos" in grid else {"data": DATA}), **grid}
    Path("grid.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    return run_command([*QUIET, *flags])


def done(folder: str = "out") -> dict[str, Any]:
    """Return the summary."""
    return dict(json.loads(Path(folder, "ablation.json").read_text()))


def by_name(folder: str = "out") -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in done(folder)["rows"]}
