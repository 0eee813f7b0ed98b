"""Describe the review of one object in lines for the report."""

from __future__ import annotations

from collections.abc import Iterator

from alref.records import MaskReview
from alref.result import Result

MAX_LISTED_FRAMES = 6
"""Maximum number of frames that are listed with what the mask is on instead."""


def describe_review(result: Result, track: int) -> list[str]:
    """Describe what the reviews, repairs and behavior reviews say about a track, given by its place; empty without a review."""
    behaviors = [behavior for behavior in result.behaviors if behavior.track == track and behavior.frames]
    done = [f"what it does: {behavior.verdict}{f', {behavior.why}' if behavior.why else ''}" for behavior in behaviors]
    return [*_describe_masks(result, track), *done]


def _describe_masks(result: Result, track: int) -> Iterator[str]:
    """Yield one line for the first review and for each repair, in their order."""
    reviews = [review for review in result.reviews if review.track == track]
    if reviews:
        yield _count_answers(reviews[0])
    for repair in (repair for repair in result.repairs if repair.track == track):
        keys = " and ".join(map(str, repair.keys))
        yield f"round {repair.round}: frames {repair.first} to {repair.last}, propagated again from {keys}: {repair.why}"


def _count_answers(review: MaskReview) -> str:
    """Count the frames whose masks are confirmed, and list those that are not."""
    confirmed = sum(answer == "yes" for answer in review.answers)
    wrong = [
        f"frame {frame}: {reason}"
        for frame, answer, reason in zip(review.frames, review.answers, review.reasons, strict=True)
        if answer == "no"
    ]
    more = f", and {len(wrong) - MAX_LISTED_FRAMES} more" if len(wrong) > MAX_LISTED_FRAMES else ""
    listed = f"; not on {'; '.join(wrong[:MAX_LISTED_FRAMES])}{more}" if wrong else ""
    unread = f" ({review.why})" if review.source in ("fallback", "rule") and review.why else ""
    return f"confirmed on {confirmed} of {len(review.frames)} frames{listed}{unread}"
