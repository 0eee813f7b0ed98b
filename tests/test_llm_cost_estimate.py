"""What questions will take: an estimate is never below what is then asked, and no model is asked for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alref.llm.cost_estimate import IMAGE_TOKENS, estimate_usage
from alref.records import Candidates, PivotFrame
from alref.testing import SQUARE, make_moving_square
from alref_openai import GPT4
from alref_transformers import Transformers
from support.scripted_llm import ScriptedChat

VIDEO, _ = make_moving_square(frames=120)
SHAPES: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "frames apart": {"layout": "frames", "frames": 4},
    "as published": {"prompts": "paper", "sampler": "paper", "layout": "paper"},
    "in words": {"vision": False, "prompts": "direct"},
}


@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
def test_no_more_is_asked_than_was_expected(options: dict[str, Any], tmp_path: Path) -> None:
    unsure = [json.dumps({"frame": 1, "finding": "absent", "why": "not seen"})]
    reasoner = ScriptedChat.saying(unsure, tmp_path / "answers.sqlite", **options)
    most = estimate_usage(reasoner, "frame_text", len(VIDEO))
    assert reasoner.questions == []
    reasoner.pick_frames(VIDEO, [SQUARE])
    assert 0 < len(reasoner.questions) <= most.questions
    pictures = sum(len(question.images) for question in reasoner.questions)
    assert pictures * IMAGE_TOKENS["high"] < most.prompt_tokens
    reasoner.close()


def test_published_sampling_asks_for_each_fifty_frames(tmp_path: Path) -> None:
    reasoner = ScriptedChat.saying(["[1]"], tmp_path / "answers.sqlite", sampler="paper", prompts="paper")
    assert [estimate_usage(reasoner, "frame_text", frames).questions for frames in (1, 50, 120, 1000)] == [1, 1, 3, 20]
    assert estimate_usage(reasoner, "frame_sound", 1000).questions == 1


def test_a_box_is_one_question(tmp_path: Path) -> None:
    reasoner = ScriptedChat.saying(["[1]"], tmp_path / "answers.sqlite")
    boxes = np.array([[1, 1, 9, 9], [4, 4, 20, 20]], np.float32)
    reasoner.pick_boxes(VIDEO, [Candidates(pivot=PivotFrame(phrase=SQUARE, frame=3), xyxy=boxes, scores=[0.9, 0.5])])
    assert len(reasoner.questions) == estimate_usage(reasoner, "box", len(VIDEO)).questions == 1
    reasoner.close()


def test_dollars_are_of_the_price_list_of_the_options_or_none() -> None:
    own = GPT4(GPT4.Options(input_price=10, output_price=30))
    taken = estimate_usage(own, "box", 9)
    assert taken.uncached_cost == pytest.approx((10 * taken.prompt_tokens + 30 * taken.completion_tokens) / 1e6)
    assert (estimate_usage(GPT4(GPT4.Options()), "box", 9).uncached_cost or 0) > 0
    assert estimate_usage(GPT4(GPT4.Options(model="nobodys-model")), "box", 9).uncached_cost is None
    assert estimate_usage(Transformers(Transformers.Options()), "box", 9).uncached_cost == 0
