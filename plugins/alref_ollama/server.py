"""What can be known of an Ollama server before it is asked anything: whether it runs, has the model, and the model sees."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from alref_ollama import OllamaOptions

DEFAULT_ADDRESS = "127.0.0.1:11434"
TIMEOUT = 5.0
"""Seconds to wait for what the server knows of a model."""


def resolve_address(options: OllamaOptions) -> str:
    """Return the server's address, from the options or ``OLLAMA_HOST``, as ``http://host:port``."""
    text = (options.host or os.environ.get("OLLAMA_HOST") or DEFAULT_ADDRESS).rstrip("/")
    if "://" in text:
        return text
    parts = urlsplit(f"http://{text}")
    place = f"127.0.0.1{parts.netloc}" if parts.netloc.startswith(":") else parts.netloc
    return f"http://{place}{'' if parts.port else ':11434'}{parts.path}"


def find_problems(options: OllamaOptions) -> list[str]:
    """Say that no server runs, that the model is not there, or that it does not see."""
    import httpx
    import ollama

    try:
        with ollama.Client(resolve_address(options), timeout=TIMEOUT) as client:
            seen = client.show(options.model).capabilities
    except ollama.ResponseError as error:
        return [format_no_model_error(options)] if error.status_code == 404 else []
    except (ConnectionError, httpx.TransportError):
        return [format_no_server_error(options)]
    except (ValueError, httpx.InvalidURL):
        return [f"{options.host or 'OLLAMA_HOST'} is no address of an Ollama server: -o reasoner.host={DEFAULT_ADDRESS}"]
    blind = options.vision and seen is not None and "vision" not in seen
    return [f"{options.model} sees no pictures: choose another model, or -o reasoner.vision=false"] if blind else []


def format_no_server_error(options: OllamaOptions) -> str:
    """Say how to start the server."""
    return f"no Ollama server answers at {resolve_address(options)}; start it: ollama serve"


def format_no_model_error(options: OllamaOptions) -> str:
    """Say how to get the model."""
    return f"{resolve_address(options)} has no model {options.model!r}; get it: ollama pull {options.model}"
