"""A reasoner for models of an Ollama server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from alref import ConnectedReasoner, SpatialReasoner, TemporalReasoner, hookimpl
from alref.llm.server_options import NEUTRAL_SERVER_OPTIONS, ServerOptions
from alref_ollama import server

if TYPE_CHECKING:
    from alref import Problem
    from alref_ollama._runtime import OllamaConnection


class OllamaOptions(ServerOptions):
    """Options of ollama."""

    model: str = Field("qwen2.5vl", min_length=1, description="model to query, as shown by: ollama list")
    host: str | None = Field(None, description="URL of the server (default: OLLAMA_HOST, else 127.0.0.1:11434)")
    _check_host = field_validator("host")(server.validate_host)

    num_ctx: int = Field(8192, ge=512, description="context length in tokens, including images")
    keep_alive: str | None = Field(None, description="how long the model stays loaded: 10m, 0, or -1 for unlimited")
    timeout: float = Field(600.0, gt=0, description="timeout for one answer in seconds; the first loads the model")
    retries: int = Field(3, ge=0, description="retries if the server is busy or fails")


class Ollama(ConnectedReasoner["OllamaConnection"]):
    """Queries a model of an Ollama server; no data leaves that machine."""

    name = "ollama"
    extra = "ollama"
    needs = ("httpx2",)
    concurrent = True
    Options = OllamaOptions
    options: OllamaOptions
    neutral_options = ConnectedReasoner.neutral_options | NEUTRAL_SERVER_OPTIONS | {"host", "keep_alive"}

    def find_model_problems(self) -> list[Problem]:
        """Return problems if no server runs, the model is missing, or the model takes no images."""
        models = [
            self.options,
            *(self.options.model_copy(update={"model": name}) for name in filter(None, self.options.voters)),
        ]
        return next(filter(None, map(server.find_problems, models)), [])

    def connect(self) -> OllamaConnection:
        """Return an open connection."""
        from alref_ollama._runtime import OllamaConnection

        return OllamaConnection(self.options)

    def compute_cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return 0 dollars, because the model runs locally."""
        return 0.0


@hookimpl
def register_reasoners() -> list[type[TemporalReasoner] | type[SpatialReasoner]]:
    """Register the component."""
    return [Ollama]
