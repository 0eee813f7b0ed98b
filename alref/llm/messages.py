"""Questions to a language model and its answers."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from alref.records import DecisionSource, Record, Text

FinishReason = Literal["stop", "length", "refusal", "filter"]
QuestionSlot = Literal["temporal", "spatial", "selector", "reviewer", "tracker", "propagator"]
"""The slots whose components ask questions, of a language model or of another service that is paid."""


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"] = "user"
    text: Text


class Question(Record):
    """One call of a model: messages, images for the first user message, and the JSON schema of the answer.

    ``images`` are encoded files, JPEG or PNG. ``topic`` is what the question is about; it is not sent. ``model`` is the model
    to ask, that of the component's options if empty.
    """

    messages: tuple[Message, ...]
    images: tuple[bytes, ...] = ()
    answer_schema: dict[str, Any] | None = None
    topic: str = Field("", exclude=True)
    model: str = Field(default="", exclude=True)

    @cached_property
    def image_digests(self) -> tuple[str, ...]:
        """The digest of each image, 32 hexadecimal digits."""
        return tuple(hashlib.blake2b(image, digest_size=16).hexdigest() for image in self.images)

    def to_dict(self) -> dict[str, Any]:
        """Return the sent fields as plain data, each image as its digest."""
        return {**self.model_dump(mode="json", exclude={"images"}), "images": list(self.image_digests)}


class Answer(Record):
    """An answer of a model: its text, the model as the server names it, why it stopped, and its usage.

    ``cost`` is in dollars, None when no price is known; ``retries`` counts the calls that failed before this one.
    ``estimated`` says that the server did not count the tokens.
    """

    text: Text
    model: Text
    finish_reason: FinishReason = "stop"
    prompt_tokens: int = Field(0, ge=0)
    completion_tokens: int = Field(0, ge=0)
    estimated: bool = False
    cost: float | None = None
    retries: int = Field(0, ge=0)
    seconds: float = Field(0.0, ge=0)


class QuestionEvent(Record):
    """One question as observers receive it: component and model, messages, digests of the images, and the outcome."""

    key: str
    stage: QuestionSlot
    component: str
    phrase: str
    messages: tuple[Message, ...]
    images: tuple[str, ...] = ()
    answer: Answer | None
    parsed: dict[str, Any] | None
    source: DecisionSource
