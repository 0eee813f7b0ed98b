"""Send questions with the ollama package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from alref.llm.answer_text import parse_message
from alref.llm.messages import Question
from alref.llm.server_connection import Completion, ServerConnection
from alref.llm.server_errors import ServerError
from alref_ollama import server

if TYPE_CHECKING:
    from alref.errors import Problem
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
        self._client.close()  # type: ignore[no-untyped-call]

    def make_model_problem(self, reason: str) -> Problem:
        """Return the problem that the server does not have the model."""
        return server.make_model_problem(self.options)

    def compute_cost(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> float | None:
        """Return 0 dollars, because the model runs locally."""
        return 0.0

    def send_once(self, question: Question) -> Completion:
        """Send a question and return the answer. Raises ServerError."""
        try:
            response = self._client.chat(**_build_request(question, self.options))
        except httpx.TimeoutException as error:
            raise ServerError("timeout", str(error)) from None
        except (httpx.HTTPError, ConnectionError) as error:
            raise ServerError("connection", str(error)) from None
        message = response.message
        text, finish = parse_message({"content": message.content, "thinking": message.thinking}, response.done_reason)
        return Completion(text, finish, response.model or "", response.prompt_eval_count, response.eval_count)


def _build_request(question: Question, options: OllamaOptions) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": each.role, "content": each.text} for each in question.messages]
    first = next((each for each in messages if each["role"] == "user"), None)
    if first is not None and question.images:
        first["images"] = list(question.images)
    settings = {"temperature": options.temperature, "num_ctx": options.num_ctx}
    given = {"num_predict": options.max_tokens, "seed": options.seed}
    settings |= {name: value for name, value in given.items() if value is not None}
    kept = options.keep_alive
    return {
        "model": options.model,
        "messages": messages,
        "format": question.answer_schema,
        "options": settings,
        "think": options.choose_thinking(question),
        "keep_alive": int(kept) if kept and kept.lstrip("-").isdigit() else kept,
    }
