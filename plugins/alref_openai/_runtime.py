"""Send questions with the openai package, which retries with jitter and obeys Retry-After of up to two minutes."""

from __future__ import annotations

import re
from base64 import b64encode
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING, Any

import openai
from openai.types.chat import ChatCompletion

from alref.errors import AlrefError, ConfigError, InputError, MissingError
from alref.llm.messages import Answer, FinishReason, Question
from alref_openai import server
from alref_openai.spending import Budget, RateLimiter, TokenEstimator, TokenPrice

if TYPE_CHECKING:
    from alref_openai import OpenAIOptions

FINISH_REASONS: dict[str, FinishReason] = {"length": "length", "content_filter": "filter"}
FILTER_CODES = ("content_filter", "content_policy_violation")


class OpenAIConnection:
    """One connection to a server, for any number of threads; ``model`` is the name sent with each question."""

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        self._key = server.get_key(options)
        self.model = options.model or server.find_only_model(options)
        self._refused_parameters: frozenset[str] = frozenset()
        self._price = TokenPrice(options, self.model)
        self._budget = Budget(options.max_cost)
        self._token_estimator = TokenEstimator(options.detail)
        self._rate_limiters = RateLimiter(options.requests_per_minute), RateLimiter(options.tokens_per_minute)
        if options.max_cost is not None and self._price.compute_cost(1, 1) is None:
            raise ConfigError(
                f"max_cost: no price of {self.model!r} at {options.base_url} is known: -o reasoner.input_price=DOLLARS"
                " -o reasoner.output_price=DOLLARS, both for a million tokens"
            )
        self._client = server.open_client(options)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def send_question(self, question: Question) -> Answer:
        """Send one question and return the answer. Raises MissingError, InputError or ConfigError."""
        tokens = self._token_estimator.estimate_tokens(question)
        reserved = self._budget.reserve_amount(self._price.compute_cost(tokens, self._options.max_tokens) or 0.0)
        spent = 0.0
        try:
            now, amounts = monotonic(), (1, tokens + self._options.max_tokens)
            sleep(max(pace.compute_delay(amount, now) for pace, amount in zip(self._rate_limiters, amounts, strict=True)))
            answer = self._request_answer(question)
            self._token_estimator.update_factor(question, answer.prompt_tokens)
            spent = answer.cost or 0.0
            return answer
        finally:
            self._budget.settle_reservation(reserved, spent)

    def _request_answer(self, question: Question) -> Answer:
        started = perf_counter()
        try:
            raw = self._send_with_fallbacks(question)
            return self._parse_completion(raw.parse(), raw.retries_taken, perf_counter() - started)
        except openai.BadRequestError as error:
            if error.code in FILTER_CODES:
                return self._make_filtered_answer(perf_counter() - started)
            raise self._explain_error(error) from None
        except openai.APIError as error:
            raise self._explain_error(error) from None

    def _send_with_fallbacks(self, question: Question) -> Any:
        """Send a question, and again without each optional parameter that the server refuses; those are then always omitted."""
        refused = self._refused_parameters
        while True:
            request = _build_request(question, self._options, self.model, refused)
            try:
                raw = self._client.chat.completions.with_raw_response.create(**request)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                culprit = _find_refused_parameter(error, request)
                if culprit is None:
                    raise
                refused = refused | {culprit}
            else:
                self._refused_parameters |= refused
                return raw

    def _parse_completion(self, completion: Any, retries: int, seconds: float) -> Answer:
        if not isinstance(completion, ChatCompletion) or not isinstance(completion.choices, list):
            raise self._make_unreadable_error(str(completion))
        usage = completion.usage
        details = usage.prompt_tokens_details if usage else None
        taken = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        text, finish = _extract_answer(completion)
        return Answer(
            text=text,
            model=completion.model or self.model,
            finish_reason=finish,
            prompt_tokens=taken[0],
            completion_tokens=taken[1],
            cost=self._price.compute_cost(*taken, (details and details.cached_tokens) or 0) if usage else None,
            retries=retries,
            seconds=seconds,
        )

    def _make_filtered_answer(self, seconds: float) -> Answer:
        facts = {"prompt_tokens": 0, "completion_tokens": 0, "retries": 0, "cost": 0.0, "seconds": seconds}
        return Answer.model_validate({"text": "", "model": self.model, "finish_reason": "filter", **facts})

    def _explain_error(self, error: openai.APIError) -> AlrefError:
        """Convert an error of the package to one that suggests what to do and never contains the key."""
        where, said = self._options.base_url, self._hide_key(_extract_error_message(error))
        if isinstance(error, openai.APITimeoutError):
            return MissingError(f"{where} gave no answer within {self._options.timeout:g} s: raise -o reasoner.timeout")
        if isinstance(error, openai.APIConnectionError):
            return MissingError(f"the connection to {where} failed ({said}): start the server, or set base_url")
        if not isinstance(error, openai.APIStatusError):
            return MissingError(f"{where}: {said}")
        if error.status_code == 401:
            return MissingError(server.make_key_problem(self._options))
        if error.status_code == 403:
            return MissingError(f"{where} does not allow it ({said}): look at the rights of the key, or choose another model")
        if error.status_code == 404:
            return MissingError(f"{where} has no model {self.model!r} or no chat ({said}): -o reasoner.model=NAME")
        if error.status_code == 429:
            return MissingError(
                f"{where} refuses more questions for now ({said}); all answers so far are kept: run the same again"
                " later, or with -o reasoner.requests_per_minute=NUMBER"
            )
        if error.status_code >= 500:
            return self._make_unreadable_error(said)
        return InputError(f"{where}, {self.model}: the question is refused ({said}): send less, or choose another model")

    def _make_unreadable_error(self, message: str) -> MissingError:
        where = self._options.base_url
        return MissingError(
            f"{where} gave no answer that can be read ({self._hide_key(message)}); all answers so far are kept: run the"
            " same again, or set base_url"
        )

    def _hide_key(self, text: str) -> str:
        shown = text.replace(self._key, "<key>") if self._key != server.NO_KEY else text
        return " ".join(shown.split())[:300]


def _build_request(question: Question, options: OpenAIOptions, model: str, refused: frozenset[str]) -> dict[str, Any]:
    optional: dict[str, Any] = {"temperature": options.temperature, "max_tokens": options.max_tokens}
    if options.seed is not None:
        optional["seed"] = options.seed
    if question.answer_schema is not None:
        schema = {"name": "answer", "schema": question.answer_schema, "strict": True}
        optional["response_format"] = {"type": "json_schema", "json_schema": schema}
    request = {name: value for name, value in optional.items() if name not in refused}
    if "max_tokens" in refused:
        request["max_completion_tokens"] = options.max_tokens
    return {"model": model, "messages": _build_messages(question, options.detail), **request}


def _build_messages(question: Question, detail: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": each.role, "content": each.text} for each in question.messages]
    first = next((each for each in messages if each["role"] == "user"), None)
    if first is not None and question.images:
        pictures = [
            {"type": "image_url", "image_url": {"url": _encode_data_url(data), "detail": detail}} for data in question.images
        ]
        first["content"] = [{"type": "text", "text": first["content"]}, *pictures]
    return messages


def _encode_data_url(image: bytes) -> str:
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(image).decode()}"


def _find_refused_parameter(error: openai.APIStatusError, request: dict[str, Any]) -> str | None:
    """Find the optional parameter that a server refuses: the one that it names, else the schema, as few servers name that."""
    if error.code in FILTER_CODES:
        return None
    said = re.findall(r"\w+", f"{error.param} {_extract_error_message(error)}".lower())
    sent = [name for name in ("max_tokens", "temperature", "seed", "response_format") if name in request]
    return next((name for name in sent if name in said), "response_format" if "response_format" in sent else None)


def _extract_error_message(error: openai.APIError) -> str:
    """Return the error message of a server, or its whole response without one."""
    message = error.body.get("message") if isinstance(error.body, dict) else None
    return str(message or (error.response.text if isinstance(error, openai.APIStatusError) else error.message))


def _extract_answer(completion: ChatCompletion) -> tuple[str, FinishReason]:
    if not completion.choices:
        return "", "stop"
    choice = completion.choices[0]
    if choice.message.refusal:
        return choice.message.refusal, "refusal"
    return choice.message.content or "", FINISH_REASONS.get(choice.finish_reason, "stop")
