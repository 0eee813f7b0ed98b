"""Short ways to ask a local model."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from alref.llm.messages import Answer, Message, Question
from alref.llm.prompt_templates import build_answer_schema
from alref_transformers import Transformers, TransformersOptions

BOX = build_answer_schema("box", range(1, 4))
WORDS = ("Which box?", "In which of the boxes is the dog that jumps over the red fence?", "Box")


def component(folder: Path | str, device: str = "auto", **given: Any) -> Transformers:
    return Transformers(TransformersOptions(model=str(folder), **{"max_tokens": 24, **given}), device)


def loaded(folder: Path | str, **given: Any) -> Transformers:
    reasoner = component(folder, **given)
    reasoner.load()
    return reasoner


def blind(folder: Path | str, **given: Any) -> Transformers:
    return loaded(folder, vision=False, **given)


def picture(seed: int) -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 60, 3), np.uint8)).save(written, "PNG")
    return written.getvalue()


def question(words: str = WORDS[0], pictures: int = 0, wanted: dict[str, Any] | None = BOX) -> Question:
    shown = tuple(picture(seed) for seed in range(pictures))
    return Question(messages=(Message(text=words),), images=shown, answer_schema=wanted)


def said(answer: Answer) -> tuple[str, str, int, int]:
    return answer.text, answer.finish_reason, answer.prompt_tokens, answer.completion_tokens
