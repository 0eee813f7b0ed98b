"""Check a server before the first question: its address, its key, and the models that it lists."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alref.errors import MissingError, Problem

if TYPE_CHECKING:
    import httpx2
    import openai

    from alref_openai import OpenAIOptions

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent instead of a key to a server that needs none."""
LIST_TIMEOUT = 5.0
"""Timeout in seconds for the list of models."""
MAX_LISTED_MODELS = 20
"""Maximum number of models named in one message."""


def validate_address(text: str) -> str:
    """Return an address without a trailing slash. Raises ValueError if it is invalid or contains a password."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc or parts.query:
        raise ValueError("expected an address without a name, a password or a query; a key belongs in key_variable")
    return text.rstrip("/")


def get_key(options: OpenAIOptions) -> str:
    """Return the key from the environment, or ``NO_KEY``."""
    return os.environ.get(options.key_variable, "").strip() or NO_KEY


def find_problems(options: OpenAIOptions) -> list[Problem]:
    """Return a problem if the key is missing or wrong, no server answers, or it does not have the model."""
    import openai

    found = _find_key_problems(options)
    if found:
        return found
    try:
        listed = list_models(options)
    except openai.AuthenticationError:
        return [make_key_problem(options)]
    except openai.APIConnectionError as error:
        message = f"no server at {options.base_url} ({error.__cause__ or error})"
        return [Problem(option="base_url", message=message, hint="start it", value="ADDRESS")]
    except openai.APIStatusError as error:
        if error.response.headers.get("content-type", "").startswith("text/html"):
            message = f"{options.base_url} answers with a web page; most addresses end in /v1"
            return [Problem(option="base_url", message=message, value="ADDRESS")]
        listed = []
    except (openai.APIError, ValueError):
        listed = []
    return _find_model_problems(options, listed)


def _find_key_problems(options: OpenAIOptions) -> list[Problem]:
    key, hint = get_key(options), f"export {options.key_variable}=..."
    if key == NO_KEY and options.base_url == OPENAI_URL:
        return [Problem(message=f"needs a key of {OPENAI_URL}", hint=hint)]
    if not key.isascii() or not key.isprintable():
        return [Problem(message=f"the key in {options.key_variable} has characters that a key cannot have", hint=hint)]
    return []


def list_models(options: OpenAIOptions) -> list[str]:
    """List the models of a server. Raises openai.APIError, or ValueError if the response is not a list of models."""
    with open_client(options).with_options(max_retries=0, timeout=min(options.timeout, LIST_TIMEOUT)) as client:
        listed = getattr(client.models.list(), "data", None)
    if not isinstance(listed, list):
        raise ValueError("expected a list of models")
    return [str(getattr(each, "id", "")) for each in listed]


def find_only_model(options: OpenAIOptions) -> str:
    """Return the only model that a server lists. Raises MissingError if it lists none or several."""
    import openai

    try:
        listed = list_models(options)
    except (openai.APIError, ValueError):
        listed = []
    if len(listed) != 1:
        raise MissingError(*(problem.assign_slot("reasoner") for problem in _find_model_problems(options, listed)))
    return listed[0]


def open_client(options: OpenAIOptions) -> openai.OpenAI:
    """Open a connection; a response that is not JSON counts as a server error, so that the request is retried."""
    import openai

    return openai.OpenAI(
        api_key=get_key(options),
        base_url=options.base_url,
        timeout=options.timeout,
        max_retries=options.retries,
        http_client=openai.DefaultHttpx2Client(event_hooks={"response": [_mark_unreadable]}),
    )


def make_key_problem(options: OpenAIOptions) -> Problem:
    """Return the problem of a key that a server refuses, or that is missing."""
    reason = "needs a key" if get_key(options) == NO_KEY else f"refuses the key in {options.key_variable}"
    return Problem(message=f"{options.base_url} {reason}", hint=f"export {options.key_variable}=...")


def _find_model_problems(options: OpenAIOptions, listed: list[str]) -> list[Problem]:
    """Return a problem if a model must be named or is not listed; a suffix after a colon is a variant, a path is accepted."""
    names = {name.partition(":")[0] for name in listed}
    if options.model is None:
        fault = "" if len(listed) == 1 else "has several models" if listed else "lists no model"
    else:
        known = not listed or options.model.partition(":")[0] in names or options.model.startswith("/")
        fault = "" if known else f"has no model {options.model!r}"
    value = f"NAME, one of {', '.join(sorted(listed)[:MAX_LISTED_MODELS])}" if listed else "NAME"
    return [Problem(option="model", message=f"{options.base_url} {fault}", value=value)] if fault else []


def _mark_unreadable(response: httpx2.Response) -> None:
    if response.is_success:
        try:
            json.loads(response.read())
        except ValueError:
            response.status_code = 502
