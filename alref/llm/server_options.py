"""Options of all reasoners that ask a server."""

from __future__ import annotations

from pydantic import Field

from alref.llm.options import ChatOptions


class ServerOptions(ChatOptions):
    """Options of reasoners that ask a server."""

    temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature; 0 is greedy")
    seed: int | None = Field(0, description="random seed, if the server supports it")
    max_tokens: int | None = Field(
        2048, ge=16, description="maximum length of an answer in tokens; null sends none, and the server decides"
    )
    timeout: float = Field(120.0, gt=0, description="timeout for one answer in seconds")
    retries: int = Field(5, ge=0, description="retries if the server is busy or fails")


NEUTRAL_SERVER_OPTIONS = frozenset({"max_tokens", "timeout", "retries"})
"""Options of a server that do not change a complete answer."""
