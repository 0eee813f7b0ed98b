"""The kinds of question that are asked, by the names of their prompts."""

from __future__ import annotations

from typing import Literal

PivotTask = Literal["frame_text", "frame_sound", "box"]
"""Questions of the order ``pivot``."""
TrackTask = Literal[
    "concept", "concept_shown", "tracks", "synthesis", "appearance_needed", "appearance", "audit", "review", "behavior"
]
"""Questions of the order ``tracks``, and of the review of masks."""
QuestionTask = Literal[PivotTask, TrackTask]
