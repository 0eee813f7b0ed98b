"""What questions will take: an estimate is never below what is then asked, and no model is asked for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alref.llm.cost_estimate import IMAGE_TOKENS, estimate_review, estimate_selection, estimate_usage
from alref.llm.messages import Question
from alref.records import Candidates, Concept, Phrase, PivotFrame
from alref.testing import SQUARE, make_moving_square
from alref_openai import GPT4
from alref_transformers import Transformers
from support.object_tracks import make_candidates, make_track, read_task
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


@pytest.mark.parametrize(
    "options", [{}, {"votes": 3}, {"appearance": True, "max_tracks": 4}, {"layout": "frames"}, {"vision": False}]
)
def test_no_more_is_asked_about_tracks_than_was_expected(options: dict[str, Any], tmp_path: Path) -> None:
    def answer(question: Question) -> str:
        is_odd = sum(map(ord, str(question.image_digests))) % 2
        replies = {
            "concept": {"kind": "reasoning"},
            "concept_shown": {"noun": f"thing{len(question.messages[0].text)}"},
            "tracks": {"1": "accept" if is_odd else "reject", "2": "uncertain"},
            "synthesis": {"1": "uncertain", "2": "uncertain"},
            "audit": {"verdict": "present"},
            "appearance_needed": {"answer": "yes"},
            "appearance": {"description": "red"},
        }
        return json.dumps({"why": "", "noun": "", "broader": "", **replies[read_task(question)]})

    reasoner = ScriptedChat.saying(answer, tmp_path / "answers.sqlite", **options)
    most = estimate_selection(reasoner, 3, 3, True)
    phrase = Phrase(reference="1", text="the thing that turns")
    failed: list[Concept] = []
    for _ in range(3):
        failed += reasoner.name_concepts(VIDEO, [phrase], failed)
    for number in (1, 2, 3):
        tracks = [make_track(place, range(5 * place, 120), 120) for place in (1, 2)]
        reasoner.pick_tracks(VIDEO, [make_candidates(*tracks, phrase=phrase, round=number)])
    reasoner.audit_existence(VIDEO, [make_candidates(make_track(1, range(120), 120), phrase=phrase)])
    assert 8 <= len(reasoner.questions) <= most.questions
    words = sum(len(message.text) for question in reasoner.questions for message in question.messages)
    pictures = sum(len(question.images) for question in reasoner.questions)
    assert words / 4 + pictures * IMAGE_TOKENS["high"] < most.prompt_tokens


def test_a_review_is_one_question_one_for_each_round_and_one_about_behavior(tmp_path: Path) -> None:
    reasoner = ScriptedChat.saying(["?"], tmp_path / "answers.sqlite")
    assert [estimate_review(reasoner, rounds).questions for rounds in (1, 2)] == [3, 4]
    blind = ScriptedChat.saying(["?"], tmp_path / "answers.sqlite", vision=False)
    assert estimate_review(blind, 2).questions == 0


def test_dollars_are_of_the_price_list_of_the_options_or_none() -> None:
    own = GPT4(GPT4.Options(input_price=10, output_price=30))
    taken = estimate_usage(own, "box", 9)
    assert taken.uncached_cost == pytest.approx((10 * taken.prompt_tokens + 30 * taken.completion_tokens) / 1e6)
    assert (estimate_usage(GPT4(GPT4.Options()), "box", 9).uncached_cost or 0) > 0
    assert estimate_usage(GPT4(GPT4.Options(model="nobodys-model")), "box", 9).uncached_cost is None
    assert estimate_usage(Transformers(Transformers.Options()), "box", 9).uncached_cost == 0
