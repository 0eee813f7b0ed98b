"""The kinds of prompt that a person can give on a frame."""

from __future__ import annotations

from typing import Literal

PromptKind = Literal["box", "mask", "points", "absent"]
PROMPT_KINDS: tuple[PromptKind, ...] = ("box", "mask", "points", "absent")
