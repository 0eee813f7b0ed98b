"""A reasoner for models of an Ollama server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from alref.components.base import SpatialReasoner, TemporalReasoner
from alref.llm.options import ChatOptions
from alref.llm.reasoner import ChatReasoner
from alref.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from alref.errors import Problem
    from alref.llm.messages import Answer, Question
    from alref_ollama._runtime import OllamaConnection


class OllamaOptions(ChatOptions):
    """Options of ollama."""

    model: str = Field("qwen2.5vl", min_length=1, description="model to query, as shown by: ollama list")
    host: str | None = Field(None, description="URL of the server (default: OLLAMA_HOST, else 127.0.0.1:11434)")
    temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature; 0 is greedy")
    seed: int | None = Field(0, description="random seed")
    num_ctx: int = Field(8192, ge=512, description="context length in tokens, including images")
    max_tokens: int = Field(2048, ge=16, description="maximum length of an answer in tokens")
    keep_alive: str | None = Field(None, description="how long the model stays loaded: 10m, 0, or -1 for unlimited")
    timeout: float = Field(600.0, gt=0, description="timeout for one answer in seconds; the first loads the model")
    retries: int = Field(3, ge=0, description="retries if the server is busy or fails")


class Ollama(ChatReasoner):
    """Queries a model of an Ollama server; no data leaves that machine."""

    name = "ollama"
    extra = "ollama"
    needs = ("ollama",)
    concurrent = True
    Options = OllamaOptions
    options: OllamaOptions
    neutral_options = ChatReasoner.neutral_options | {"host", "keep_alive", "timeout", "retries", "max_tokens"}
    _connection: OllamaConnection | None = None

    def problems(self) -> list[Problem]:
        """Return problems if the library, server or model is missing, or the model takes no images; a replay needs none."""
        from alref_ollama.server import find_problems

        return [] if self.options.replay is not None else super().problems() or find_problems(self.options)

    def load(self) -> None:
        """Open the connection."""
        from alref_ollama._runtime import OllamaConnection

        if self.options.replay is None:
            self._connection = OllamaConnection(self.options)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        super().close()

    def compute_cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return 0 dollars, because the model runs locally."""
        return 0.0

    def chat(self, question: Question) -> Answer:
        """Send one question. Raises MissingError if the server does not answer, InputError if it refuses the question."""
        assert self._connection is not None, "load() comes first"
        return self._connection.send_question(question)


@hookimpl
def register_reasoners() -> list[type[TemporalReasoner] | type[SpatialReasoner]]:
    """Register the component."""
    return [Ollama]
