"""Send questions to an Ollama server."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import httpx2

from alref import Question, ServerConnection
from alref.llm.server_connection import Completion
from alref.llm.server_errors import ServerError
from alref_ollama import server
from alref_ollama.replies import check_status, parse_completion

if TYPE_CHECKING:
    from alref import Problem
    from alref_ollama import OllamaOptions


class OllamaConnection(ServerConnection):
    """One connection to a server, for any number of threads."""

    options: OllamaOptions
    start_hint = server.START_HINT

    def __init__(self, options: OllamaOptions) -> None:
        super().__init__(options, server.resolve_address(options), options.model)
        self._client = server.open_client(options, options.timeout)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def make_key_problem(self) -> Problem:
        """Return the problem that the server wants a password or a key."""
        return server.make_key_problem(self.options)

    def make_model_problem(self, model: str, reason: str) -> Problem:
        """Return the problem that the server does not have a model."""
        return server.make_model_problem(self.options.model_copy(update={"model": model}))

    def compute_cost(self, model: str, prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> float | None:
        """Return 0 dollars, because the model runs locally."""
        return 0.0

    def send_once(self, question: Question) -> Completion:
        """Send a question and return the answer. Raises ServerError."""
        try:
            response = self._client.post("/api/chat", json=_build_request(question, self.options))
        except httpx2.TimeoutException as error:
            raise ServerError("timeout", str(error)) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ServerError("connection", str(error)) from None
        check_status(response.status_code, response.headers, response.content)
        return parse_completion(response.content)


def _build_request(question: Question, options: OllamaOptions) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": message.role, "content": message.text} for message in question.messages]
    first = next((message for message in messages if message["role"] == "user"), None)
    if first is not None and question.images:
        first["images"] = [b64encode(image).decode() for image in question.images]
    settings = {"temperature": options.temperature, "num_ctx": options.num_ctx}
    limits = {"num_predict": options.max_tokens, "seed": options.seed}
    settings |= {name: value for name, value in limits.items() if value is not None}
    keep_alive = options.keep_alive
    request = {
        "model": question.model or options.model,
        "messages": messages,
        "stream": False,
        "format": question.answer_schema,
        "options": settings,
        "think": _choose_thinking(question, options),
        "keep_alive": int(keep_alive) if keep_alive and keep_alive.lstrip("-").isdigit() else keep_alive,
    }
    return {name: value for name, value in request.items() if value is not None}


def _choose_thinking(question: Question, options: OllamaOptions) -> bool | str | None:
    """Return the parameter ``think``: gpt-oss always thinks, and takes only how much."""
    thinking = options.choose_thinking(question)
    if thinking is None or not (question.model or options.model).rpartition("/")[2].startswith("gpt-oss"):
        return thinking
    return "medium" if thinking else "low"
