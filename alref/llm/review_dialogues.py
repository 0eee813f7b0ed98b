"""Dialogues that review masks: whether an outline is on the object, and whether the words describe what the object does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from alref.llm import frame_sampling
from alref.llm.conversations import ConversationRunner, Dialogue
from alref.llm.track_parsing import FRAME_ANSWERS, is_doubt, parse_judgment, parse_ratings
from alref.llm.track_questions import TrackQuestionBuilder
from alref.records import BehaviorReview, MaskReview, Track

BLIND = "a model without vision cannot review masks"
BEHAVIOR_VERDICTS = ("fits", "contradicted", "unsure")
_BEHAVIOR = re.compile(
    r"\b(?:left|right|up|upwards?|down|downwards?|towards?|away|backwards?|forwards?|clockwise|counterclockwise|closer|further|farther"
    r"|across|past|back"
    r"|not|no|never|without|except|nobody|nothing|neither|nor|stays?|staying|remains?|remaining|\w+n't"
    r"|first|second|third|then|before|after|last|finally|later|once|until|again|while|starts?|ends?|begins?"
    r"|turn(?:s|ing)?|swap(?:s|ping)?|overtak(?:es?|ing))\b",
    re.IGNORECASE,
)
"""Words of direction, negation and order: what a single frame cannot show."""


@dataclass(frozen=True)
class ReviewDialogueBuilder:
    """Builds dialogues about the masks of one video."""

    question_builder: TrackQuestionBuilder
    runner: ConversationRunner

    def ask_about_masks(self, track: Track, frames: Sequence[int]) -> Dialogue[MaskReview]:
        """Ask on which of the frames the mask is on the object; a no without a stated fact is unclear."""
        facts: dict[str, Any] = {"phrase": track.phrase, "frames": tuple(frames)}
        ratings = [("unclear", "")] * len(frames)
        if not frames or not self.question_builder.options.vision:
            return _make_mask_review(ratings, why=BLIND if frames else "", source="rule", **facts)
        question = self.question_builder.build_mask_question("review", track.phrase, track.rles, frames)
        parse = partial(parse_ratings, numbers=range(1, len(frames) + 1), words=FRAME_ANSWERS)
        parsed, reply = (yield from self.runner.ask_until_readable(question, "reviewer", parse))[-1]
        facts["raw"] = reply.answer.text
        if parsed.kind == "unreadable":
            return _make_mask_review(ratings, why=f"{parsed.problem}; nothing was changed", source="fallback", **facts)
        ratings = [parsed.ratings.get(number, ("unclear", "")) for number in range(1, len(frames) + 1)]
        return _make_mask_review(ratings, why=parsed.why, source=reply.source, **facts)

    def ask_about_behavior(self, track: Track) -> Dialogue[BehaviorReview]:
        """Ask whether the words describe what the object does; nothing is asked if one frame shows all that they say."""
        options = self.question_builder.options
        if track.phrase.sound or not _BEHAVIOR.search(track.phrase.text):
            why = "the words name no direction, no negation and no order"
            return BehaviorReview(phrase=track.phrase, verdict="unsure", why=why)
        if not options.vision:
            return BehaviorReview(phrase=track.phrase, verdict="unsure", why=BLIND)
        visible = [frame for frame, rle in enumerate(track.rles) if rle.area]
        shown = frame_sampling.sample_frames(range(visible[0], visible[-1] + 1), options.track_frames)
        question = self.question_builder.build_mask_question("behavior", track.phrase, track.rles, shown)
        parse = partial(parse_judgment, verdicts=BEHAVIOR_VERDICTS, contradiction="contradicted")
        parsed, reply = (yield from self.runner.ask_until_readable(question, "reviewer", parse))[-1]
        facts: dict[str, Any] = {"phrase": track.phrase, "frames": tuple(shown), "raw": reply.answer.text}
        if parsed.kind == "unreadable":
            return BehaviorReview(verdict="unsure", why=parsed.problem, source="fallback", **facts)
        facts["verdict"] = parsed.verdict
        return BehaviorReview(why=parsed.evidence or parsed.why, source=reply.source, **facts)


def _make_mask_review(ratings: Sequence[tuple[str, str]], **facts: Any) -> MaskReview:
    """Return a review with an answer and a reason for each frame; a no without a stated fact is unclear."""
    answers: Any = tuple("unclear" if word == "no" and (not why or is_doubt(why)) else word for word, why in ratings)
    return MaskReview(answers=answers, reasons=tuple(why for _, why in ratings), **facts)
