"""Send questions with the openai package."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import openai

from alref import Answer, ConfigError, Problem, Question, ServerConnection
from alref.llm.server_connection import Completion
from alref.llm.server_errors import ServerError, classify_error, extract_error_text, parse_wait
from alref.llm.shared_limits import make_budget
from alref_openai import server
from alref_openai.replies import parse_completion
from alref_openai.spending import TokenEstimator, TokenPrice, make_rate_limiter

if TYPE_CHECKING:
    from alref_openai import OpenAIOptions

OPTIONAL_PARAMETERS = (
    "max_tokens",
    "temperature",
    "seed",
    "stream_options",
    "chat_template_kwargs",
    "reasoning_effort",
    "response_format",
)
"""Parameters that a server may refuse; of those that it does not name, the last but one is left out first."""

UNLIMITED_ANSWER_TOKENS = 4096
"""Tokens that are reserved for an answer without a maximum length; GPT-4 Turbo writes no longer ones."""

TOO_LONG = re.compile(r"context[ _](length|window|size)|(too (large|long|many tokens))|maximum.{0,40}tokens")
"""How servers say that a question is too long, which no parameter changes."""


class OpenAIConnection(ServerConnection):
    """One connection to a server, for any number of threads; ``model`` is the name sent with each question."""

    options: OpenAIOptions
    slower_hint = "-o reasoner.requests_per_minute=NUMBER"

    def __init__(self, options: OpenAIOptions) -> None:
        key = server.get_key(options)
        secrets = () if key == server.NO_KEY else (key,)
        super().__init__(options, options.base_url, options.model or server.find_only_model(options), secrets)
        self.refused_parameters: frozenset[str] = frozenset()
        self.budget = make_budget(options.max_cost, "reasoner.max_cost")
        self._token_estimator = TokenEstimator(options.detail)
        self._rate_limiters = (
            make_rate_limiter(options.requests_per_minute, f"requests {self.address}"),
            make_rate_limiter(options.tokens_per_minute, f"tokens {self.address}"),
        )
        models = [self.model, *filter(None, options.voters)]
        unpriced = next((name for name in models if self.compute_cost(name, 1, 1, 0) is None), None)
        if options.max_cost is not None and unpriced is not None:
            raise ConfigError(
                f"max_cost: no price of {unpriced!r} at {options.base_url} is known: -o reasoner.input_price=DOLLARS"
                " -o reasoner.output_price=DOLLARS, both for a million tokens"
            )
        self.client = server.open_client(options)

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def make_key_problem(self) -> Problem:
        """Return the problem that the server wants a key, or refuses the key."""
        return server.make_key_problem(self.options)

    def make_model_problem(self, model: str, reason: str) -> Problem:
        """Return the problem that the server does not have a model, or no chat at this address."""
        message = f"{self.address} has no model {model!r} or no chat ({reason})"
        return Problem(message=message, hint="-o reasoner.model=NAME")

    def compute_cost(self, model: str, prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> float | None:
        """Return the cost of an answer in dollars, None if the price is not known."""
        return TokenPrice(self.options, model).compute_cost(prompt_tokens, completion_tokens, cached_tokens)

    def estimate_tokens(self, question: Question) -> int:
        """Return the estimated maximum number of tokens of a question, by what the server counted so far."""
        return self._token_estimator.estimate_tokens(question)

    @property
    def longest_answer(self) -> int:
        """The maximum number of tokens of an answer."""
        return self.options.max_tokens or UNLIMITED_ANSWER_TOKENS

    def estimate_cost(self, question: Question) -> float:
        """Return the maximum cost of a question in dollars, 0 if the price is not known."""
        model, tokens = question.model or self.model, self.estimate_tokens(question)
        return self.compute_cost(model, tokens, self.longest_answer, 0) or 0.0

    def send_question(self, question: Question) -> Answer:
        """Send one question within the budget and the rate, and return the answer. Raises an AlrefError."""
        reserved = self.budget.reserve_amount(self.estimate_cost(question))
        spent = 0.0
        try:
            now, amounts = monotonic(), (1, self.estimate_tokens(question) + self.longest_answer)
            sleep(max(pace.compute_delay(amount, now) for pace, amount in zip(self._rate_limiters, amounts, strict=True)))
            answer = super().send_question(question)
            if not answer.estimated:
                self._token_estimator.update_factor(question, answer.prompt_tokens)
            spent = answer.cost or 0.0
            return answer
        finally:
            self.budget.settle_reservation(reserved, spent)

    def send_once(self, question: Question) -> Completion:
        """Send a question, and again without each parameter that the server refuses; those are then always left out.

        A server that answers only as a stream is asked for one. Raises ServerError.
        """
        refused = self.refused_parameters
        while True:
            request = build_request(question, self.options, self.model, refused)
            try:
                raw = self.client.chat.completions.with_raw_response.create(**request)
            except openai.APIStatusError as error:
                culprit = find_refused_parameter(error.status_code, error.body, request, error.response.text)
                if culprit is None:
                    return handle_refusal(make_error(error))
                refused = refused | {culprit}
            except openai.APIError as error:
                raise make_error(error) from None
            else:
                self.refused_parameters |= refused
                try:
                    return parse_completion(raw.http_response.content)
                except ServerError as failure:
                    return handle_refusal(failure)


def handle_refusal(failure: ServerError) -> Completion:
    """Return the answer that a filter held back; raise any other failure."""
    if failure.kind != "filter":
        raise failure
    return Completion("", "filter", prompt_tokens=0, completion_tokens=0)


def make_error(error: openai.APIError) -> ServerError:
    """Return the failure for an error of the package."""
    if isinstance(error, openai.APITimeoutError):
        return ServerError("timeout", str(error))
    if isinstance(error, openai.APIConnectionError):
        return ServerError("connection", str(error.__cause__ or error))
    if not isinstance(error, openai.APIStatusError):
        return ServerError("failed", str(error))
    said = extract_error_text(error.body) or error.response.text or f"status {error.status_code}"
    return ServerError(classify_error(error.status_code, error.body), said, parse_wait(error.response.headers))


def build_request(question: Question, options: OpenAIOptions, model: str, refused: frozenset[str]) -> dict[str, Any]:
    """Return the arguments of a request without the parameters that the server refuses."""
    optional: dict[str, Any] = {"temperature": options.temperature, "max_tokens": options.max_tokens, "seed": options.seed}
    if question.answer_schema is not None:
        schema = {"name": "answer", "schema": question.answer_schema, "strict": True}
        optional["response_format"] = {"type": "json_schema", "json_schema": schema}
    if "stream" in refused:
        optional["stream_options"] = {"include_usage": True}
    more = _build_thinking_parameters(question, options)
    request = {name: value for name, value in optional.items() if name not in refused and value is not None}
    if "max_tokens" in refused and options.max_tokens is not None:
        request["max_completion_tokens"] = options.max_tokens
    if "stream" in refused:
        request["stream"] = True
    request["extra_body"] = {name: value for name, value in more.items() if name not in refused}
    return {"model": question.model or model, "messages": _build_messages(question, options.detail), **request}


def _build_thinking_parameters(question: Question, options: OpenAIOptions) -> dict[str, Any]:
    """Return what switches thinking on or off: by the chat template, for open models, or by OpenAI's own parameter."""
    if options.base_url == server.OPENAI_URL:
        return {} if options.thinking is None else {"reasoning_effort": "medium" if options.thinking else "minimal"}
    thinking = options.choose_thinking(question)
    return {} if thinking is None else {"chat_template_kwargs": {"enable_thinking": thinking}}


def _build_messages(question: Question, detail: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": message.role, "content": message.text} for message in question.messages]
    first = next((message for message in messages if message["role"] == "user"), None)
    if first is not None and question.images:
        pictures = [
            {"type": "image_url", "image_url": {"url": _encode_data_url(data), "detail": detail}} for data in question.images
        ]
        first["content"] = [{"type": "text", "text": first["content"]}, *pictures]
    return messages


def _encode_data_url(image: bytes) -> str:
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(image).decode()}"


def find_refused_parameter(status: int, body: Any, request: dict[str, Any], text: str = "") -> str | None:
    """Find what a server refuses in a request: a parameter that it names, an answer that is not streamed, or the schema.

    ``body`` is the error object of the response, ``text`` the response itself.
    """
    if status not in (400, 422) or classify_error(status, body) != "refused":
        return None
    named = body.get("param") if isinstance(body, Mapping) else None
    words = f"{named or ''} {extract_error_text(body) or text}".lower()
    if TOO_LONG.search(words):
        return None
    words_in_error = re.findall(r"\w+", words)
    sent = [name for name in OPTIONAL_PARAMETERS if name in request or name in request["extra_body"]]
    if found := next((name for name in sent if name in words_in_error), None):
        return found
    if not request.get("stream") and any(word.startswith("stream") for word in words_in_error):
        return "stream"
    return next((name for name in ("chat_template_kwargs", "response_format") if name in sent), None)
