"""Reasoners for OpenAI-compatible servers: GPT-4, and any model of vLLM, llama.cpp, LM Studio, OpenRouter and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, field_validator, model_validator

from alref import ConnectedReasoner, Problem, SpatialReasoner, TemporalReasoner, hookimpl
from alref.llm.server_options import ServerOptions
from alref_openai import server

if TYPE_CHECKING:
    from alref.llm.batch_service import BatchService
    from alref_openai._runtime import OpenAIConnection


class OpenAIOptions(ServerOptions):
    """Options of openai."""

    model: str | None = Field(None, description="model to query (default: the only model of the server)")
    base_url: str = Field(
        default_factory=server.read_base_url,
        description="URL of the server; most end in /v1 (default: OPENAI_BASE_URL, else OpenAI)",
    )
    key_variable: str = Field(
        "OPENAI_API_KEY", pattern=r"^[A-Za-z_]\w*$", description="environment variable that contains the API key"
    )
    detail: Literal["auto", "low", "high"] = Field("high", description="level of detail at which the model processes images")
    requests_per_minute: float | None = Field(None, gt=0, description="maximum requests per minute")
    tokens_per_minute: float | None = Field(None, gt=0, description="maximum tokens per minute (estimated)")
    batch: bool = Field(
        False, description="alref batch: send questions through the Batch API, for half the price and hours later"
    )
    max_cost: float | None = Field(None, gt=0, description="maximum cost of one run in US dollars")
    input_price: float | None = Field(None, ge=0, description="US dollars per million input tokens, if the price is unknown")
    output_price: float | None = Field(None, ge=0, description="US dollars per million output tokens, if the price is unknown")

    @field_validator("base_url")
    @classmethod
    def _validate_address(cls, value: str) -> str:
        return server.validate_address(value)

    @model_validator(mode="after")
    def _check_prices(self) -> Self:
        if (self.input_price is None) != (self.output_price is None):
            raise ValueError("input_price and output_price go together")
        return self


class OpenAI(ConnectedReasoner["OpenAIConnection"]):
    """Queries a model of an OpenAI-compatible server, such as vLLM, llama.cpp, LM Studio or OpenRouter."""

    name = "openai"
    extra = "openai"
    needs = ("openai", "genai_prices")
    concurrent = True
    Options = OpenAIOptions
    options: OpenAIOptions
    neutral_options = ConnectedReasoner.neutral_options | (
        set(OpenAIOptions.model_fields) - {"base_url", "temperature", "seed", "detail", "thinking"}
    )

    def problems(self) -> list[Problem]:
        """Return problems if the library, key, server or model is missing; a replay needs only the name of the model."""
        if self.options.replay is not None and not self.options.model:
            return [Problem(option="model", message="a replay needs the name of the model", value="NAME")]
        if self.uses_batches and self._queue is None:
            message = "questions are sent in batches only by `alref batch`"
            return [Problem(option="batch", message=message, hint="alref batch VIDEO EXPRESSION --out STORE", value="false")]
        return super().problems()

    def find_model_problems(self) -> list[Problem]:
        """Return problems of the key, the server or the model."""
        return server.find_problems(self.options)

    def connect(self) -> OpenAIConnection:
        """Return an open connection. Raises ConfigError if ``max_cost`` is set and no price is known."""
        from alref_openai._runtime import OpenAIConnection

        return OpenAIConnection(self.options)

    def open_batches(self) -> BatchService:
        """Return the Batch API of the server."""
        from alref_openai._batches import OpenAIBatches

        return OpenAIBatches(self.connection)

    def get_model_id(self) -> str:
        """Return the name of the model, also if the server chooses it."""
        connection: OpenAIConnection | None = self.shared_model.get(self)
        return connection.model if connection is not None else super().get_model_id()

    def compute_cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return the cost in dollars, None if the price is not known or the price list is not installed."""
        if self.find_missing_libraries():
            return None
        from alref_openai.spending import TokenPrice

        return TokenPrice(self.options, self.get_model_id()).compute_cost(prompt_tokens, completion_tokens)


class GPT4Options(OpenAIOptions):
    """Options of gpt4."""

    model: str | None = Field("gpt-4o", description="model to query")


class GPT4(OpenAI):
    """Queries GPT-4, as AL-Ref-SAM 2 does."""

    name = "gpt4"
    Options = GPT4Options


@hookimpl
def register_reasoners() -> list[type[TemporalReasoner] | type[SpatialReasoner]]:
    """Register the components."""
    return [OpenAI, GPT4]
