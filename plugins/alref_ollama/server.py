"""Check an Ollama server before the first question: whether it runs, has the model, and the model accepts images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alref.errors import Problem

if TYPE_CHECKING:
    from alref_ollama import OllamaOptions

DEFAULT_ADDRESS = "127.0.0.1:11434"
TIMEOUT = 5.0
"""Timeout in seconds for the information about a model."""


def resolve_address(options: OllamaOptions) -> str:
    """Return the address of the server, from the options or ``OLLAMA_HOST``, as ``http://host:port``."""
    text = (options.host or os.environ.get("OLLAMA_HOST") or DEFAULT_ADDRESS).rstrip("/")
    if "://" in text:
        return text
    parts = urlsplit(f"http://{text}")
    place = f"127.0.0.1{parts.netloc}" if parts.netloc.startswith(":") else parts.netloc
    return f"http://{place}{'' if parts.port else ':11434'}{parts.path}"


def find_problems(options: OllamaOptions) -> list[Problem]:
    """Return a problem if no server runs, the model is missing, or it does not accept images."""
    import httpx
    import ollama

    try:
        with ollama.Client(resolve_address(options), timeout=TIMEOUT) as client:
            seen = client.show(options.model).capabilities
    except ollama.ResponseError as error:
        return [make_no_model_problem(options)] if error.status_code == 404 else []
    except (ConnectionError, httpx.TransportError):
        return [make_no_server_problem(options)]
    except (ValueError, httpx.InvalidURL):
        message = f"{options.host or 'OLLAMA_HOST'} is not the address of an Ollama server"
        return [Problem(option="host", message=message, value=DEFAULT_ADDRESS)]
    if options.vision and seen is not None and "vision" not in seen:
        return [Problem(option="vision", message=f"{options.model} does not see images", hint="another model", value="false")]
    return []


def make_no_server_problem(options: OllamaOptions) -> Problem:
    """Return the problem that no server runs."""
    return Problem(message=f"no Ollama server answers at {resolve_address(options)}", hint="ollama serve")


def make_no_model_problem(options: OllamaOptions) -> Problem:
    """Return the problem that the server does not have the model."""
    message = f"{resolve_address(options)} has no model {options.model!r}"
    return Problem(option="model", message=message, hint=f"ollama pull {options.model}")
