"""What questions to a language model will take, before any is asked: rules of thumb, for plans and budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.llm import frame_sampling
from alref.llm.prompt_templates import QuestionTask, load_template
from alref.result import Usage

if TYPE_CHECKING:
    from alref.llm.options import ChatOptions
from alref.llm.reasoner import ChatReasoner

IMAGE_TOKENS = {"low": 85, "high": 85 + 8 * 170, "auto": 85 + 8 * 170}
"""Most tokens of one picture by its detail: OpenAI's rule of 170 for each of at most eight tiles and 85 for the whole."""
ANSWER_TOKENS = {"structured": 450, "paper": 450, "direct": 20}
"""Tokens of one answer by the prompts: the published system's answers have 250 to 450 with reasons, about 20 without."""


def estimate_prompt_tokens(text_bytes: int, images: int, detail: str = "high") -> float:
    """Return the most tokens of a question with so many bytes of text and so many pictures."""
    return 16 + text_bytes / 3 + images * IMAGE_TOKENS[detail]


def estimate_usage(reasoner: ChatReasoner, task: QuestionTask, frames: int) -> Usage:
    """Estimate what the questions of one task about one phrase take at most, in a video of so many frames."""
    options = reasoner.options
    questions = _count_questions(options, task, frames)
    text = len(load_template(task, options.prompts, options.prompt_files).encode())
    each = estimate_prompt_tokens(text, _count_images(options, task), getattr(options, "detail", "high"))
    tokens = round(questions * each), questions * ANSWER_TOKENS[options.prompts]
    uncached_cost = reasoner.compute_cost(*tokens)
    return Usage(
        model=reasoner.get_model_id(),
        questions=questions,
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
        uncached_cost=uncached_cost,
    )


def _count_questions(options: ChatOptions, task: QuestionTask, frames: int) -> int:
    if task == "box":
        return 1
    if options.sampler == "paper":
        return 1 if task == "frame_sound" else len(frame_sampling.split_into_chunks(frames))
    return options.max_questions


def _count_images(options: ChatOptions, task: QuestionTask) -> int:
    if not options.vision:
        return 0
    return options.frames if options.layout == "frames" and task != "box" else 1
