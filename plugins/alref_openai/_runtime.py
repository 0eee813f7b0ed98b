"""Questions and answers over the openai package, which retries with jitter and obeys Retry-After of up to two minutes."""

from __future__ import annotations

import re
from base64 import b64encode
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING, Any

import openai
from openai.types.chat import ChatCompletion

from alref.errors import AlrefError, ConfigError, InputError, MissingError
from alref.llm.messages import Answer, Finish, Question
from alref_openai import server
from alref_openai.spending import Budget, Estimate, Pace, Price

if TYPE_CHECKING:
    from alref_openai import OpenAIOptions

FINISHES: dict[str, Finish] = {"length": "length", "content_filter": "filter"}
FILTERED = ("content_filter", "content_policy_violation")


class Service:
    """One connection to a server, for any number of threads; ``model`` is the one that it is asked for."""

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        self._key = server.key(options)
        self.model = options.model or server.only_model(options)
        self._refused: frozenset[str] = frozenset()
        self._price = Price(options, self.model)
        self._budget = Budget(options.max_cost)
        self._estimate = Estimate(options.detail)
        self._paces = Pace(options.requests_per_minute), Pace(options.tokens_per_minute)
        if options.max_cost is not None and self._price.cost(1, 1) is None:
            raise ConfigError(
                f"max_cost: no price of {self.model!r} at {options.base_url} is known: -o reasoner.input_price=DOLLARS"
                " -o reasoner.output_price=DOLLARS, both for a million tokens"
            )
        self._client = server.connected(options)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def chat(self, question: Question) -> Answer:
        """Ask one question. Raises MissingError, InputError or ConfigError."""
        tokens = self._estimate.tokens(question)
        reserved = self._budget.reserve(self._price.cost(tokens, self._options.max_tokens) or 0.0)
        spent = 0.0
        try:
            self._wait(tokens + self._options.max_tokens)
            answer = self._answer(question)
            self._estimate.learn(question, answer.prompt_tokens)
            spent = answer.cost or 0.0
            return answer
        finally:
            self._budget.settle(reserved, spent)

    def _wait(self, tokens: int) -> None:
        now = monotonic()
        sleep(max(pace.delay(amount, now) for pace, amount in zip(self._paces, (1, tokens), strict=True)))

    def _answer(self, question: Question) -> Answer:
        started = perf_counter()
        try:
            raw = self._asked(question)
            return self._read(raw.parse(), raw.retries_taken, perf_counter() - started)
        except openai.BadRequestError as error:
            if error.code in FILTERED:
                return self._filtered(perf_counter() - started)
            raise self._explained(error) from None
        except openai.APIError as error:
            raise self._explained(error) from None

    def _asked(self, question: Question) -> Any:
        """Ask, and once more without each optional parameter that the server refuses; those are then left out for good."""
        refused = self._refused
        while True:
            request = _request(question, self._options, self.model, refused)
            try:
                raw = self._client.chat.completions.with_raw_response.create(**request)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                culprit = _culprit(error, request)
                if culprit is None:
                    raise
                refused = refused | {culprit}
            else:
                self._refused |= refused
                return raw

    def _read(self, completion: Any, retries: int, seconds: float) -> Answer:
        if not isinstance(completion, ChatCompletion) or not isinstance(completion.choices, list):
            raise self._no_completion(str(completion))
        usage = completion.usage
        details = usage.prompt_tokens_details if usage else None
        taken = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        text, finish = _said(completion)
        return Answer(
            text=text,
            model=completion.model or self.model,
            finish=finish,
            prompt_tokens=taken[0],
            completion_tokens=taken[1],
            cost=self._price.cost(*taken, (details and details.cached_tokens) or 0) if usage else None,
            retries=retries,
            seconds=seconds,
        )

    def _filtered(self, seconds: float) -> Answer:
        facts = {"prompt_tokens": 0, "completion_tokens": 0, "retries": 0, "cost": 0.0, "seconds": seconds}
        return Answer.model_validate({"text": "", "model": self.model, "finish": "filter", **facts})

    def _explained(self, error: openai.APIError) -> AlrefError:
        """Turn an error of the package into one that says what to do; the key is in none."""
        where, said = self._options.base_url, self._without_key(_words(error))
        if isinstance(error, openai.APITimeoutError):
            return MissingError(f"{where} gave no answer within {self._options.timeout:g} s: raise -o reasoner.timeout")
        if isinstance(error, openai.APIConnectionError):
            return MissingError(f"the connection to {where} failed ({said}): start the server, or set base_url")
        if not isinstance(error, openai.APIStatusError):
            return MissingError(f"{where}: {said}")
        if error.status_code == 401:
            return MissingError(server.refused_key(self._options))
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
            return self._no_completion(said)
        return InputError(f"{where}, {self.model}: the question is refused ({said}): send less, or choose another model")

    def _no_completion(self, said: str) -> MissingError:
        where = self._options.base_url
        return MissingError(
            f"{where} gave no answer that can be read ({self._without_key(said)}); all answers so far are kept: run the"
            " same again, or set base_url"
        )

    def _without_key(self, text: str) -> str:
        shown = text.replace(self._key, "<key>") if self._key != server.NO_KEY else text
        return " ".join(shown.split())[:300]


def _request(question: Question, options: OpenAIOptions, model: str, refused: frozenset[str]) -> dict[str, Any]:
    optional: dict[str, Any] = {"temperature": options.temperature, "max_tokens": options.max_tokens}
    if options.seed is not None:
        optional["seed"] = options.seed
    if question.answer_schema is not None:
        schema = {"name": "answer", "schema": question.answer_schema, "strict": True}
        optional["response_format"] = {"type": "json_schema", "json_schema": schema}
    request = {name: value for name, value in optional.items() if name not in refused}
    if "max_tokens" in refused:
        request["max_completion_tokens"] = options.max_tokens
    return {"model": model, "messages": _messages(question, options.detail), **request}


def _messages(question: Question, detail: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": each.role, "content": each.text} for each in question.messages]
    first = next((each for each in messages if each["role"] == "user"), None)
    if first is not None and question.images:
        pictures = [{"type": "image_url", "image_url": {"url": _url(data), "detail": detail}} for data in question.images]
        first["content"] = [{"type": "text", "text": first["content"]}, *pictures]
    return messages


def _url(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"


def _culprit(error: openai.APIStatusError, request: dict[str, Any]) -> str | None:
    """Find the optional parameter that a server refuses: the one that it names, else the schema, which few explain."""
    if error.code in FILTERED:
        return None
    said = re.findall(r"\w+", f"{error.param} {_words(error)}".lower())
    sent = [name for name in ("max_tokens", "temperature", "seed", "response_format") if name in request]
    return next((name for name in sent if name in said), "response_format" if "response_format" in sent else None)


def _words(error: openai.APIError) -> str:
    """Return what a server said of an error: its message, else all that it sent."""
    message = error.body.get("message") if isinstance(error.body, dict) else None
    return str(message or (error.response.text if isinstance(error, openai.APIStatusError) else error.message))


def _said(completion: ChatCompletion) -> tuple[str, Finish]:
    if not completion.choices:
        return "", "stop"
    choice = completion.choices[0]
    if choice.message.refusal:
        return choice.message.refusal, "refusal"
    return choice.message.content or "", FINISHES.get(choice.finish_reason, "stop")
