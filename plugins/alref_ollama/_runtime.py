"""Send questions with the ollama package, with retries if the server is busy."""

from __future__ import annotations

import json
from random import uniform
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

import httpx
import ollama

from alref.errors import AlrefError, InputError, MissingError, sanitize_line
from alref.llm.messages import Answer, Question
from alref_ollama.server import make_no_model_problem, make_no_server_problem, resolve_address

if TYPE_CHECKING:
    from alref_ollama import OllamaOptions

RETRYABLE_STATUSES = {408, 429, 500, 502, 503, 504}
MAX_WAIT = 120.0
FIRST_WAIT = 0.5


class OllamaConnection:
    """One connection to a server, for any number of threads."""

    def __init__(self, options: OllamaOptions) -> None:
        self._options = options
        self.model = options.model
        hooks = {"response": [_raise_transient_error]}
        self._client = ollama.Client(resolve_address(options), timeout=options.timeout, event_hooks=hooks)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()  # type: ignore[no-untyped-call]

    def send_question(self, question: Question) -> Answer:
        """Send one question and return the answer. Raises MissingError or InputError."""
        started = perf_counter()
        try:
            response, retries = self._send_with_retries(question)
        except (ollama.ResponseError, httpx.TransportError, ConnectionError, ValueError, _TransientError) as error:
            raise self._explain_error(error) from None
        return Answer(
            text=response.message.content or "",
            model=response.model or self._options.model,
            finish_reason="length" if response.done_reason == "length" else "stop",
            prompt_tokens=response.prompt_eval_count or 0,
            completion_tokens=response.eval_count or 0,
            cost=0.0,
            retries=retries,
            seconds=perf_counter() - started,
        )

    def _send_with_retries(self, question: Question) -> tuple[ollama.ChatResponse, int]:
        """Send a question, with retries after transient errors; return the response and the number of failed calls."""
        request = _build_request(question, self._options)
        for retries in range(self._options.retries):
            try:
                return self._client.chat(**request), retries
            except (_TransientError, httpx.TransportError, ConnectionError) as error:
                asked_for = getattr(error, "wait", 0.0)
                if asked_for > MAX_WAIT:
                    raise
                sleep(asked_for or FIRST_WAIT * 2**retries * uniform(0.75, 1))  # noqa: S311 - not for secrets
        return self._client.chat(**request), self._options.retries

    def _explain_error(self, error: Exception) -> AlrefError:
        where, said = resolve_address(self._options), sanitize_line(str(error))
        if isinstance(error, httpx.TimeoutException):
            return MissingError(f"{where} gave no answer within {self._options.timeout:g} s: raise -o reasoner.timeout")
        if isinstance(error, ConnectionError):
            return MissingError(make_no_server_problem(self._options))
        if isinstance(error, httpx.TransportError):
            return MissingError(f"the connection to {where} failed ({said}); start the server: ollama serve")
        if not isinstance(error, ollama.ResponseError):
            return MissingError(
                f"{where} gave no answer that can be read ({said}); all answers so far are kept: run the same again"
            )
        if error.status_code == 404:
            return MissingError(make_no_model_problem(self._options))
        return InputError(f"{where}, {self._options.model}: the question is refused ({said}): send less, or another model")


class _TransientError(Exception):
    """A transient error of the server; ``wait`` is the requested delay in seconds, 0 if there is none."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.status_code}: {response.text}")
        try:
            self.wait = max(0.0, float(response.headers.get("retry-after", 0)))
        except ValueError:
            self.wait = 0.0


def _raise_transient_error(response: httpx.Response) -> None:
    response.read()
    if response.status_code in RETRYABLE_STATUSES or (response.is_success and not _is_json(response.content)):
        raise _TransientError(response)


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _build_request(question: Question, options: OllamaOptions) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": each.role, "content": each.text} for each in question.messages]
    first = next((each for each in messages if each["role"] == "user"), None)
    if first is not None and question.images:
        first["images"] = list(question.images)
    settings = {"temperature": options.temperature, "num_ctx": options.num_ctx, "num_predict": options.max_tokens}
    if options.seed is not None:
        settings["seed"] = options.seed
    kept = options.keep_alive
    return {
        "model": options.model,
        "messages": messages,
        "format": question.answer_schema,
        "options": settings,
        "keep_alive": int(kept) if kept and kept.lstrip("-").isdigit() else kept,
    }
