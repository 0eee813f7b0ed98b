"""A connection to a server with a language model: retries, deadlines, usage, and errors in plain words."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import uniform
from time import perf_counter, sleep
from typing import TYPE_CHECKING, ClassVar

from alref.errors import AlrefError, InputError, MissingError, Problem, sanitize_line
from alref.llm.cost_estimate import estimate_prompt_tokens
from alref.llm.messages import Answer, FinishReason
from alref.llm.server_errors import ServerError
from alref.utils.network import explain_connection

if TYPE_CHECKING:
    from alref.llm.messages import Question
    from alref.llm.server_options import ServerOptions

FIRST_WAIT, LONGEST_BACKOFF = 0.5, 8.0
"""Seconds before the first retry, and the most that doubling them makes."""
MAX_WAIT = 120.0
"""The longest time, in seconds, that a server may ask to wait; if it asks for more, the run ends."""
REFUSED_HINT = "lower -o reasoner.image_size, reasoner.frames or reasoner.max_tokens, or choose another model"
KEPT = "all answers so far are kept: run the same again"


@dataclass(frozen=True)
class Completion:
    """What a server answered; a number of tokens that it did not count is None."""

    text: str
    finish_reason: FinishReason = "stop"
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0


class ServerConnection(ABC):
    """One connection to a server, for any number of threads. A subclass sends one request; this class does the rest.

    ``address`` is the address of the server, ``model`` the name that is sent, ``secrets`` what no error may show.
    ``start_hint`` is the command that starts the server, ``slower_hint`` the option with which fewer questions are sent.
    """

    start_hint: ClassVar[str] = "start it"
    slower_hint: ClassVar[str] = "-o reasoner.concurrency=1"

    def __init__(self, options: ServerOptions, address: str, model: str, secrets: tuple[str, ...] = ()) -> None:
        self.options, self.address, self.model = options, address, model
        self._secrets = tuple(filter(None, secrets))

    @abstractmethod
    def send_once(self, question: Question) -> Completion:
        """Send one request and return what the server answered. Raises ServerError."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def make_model_problem(self, model: str, reason: str) -> Problem:
        """Return the problem that the server does not have a model."""

    @abstractmethod
    def compute_cost(self, model: str, prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> float | None:
        """Return the cost of an answer of a model in dollars, None if it is not known."""

    def make_key_problem(self) -> Problem:
        """Return the problem that the server wants a key, or refuses the key."""
        return Problem(message=f"{self.address} needs a key")

    def estimate_tokens(self, question: Question) -> int:
        """Return the estimated maximum number of tokens of a question."""
        text_bytes = sum(len(message.text.encode()) for message in question.messages)
        return round(estimate_prompt_tokens(text_bytes, len(question.images)))

    def send_question(self, question: Question) -> Answer:
        """Send one question, again after transient failures, and return the answer. Raises MissingError or InputError."""
        started, model = perf_counter(), question.model or self.model
        try:
            completion, retries = self._send_with_retries(question)
        except ServerError as failure:
            raise self.explain_failure(failure, model) from None
        return self.make_answer(question, completion, retries, perf_counter() - started)

    def make_answer(self, question: Question, completion: Completion, retries: int = 0, seconds: float = 0.0) -> Answer:
        """Return the answer to a question with its cost; tokens that the server did not count are estimated."""
        model = question.model or self.model
        prompt, written = completion.prompt_tokens, completion.completion_tokens
        estimated = prompt is None or written is None
        prompt = self.estimate_tokens(question) if prompt is None else prompt
        written = _estimate_written(completion.text) if written is None else written
        return Answer(
            text=completion.text,
            model=completion.model or model,
            finish_reason=completion.finish_reason,
            prompt_tokens=prompt,
            completion_tokens=written,
            estimated=estimated,
            cost=self.compute_cost(model, prompt, written, completion.cached_tokens),
            retries=retries,
            seconds=seconds,
        )

    def _send_with_retries(self, question: Question) -> tuple[Completion, int]:
        """Send a question, and again after transient failures; return the answer and the number of failed requests."""
        for retries in range(self.options.retries):
            try:
                return self.send_once(question), retries
            except ServerError as failure:
                if not failure.is_transient or failure.wait > MAX_WAIT:
                    raise
                backoff = min(FIRST_WAIT * 2**retries, LONGEST_BACKOFF) * uniform(0.75, 1)  # noqa: S311 - not for secrets
                sleep(failure.wait or backoff)
        return self.send_once(question), self.options.retries

    def explain_failure(self, failure: ServerError, model: str) -> AlrefError:
        """Return the error for a failure, with the next step and without a secret."""
        reason, where = self.hide_secrets(failure.said), self.address
        if failure.kind == "connection":
            return MissingError(explain_connection(where, reason, self.start_hint))
        if failure.kind == "key":
            return MissingError(self.make_key_problem())
        if failure.kind == "model":
            return MissingError(self.make_model_problem(model, reason))
        texts = {
            "timeout": f"{where} gave no answer within {self.options.timeout:g} s: raise -o reasoner.timeout",
            "busy": f"{where} refuses more questions for now ({reason}); {KEPT} later, or with {self.slower_hint}",
            "quota": f"{where}: the account has no credit ({reason}); {KEPT} when it has",
            "rights": f"{where} does not allow it ({reason}): look at the rights of the key, or choose another model",
            "refused": f"{where}, {model}: the question is refused ({reason}): {REFUSED_HINT}",
        }
        unreadable = f"{where} gave no usable answer ({reason}); {KEPT}, or name another address"
        return (InputError if failure.kind == "refused" else MissingError)(texts.get(failure.kind, unreadable))

    def hide_secrets(self, text: str) -> str:
        """Return a text in one line, without keys, passwords, and the tags of a web page."""
        for secret in self._secrets:
            text = text.replace(secret, "<key>")
        return sanitize_line(re.sub(r"<[^<>]*>", " ", text) if text.lstrip().startswith("<") else text, 300)


def _estimate_written(text: str) -> int:
    """Return the estimated number of tokens of an answer."""
    return round(estimate_prompt_tokens(len(text.encode("utf-8", "replace")), 0)) if text else 0
