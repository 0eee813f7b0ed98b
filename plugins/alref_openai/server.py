"""What can be known of a server before it is asked anything: its address, the key for it, the models that it lists."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alref.errors import MissingError

if TYPE_CHECKING:
    import httpx2
    import openai

    from alref_openai import OpenAIOptions

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent in the place of a key to a server that needs none."""
LIST_TIMEOUT = 5.0
"""Seconds to wait for the list of models."""
MAX_LISTED_MODELS = 20
"""Most models named in one message."""


def validate_address(text: str) -> str:
    """Check an address and take the slash off its end. Raises ValueError when it is none, or carries a password."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc or parts.query:
        raise ValueError("expected an address without a name, a password or a query; a key belongs in key_variable")
    return text.rstrip("/")


def get_key(options: OpenAIOptions) -> str:
    """Return the key from the environment, or ``NO_KEY``."""
    return os.environ.get(options.key_variable, "").strip() or NO_KEY


def find_problems(options: OpenAIOptions) -> list[str]:
    """Say that the key is missing or wrong, that no server is there, or that it has no such model."""
    import openai

    found = _find_key_problems(options)
    if found:
        return found
    try:
        listed = list_models(options)
    except openai.AuthenticationError:
        return [format_key_error(options)]
    except openai.APIConnectionError as error:
        return [f"no server at {options.base_url} ({error.__cause__ or error}): start it, or set -o reasoner.base_url"]
    except openai.APIStatusError as error:
        if error.response.headers.get("content-type", "").startswith("text/html"):
            return [f"{options.base_url} answers with a web page; most addresses end in /v1: -o reasoner.base_url=ADDRESS"]
        listed = []
    except (openai.APIError, ValueError):
        listed = []
    return _find_model_problems(options, listed)


def _find_key_problems(options: OpenAIOptions) -> list[str]:
    given = get_key(options)
    if given == NO_KEY and options.base_url == OPENAI_URL:
        return [f"needs a key of {OPENAI_URL}: export {options.key_variable}=..."]
    if not given.isascii() or not given.isprintable():
        return [f"the key in {options.key_variable} has characters that no key has: export {options.key_variable}=..."]
    return []


def list_models(options: OpenAIOptions) -> list[str]:
    """List the models of a server. Raises openai.APIError, or ValueError when the answer is no list of models."""
    with open_client(options).with_options(max_retries=0, timeout=min(options.timeout, LIST_TIMEOUT)) as client:
        listed = getattr(client.models.list(), "data", None)
    if not isinstance(listed, list):
        raise ValueError("expected a list of models")
    return [str(getattr(each, "id", "")) for each in listed]


def find_only_model(options: OpenAIOptions) -> str:
    """Return the one model that a server lists. Raises MissingError when there is not one, or more."""
    import openai

    try:
        listed = list_models(options)
    except (openai.APIError, ValueError):
        listed = []
    if len(listed) != 1:
        raise MissingError("\n".join(_find_model_problems(options, listed)))
    return listed[0]


def open_client(options: OpenAIOptions) -> openai.OpenAI:
    """Open a connection; an answer that is no JSON counts as a fault of the server, so that it is asked again."""
    import openai

    return openai.OpenAI(
        api_key=get_key(options),
        base_url=options.base_url,
        timeout=options.timeout,
        max_retries=options.retries,
        http_client=openai.DefaultHttpx2Client(event_hooks={"response": [_mark_unreadable]}),
    )


def format_key_error(options: OpenAIOptions) -> str:
    """Say what to do about a key that a server refuses, or misses."""
    said = "needs a key" if get_key(options) == NO_KEY else f"refuses the key in {options.key_variable}"
    return f"{options.base_url} {said}: export {options.key_variable}=..."


def _find_model_problems(options: OpenAIOptions, listed: list[str]) -> list[str]:
    """Say that a model must be named, or is not listed; a part after a colon is a variant, a path a model of the server."""
    choice, where = f"-o reasoner.model=NAME, one of {', '.join(sorted(listed)[:MAX_LISTED_MODELS])}", options.base_url
    if options.model is None:
        unclear = f"{where} has several models: {choice}" if listed else f"{where} lists no model: -o reasoner.model=NAME"
        return [] if len(listed) == 1 else [unclear]
    names = {name.partition(":")[0] for name in listed}
    known = not listed or options.model.partition(":")[0] in names or options.model.startswith("/")
    return [] if known else [f"{where} has no model {options.model!r}: {choice}"]


def _mark_unreadable(response: httpx2.Response) -> None:
    if response.is_success:
        try:
            json.loads(response.read())
        except ValueError:
            response.status_code = 502
