"""The published rules ask exactly the questions whose answers were published, and decide what the files say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from alref.llm import question_builder
from alref.llm.contact_sheet import ContactSheet
from alref.llm.messages import Question
from alref.llm.published_answers import FRAMES_FILE, import_published_answers
from alref.records import Candidates, Phrase
from alref.testing import make_moving_square
from support.scripted_llm import ScriptedChat

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / ".." / "shared" / "reference_run" / "gpt_results"
COUNTS = {"s4": (740, 280), "ms3": (64, 46), "avss": (1554, 910), "v2_binary": (750, 520)}
"""Published first and second answers."""
BOXES, SCORES = np.array([[8 * place, 2, 8 * place + 20, 20] for place in range(3)]), np.ones(3)


class PerClip(ScriptedChat):
    """Is another model for each clip, so that no answer is taken for that of another clip."""

    clip = ""

    def get_model_id(self) -> str:
        return self.clip


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published answers are not here")
@pytest.mark.parametrize("name", COUNTS)
def test_each_published_answer_is_asked_for_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for drawn in ("build_frame_sheet", "build_box_sheet"):
        monkeypatch.setattr(question_builder, drawn, lambda *_: ContactSheet((), "frames of a video"))
    published = import_published_answers(PUBLISHED / name).clips
    said = json.loads((PUBLISHED / name / FRAMES_FILE).read_text(encoding="utf-8"))
    video, _ = make_moving_square(frames=10, size=(32, 48), side=8)
    answers: list[str] = []
    asked = {"frame": 0, "box": 0}

    def answer(question: Question) -> str:
        asked["box" if "box" in question.messages[0].text else "frame"] += 1
        return answers.pop(0)

    rules = {"prompts": "paper", "sampler": "paper", "unreadable": "paper", "one_source": name == "s4"}
    chat = PerClip.saying(answer, tmp_path / "answers.sqlite", concurrency=1, **rules)
    for clip, choices in published.items():
        chat.clip = clip
        answers.append(said[clip])
        pivots = chat.pick_frames(video, [Phrase(reference="1", text="a tag", sound=True)])
        found = [(pivot.phrase.text, pivot.frame) for pivot in pivots if pivot.frame is not None]
        assert found == [(choice.label, choice.frame) for choice in choices]
        candidates = [
            Candidates(pivot=pivot, xyxy=BOXES[: 3 if choice.box else 1], scores=SCORES[: 3 if choice.box else 1])
            for pivot, choice in zip(pivots, choices, strict=False)
        ]
        answers += [f"[{choice.box}]" for choice in choices if choice.box]
        boxes = chat.pick_boxes(video, candidates)
        for box, choice, each in zip(boxes, choices, candidates, strict=True):
            assert box.xyxy is not None
            assert (box.xyxy == each.xyxy[(choice.box or 1) - 1]).all()
    assert tuple(asked.values()) == COUNTS[name]


def test_the_page_counts_the_published_questions() -> None:
    page = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8")
    rows = {preset: int(count.replace(",", "")) for preset, count in re.findall(r"--preset (paper-\w+).*?\| ([\d,]+) \|", page)}
    names = {"s4": "paper-s4", "ms3": "paper-ms3", "avss": "paper-avss", "v2_binary": "paper-v2"}
    assert {name: rows[preset] for name, preset in names.items()} == {name: sum(each) for name, each in COUNTS.items()}
