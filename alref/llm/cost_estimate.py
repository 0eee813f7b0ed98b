"""Estimates of the cost of questions to a language model, for plans and budgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alref.llm import frame_sampling
from alref.llm.prompt_templates import load_template
from alref.llm.tasks import PivotTask, TrackTask
from alref.result import Usage

if TYPE_CHECKING:
    from alref.llm.options import ChatOptions
from alref.llm.reasoner import ChatReasoner

IMAGE_TOKENS = {"low": 85, "high": 85 + 8 * 170, "auto": 85 + 8 * 170}
"""Maximum tokens of one image by its detail: OpenAI's rule of 170 for each of at most eight tiles and 85 for the whole."""
ANSWER_TOKENS = {"structured": 450, "paper": 450, "direct": 20}
"""Tokens of one answer by prompt variant: the published system's answers have 250 to 450 with reasons, about 20 without."""

LINE_BYTES, LINE_TOKENS = 200, 40
"""Bytes of the line about a track in a question, and tokens of the choice about a track or a frame in an answer."""
REVIEW_FRAMES = 16
"""Maximum number of frames of a track that a review shows at once."""


def estimate_prompt_tokens(text_bytes: int, images: int, detail: str = "high") -> float:
    """Return the maximum tokens of a question with ``text_bytes`` bytes of text and ``images`` images."""
    return 16 + text_bytes / 3 + images * IMAGE_TOKENS[detail]


def estimate_usage(reasoner: ChatReasoner, task: PivotTask, frames: int) -> Usage:
    """Estimate the maximum usage of one task's questions about one phrase, in a video of ``frames`` frames."""
    options = reasoner.options
    questions = _count_questions(options, task, frames)
    text = len(load_template(task, options.prompts, options.prompt_files).encode())
    tokens_per_question = estimate_prompt_tokens(text, _count_images(options, task), getattr(options, "detail", "high"))
    tokens = round(questions * tokens_per_question), questions * ANSWER_TOKENS[options.prompts]
    uncached_cost = reasoner.compute_cost(*tokens)
    return Usage(
        model=reasoner.get_model_id(),
        questions=questions,
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
        uncached_cost=uncached_cost,
    )


def estimate_selection(reasoner: ChatReasoner, attempts: int, rounds: int, audit: bool) -> Usage:
    """Estimate the maximum usage for one phrase in the order ``tracks``, if its tracks fit in one question.

    ``attempts`` nouns are tried, and undecided tracks are shown in ``rounds`` rounds.
    """
    options = reasoner.options
    votes, images = len(options.voters), _count_shown_images(options)
    counts: dict[TrackTask, tuple[int, int]] = {
        "concept": (1, 0),
        "concept_shown": (attempts, images),
        "tracks": (rounds * votes, images),
        "synthesis": (rounds if votes > 1 else 0, images),
        "audit": (votes if audit else 0, images),
        "appearance_needed": (int(options.appearance), 0),
        "appearance": (options.max_tracks if options.appearance else 0, int(options.vision)),
    }
    return _estimate_tasks(reasoner, counts)


def estimate_review(reasoner: ChatReasoner, rounds: int) -> Usage:
    """Estimate the maximum usage for the review of one track, with new masks in each of ``rounds`` rounds."""
    if not reasoner.options.vision:
        return Usage(model=reasoner.get_model_id(), uncached_cost=reasoner.compute_cost(0, 0))
    images = _count_shown_images(reasoner.options)
    return _estimate_tasks(reasoner, {"review": (1 + rounds, images), "behavior": (1, images)})


def _estimate_tasks(reasoner: ChatReasoner, counts: Mapping[TrackTask, tuple[int, int]]) -> Usage:
    """Return the usage of questions, given their number and the images of each by task."""
    options, detail = reasoner.options, getattr(reasoner.options, "detail", "high")
    listed = {
        "tracks": options.max_tracks,
        "synthesis": options.max_tracks,
        "audit": options.max_tracks,
        "review": REVIEW_FRAMES,
    }
    prompt, completion = 0.0, 0
    for task, (questions, images) in counts.items():
        lines = listed.get(task, 0)
        text = len(load_template(task, "structured", options.prompt_files).encode()) + LINE_BYTES * lines
        prompt += questions * estimate_prompt_tokens(text, images, detail)
        completion += questions * (ANSWER_TOKENS["structured"] + LINE_TOKENS * lines)
    tokens = round(prompt), completion
    return Usage(
        model=reasoner.get_model_id(),
        questions=sum(number for number, _ in counts.values()),
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
        uncached_cost=reasoner.compute_cost(*tokens),
    )


def _count_shown_images(options: ChatOptions) -> int:
    if not options.vision:
        return 0
    return options.track_frames if options.layout == "frames" else 1


def _count_questions(options: ChatOptions, task: PivotTask, frames: int) -> int:
    if task == "box":
        return 1
    if options.pivot == "middle":
        return 1 if task == "frame_sound" else 0
    if options.sampler == "paper":
        return 1 if task == "frame_sound" else len(frame_sampling.split_into_chunks(frames))
    return options.max_questions


def _count_images(options: ChatOptions, task: PivotTask) -> int:
    if not options.vision:
        return 0
    return options.frames if options.layout == "frames" and task != "box" else 1
