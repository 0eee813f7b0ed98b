"""What can be known of an Ollama server before it is asked anything: whether it runs, has the model, and the model sees."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from alref_ollama import OllamaOptions

DEFAULT = "127.0.0.1:11434"
PATIENCE = 5.0
"""Seconds to wait for what the server knows of a model."""


def address(options: OllamaOptions) -> str:
    """Return the server's address, from the options or ``OLLAMA_HOST``, as ``http://host:port``."""
    text = (options.host or os.environ.get("OLLAMA_HOST") or DEFAULT).rstrip("/")
    if "://" in text:
        return text
    parts = urlsplit(f"http://{text}")
    place = f"127.0.0.1{parts.netloc}" if parts.netloc.startswith(":") else parts.netloc
    return f"http://{place}{'' if parts.port else ':11434'}{parts.path}"


def problems(options: OllamaOptions) -> list[str]:
    """Say that no server runs, that the model is not there, or that it does not see."""
    try:
        known = _shown(options)
    except HTTPError as error:
        error.close()
        return [not_pulled(options)] if error.code == 404 else []
    except ValueError:
        return [f"{address(options)} is no Ollama server: set -o reasoner.host"]
    except OSError:
        return [not_running(options)]
    blind = options.vision and "vision" not in known.get("capabilities", ["vision"])
    return [f"{options.model} sees no pictures: choose another model, or -o reasoner.vision=false"] if blind else []


def not_running(options: OllamaOptions) -> str:
    """Say how to start the server."""
    return f"no Ollama server answers at {address(options)}; start it: ollama serve"


def not_pulled(options: OllamaOptions) -> str:
    """Say how to get the model."""
    return f"{address(options)} has no model {options.model!r}; get it: ollama pull {options.model}"


def _shown(options: OllamaOptions) -> dict[str, Any]:
    body = json.dumps({"model": options.model}).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"{address(options)}/api/show", body, headers)  # noqa: S310 - an address of the user's own
    with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
        data = json.load(answer)
    if not isinstance(data, dict):
        raise ValueError("expected a mapping")
    return data
