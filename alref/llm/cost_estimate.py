"""Estimates of the cost of questions to a language model, for plans and budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref.llm import frame_sampling
from alref.llm.prompt_templates import load_template
from alref.llm.tasks import QuestionTask
from alref.result import Usage

if TYPE_CHECKING:
    from alref.llm.options import ChatOptions
from alref.llm.reasoner import ChatReasoner

IMAGE_TOKENS = {"low": 85, "high": 85 + 8 * 170, "auto": 85 + 8 * 170}
"""Maximum tokens of one image by its detail: OpenAI's rule of 170 for each of at most eight tiles and 85 for the whole."""
ANSWER_TOKENS = {"structured": 450, "paper": 450, "direct": 20}
"""Tokens of one answer by prompt variant: the published system's answers have 250 to 450 with reasons, about 20 without."""


def estimate_prompt_tokens(text_bytes: int, images: int, detail: str = "high") -> float:
    """Return the maximum tokens of a question with ``text_bytes`` bytes of text and ``images`` images."""
    return 16 + text_bytes / 3 + images * IMAGE_TOKENS[detail]


def estimate_usage(reasoner: ChatReasoner, task: QuestionTask, frames: int) -> Usage:
    """Estimate the maximum usage of one task's questions about one phrase, in a video of ``frames`` frames."""
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
    if options.pivot == "middle":
        return 1 if task == "frame_sound" else 0
    if options.sampler == "paper":
        return 1 if task == "frame_sound" else len(frame_sampling.split_into_chunks(frames))
    return options.max_questions


def _count_images(options: ChatOptions, task: QuestionTask) -> int:
    if not options.vision:
        return 0
    return options.frames if options.layout == "frames" and task != "box" else 1
