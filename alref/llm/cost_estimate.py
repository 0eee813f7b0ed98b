"""What questions to a language model will take, before any is asked: rules of thumb, for plans and budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.llm import frame_sampling
from alref.llm.prompt_templates import Task, prompt
from alref.result import Usage

if TYPE_CHECKING:
    from alref.llm.options import ChatOptions
from alref.llm.reasoner import ChatReasoner

PICTURE = {"low": 85, "high": 85 + 8 * 170, "auto": 85 + 8 * 170}
"""Most tokens of one picture by its detail: OpenAI's rule of 170 for each of at most eight tiles and 85 for the whole."""
ANSWERED = {"structured": 450, "paper": 450, "direct": 20}
"""Tokens of one answer by the prompts: the published system's answers have 250 to 450 with reasons, about 20 without."""


def sent(text: int, pictures: int, detail: str = "high") -> float:
    """Return the most tokens of a question with so many bytes of text and so many pictures."""
    return 16 + text / 3 + pictures * PICTURE[detail]


def expected(reasoner: ChatReasoner, task: Task, frames: int) -> Usage:
    """Estimate what the questions of one task about one phrase take at most, in a video of so many frames."""
    options = reasoner.options
    questions = _questions(options, task, frames)
    text = len(prompt(task, options.prompts, options.prompt_files).encode())
    each = sent(text, _pictures(options, task), getattr(options, "detail", "high"))
    tokens = round(questions * each), questions * ANSWERED[options.prompts]
    worth = reasoner.price(*tokens)
    return Usage(
        model=reasoner.model_id(), questions=questions, prompt_tokens=tokens[0], completion_tokens=tokens[1], worth=worth
    )


def _questions(options: ChatOptions, task: Task, frames: int) -> int:
    if task == "box":
        return 1
    if options.sampler == "paper":
        return 1 if task == "frame_sound" else len(frame_sampling.chunks(frames))
    return options.max_questions


def _pictures(options: ChatOptions, task: Task) -> int:
    if not options.vision:
        return 0
    return options.frames if options.layout == "frames" and task != "box" else 1
