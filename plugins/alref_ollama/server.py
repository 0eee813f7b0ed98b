"""Check an Ollama server before the first question: whether it runs, has the model, and the model accepts images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from alref import MissingError, Problem
from alref.errors import sanitize_line
from alref.utils import http_client, network

if TYPE_CHECKING:
    import httpx2

    from alref_ollama import OllamaOptions

DEFAULT_ADDRESS = "127.0.0.1:11434"
HOST_VARIABLE = "OLLAMA_HOST"
KEY_VARIABLE = "OLLAMA_API_KEY"
START_HINT = "ollama serve"
TIMEOUT = 5.0
"""Timeout in seconds for the information about a model."""


def validate_host(text: str | None) -> str | None:
    """Return the address of a server. Raises ValueError if it is invalid or contains a password."""
    address = _complete_address(text or DEFAULT_ADDRESS)
    if not network.is_address(address):
        raise ValueError(f"expected an address such as {DEFAULT_ADDRESS} or https://host/path")
    if "@" in urlsplit(address).netloc:
        raise ValueError(f"expected an address without a name and a password; they belong in {HOST_VARIABLE}")
    return text


def resolve_address(options: OllamaOptions) -> str:
    """Return the address of the server, from the options or ``OLLAMA_HOST``, as ``http://host:port`` without a password."""
    parts = urlsplit(_read_address(options))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _read_address(options: OllamaOptions) -> str:
    """Return the address with the password that ``OLLAMA_HOST`` may have. Raises MissingError if it is none."""
    if options.host:
        return _complete_address(options.host)
    text = os.environ.get(HOST_VARIABLE, "").strip()
    address = _complete_address(text or DEFAULT_ADDRESS)
    if not network.is_address(address):
        message = sanitize_line(f"{HOST_VARIABLE}={text} is not the address of a server")
        raise MissingError(Problem(option="host", message=message, hint=f"unset {HOST_VARIABLE}", value=DEFAULT_ADDRESS))
    return address


def _complete_address(text: str) -> str:
    """Return an address with its scheme, its host and its port; a server that listens everywhere is asked on this machine."""
    text = text.rstrip("/")
    if "://" in text:
        return text
    place, slash, path = text.partition("/")
    user, at, place = place.rpartition("@")
    host = f"127.0.0.1{place}" if place.startswith(":") else place.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - not bound
    port = "" if ":" in host.rpartition("]")[2] else ":11434"
    return f"http://{user}{at}{host}{port}{slash}{path}"


def open_client(options: OllamaOptions, timeout: float) -> httpx2.Client:
    """Open a connection. Raises MissingError if an environment variable keeps it from being made."""
    parts = urlsplit(_read_address(options))
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    key = os.environ.get(KEY_VARIABLE, "").strip()
    headers = {"Authorization": f"Bearer {key}"} if key and not auth else {}
    return http_client.open_client(resolve_address(options), timeout, auth=auth, headers=headers)


def find_problems(options: OllamaOptions) -> list[Problem]:
    """Return a problem if no server runs, the model is missing, or it does not accept images or think."""
    import httpx2

    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key.isascii() or not key.isprintable():
        message = f"the key in {KEY_VARIABLE} has characters that a key cannot have"
        return [Problem(message=message, hint=f"export {KEY_VARIABLE}=...")]
    try:
        address = resolve_address(options)
        with open_client(options, TIMEOUT) as client:
            response = client.post("/api/show", json={"model": options.model})
    except MissingError as error:
        return error.problems
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return [network.explain_connection(address, str(error), START_HINT)]
    if response.status_code == 404 and "model" in response.text:
        return [make_model_problem(options)]
    if response.status_code in (401, 403):
        return [make_key_problem(options)]
    try:
        shown = response.json()
    except (ValueError, RecursionError):
        shown = None
    if not isinstance(shown, dict):
        message = f"{address} does not answer as an Ollama server does"
        return [Problem(option="host", message=message, value=DEFAULT_ADDRESS)]
    return _find_model_problems(options, shown.get("capabilities"))


def _find_model_problems(options: OllamaOptions, capabilities: Any) -> list[Problem]:
    """Return a problem if the capabilities of a model, as far as the server says them, are not those that are asked for."""
    if not isinstance(capabilities, list):
        return []
    if options.vision and "vision" not in capabilities:
        return [Problem(option="vision", message=f"{options.model} does not see images", hint="another model", value="false")]
    if options.thinking and "thinking" not in capabilities:
        return [Problem(option="thinking", message=f"{options.model} does not think", hint="another model", value="false")]
    return []


def make_model_problem(options: OllamaOptions) -> Problem:
    """Return the problem that the server does not have the model."""
    message = f"{resolve_address(options)} has no model {options.model!r}"
    return Problem(option="model", message=message, hint=f"ollama pull {options.model}")


def make_key_problem(options: OllamaOptions) -> Problem:
    """Return the problem that a server wants a password or a key, or refuses it."""
    message = f"{resolve_address(options)} wants a name and a password, or a key"
    return Problem(message=message, hint=f"export {HOST_VARIABLE}=http://NAME:PASSWORD@HOST, or export {KEY_VARIABLE}=...")
