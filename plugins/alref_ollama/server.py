"""Check an Ollama server before the first question: whether it runs, has the model, and the model accepts images."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from alref.errors import MissingError, Problem, sanitize_line
from alref.llm.server_errors import classify_error
from alref.utils.network import LimitedStream, explain_connection, find_proxy_variable, is_address, translate_client_errors

if TYPE_CHECKING:
    import httpx
    import ollama

    from alref_ollama import OllamaOptions

DEFAULT_ADDRESS = "127.0.0.1:11434"
HOST_VARIABLE = "OLLAMA_HOST"
START_HINT = "ollama serve"
TIMEOUT = 5.0
"""Timeout in seconds for the information about a model."""


def validate_host(text: str | None) -> str | None:
    """Return the address of a server. Raises ValueError if it is invalid or contains a password."""
    address = _complete_address(text or DEFAULT_ADDRESS)
    if not is_address(address):
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
    if not is_address(address):
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


def open_client(options: OllamaOptions, timeout: float) -> ollama.Client:
    """Open a connection, without a proxy where none is used for the address; the time of a response is limited.

    The answer to a question arrives checked, as one object. Raises MissingError if an environment variable keeps a connection
    from being made.
    """
    import httpx
    import ollama

    from alref_ollama.replies import check_status, join_parts

    class Stream(LimitedStream, httpx.SyncByteStream):
        pass

    def read_response(response: httpx.Response) -> None:
        late = httpx.ReadTimeout("the response does not end", request=response.request)
        response.stream = Stream(response.stream, timeout, late)
        if response.request.url.path.endswith("/api/chat") and not response.is_redirect:
            data = b"".join(response.stream)
            response.stream.close()
            content = httpx.Response(response.status_code, headers=response.headers, content=data).content
            check_status(response.status_code, response.headers, content)
            response.headers.pop("content-encoding", None)
            response.stream = httpx.ByteStream(json.dumps(join_parts(content)).encode())

    address = _read_address(options)
    parts = urlsplit(address)
    auth = (unquote(parts.username or ""), unquote(parts.password or "")) if parts.username else None
    with translate_client_errors(resolve_address(options), "httpx"):
        transport = None if find_proxy_variable(address) else httpx.HTTPTransport()
        hooks = {"response": [read_response]}
        return ollama.Client(resolve_address(options), timeout=timeout, event_hooks=hooks, transport=transport, auth=auth)


def find_problems(options: OllamaOptions) -> list[Problem]:
    """Return a problem if no server runs, the model is missing, or it does not accept images or think."""
    import httpx
    import ollama

    try:
        with open_client(options, TIMEOUT) as client:
            seen = client.show(options.model).capabilities
    except MissingError as error:
        return error.problems
    except ollama.ResponseError as error:
        if error.status_code == 404:
            return [make_model_problem(options)]
        return [make_key_problem(options)] if classify_error(error.status_code, error.error) == "key" else []
    except (ConnectionError, httpx.HTTPError) as error:
        return [explain_connection(resolve_address(options), str(error.__context__ or error), START_HINT)]
    except (ValueError, AttributeError, TypeError):
        message = f"{resolve_address(options)} does not answer as an Ollama server does"
        return [Problem(option="host", message=message, value=DEFAULT_ADDRESS)]
    if seen is None:
        return []
    if options.vision and "vision" not in seen:
        return [Problem(option="vision", message=f"{options.model} does not see images", hint="another model", value="false")]
    if options.thinking and "thinking" not in seen:
        return [Problem(option="thinking", message=f"{options.model} does not think", hint="another model", value="false")]
    return []


def make_model_problem(options: OllamaOptions) -> Problem:
    """Return the problem that the server does not have the model."""
    message = f"{resolve_address(options)} has no model {options.model!r}"
    return Problem(option="model", message=message, hint=f"ollama pull {options.model}")


def make_key_problem(options: OllamaOptions) -> Problem:
    """Return the problem that a server wants a password or a key, or refuses it."""
    message = f"{resolve_address(options)} wants a name and a password, or a key"
    return Problem(message=message, hint=f"export {HOST_VARIABLE}=http://NAME:PASSWORD@HOST, or export OLLAMA_API_KEY=...")
