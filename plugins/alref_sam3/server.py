"""Check the service before a run: its address, the key, and the models that it lists. None of it is billed."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alref import MissingError, Problem
from alref.utils import http_client, network

if TYPE_CHECKING:
    import openai

    from alref_sam3 import Sam3ApiOptions

META_URL = "https://api.meta.ai/v1"
KEY_PAGE = "https://dev.meta.ai"
LIST_TIMEOUT = 10.0
"""Timeout in seconds for the list of models."""


def validate_address(text: str) -> str:
    """Return an address without a trailing slash. Raises ValueError if it is invalid or contains a password."""
    if not network.is_address(text):
        raise ValueError(f"expected an address such as {META_URL}")
    if "@" in urlsplit(text).netloc or urlsplit(text).query:
        raise ValueError("expected an address without a name, a password or a query; a key belongs in key_variable")
    return text.rstrip("/")


def get_key(options: Sam3ApiOptions) -> str:
    """Return the key from the environment, empty if there is none."""
    return os.environ.get(options.key_variable, "").strip()


def open_client(options: Sam3ApiOptions, timeout: float | None = None) -> openai.OpenAI:
    """Open a connection that repeats nothing. Raises MissingError if an environment variable keeps it from being made."""
    import openai

    seconds = timeout or options.timeout
    hooks = {"response": [http_client.check_redirect]}
    client = http_client.make_client(options.base_url, seconds, event_hooks=hooks)
    return openai.OpenAI(
        api_key=get_key(options), base_url=options.base_url, timeout=seconds, max_retries=0, http_client=client
    )


def find_problems(options: Sam3ApiOptions) -> list[Problem]:
    """Return a problem if the key is missing or refused, no server answers, or it does not have the model."""
    import openai

    key = get_key(options)
    if not key or not (key.isascii() and key.isprintable()):
        return [make_key_problem(options)]
    try:
        with open_client(options, LIST_TIMEOUT) as client:
            listed = [each.id for each in client.models.list()]
    except MissingError as error:
        return error.problems
    except (openai.AuthenticationError, openai.PermissionDeniedError):
        return [make_key_problem(options)]
    except openai.APIConnectionError as error:
        if isinstance(error.__cause__, MissingError):
            return error.__cause__.problems
        problem = network.explain_connection(options.base_url, str(error.__cause__ or error), "start it")
        return [replace(problem, option="base_url", value="ADDRESS")]
    except (openai.APIError, ValueError):
        return []
    if listed and options.model not in listed:
        message = f"{options.base_url} has no model {options.model!r}"
        return [Problem(option="model", message=message, value=f"NAME, one of {', '.join(sorted(listed)[:20])}")]
    return []


def make_key_problem(options: Sam3ApiOptions) -> Problem:
    """Return the problem of a key that is missing, is no key, or is refused."""
    key = get_key(options)
    if key and not (key.isascii() and key.isprintable()):
        reason = f"the key in {options.key_variable} has characters that a key cannot have"
    else:
        reason = f"{options.base_url} {f'refuses the key in {options.key_variable}' if key else 'needs a key'}"
    return Problem(message=reason, hint=f"make one at {KEY_PAGE}, then: export {options.key_variable}=...")
