"""Check a server before the first question: its address, its key, and the models that it lists."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from alref import MissingError, Problem
from alref.errors import sanitize_line
from alref.utils import http_client, network

if TYPE_CHECKING:
    import httpx2
    import openai

    from alref_openai import OpenAIOptions

OPENAI_URL = "https://api.openai.com/v1"
URL_VARIABLE = "OPENAI_BASE_URL"
NO_KEY = "none"
"""Sent instead of a key to a server that needs none."""
LIST_TIMEOUT = 5.0
"""Timeout in seconds for the list of models."""
MAX_LISTED_MODELS = 20
"""Maximum number of models named in one message."""


def read_base_url() -> str:
    """Return the address in ``OPENAI_BASE_URL``, else OpenAI's; an address that cannot be used is a problem of the run."""
    text = os.environ.get(URL_VARIABLE, "").strip()
    return text.rstrip("/") if text and not _describe_fault(text) else OPENAI_URL


def validate_address(text: str) -> str:
    """Return an address without a trailing slash. Raises ValueError if it is invalid or contains a password."""
    if fault := _describe_fault(text):
        raise ValueError(fault)
    return text.rstrip("/")


def _describe_fault(text: str) -> str:
    """Return what is wrong with an address, empty if nothing is."""
    if not network.is_address(text):
        return "expected an address such as http://127.0.0.1:8000/v1"
    parts = urlsplit(text)
    if "@" in parts.netloc or parts.query:
        return "expected an address without a name, a password or a query; a key belongs in key_variable"
    return ""


def get_key(options: OpenAIOptions) -> str:
    """Return the key from the environment, or ``NO_KEY``."""
    return os.environ.get(options.key_variable, "").strip() or NO_KEY


def find_problems(options: OpenAIOptions) -> list[Problem]:
    """Return a problem if the key is missing or wrong, no server answers, or it does not have the model."""
    import openai

    found = _find_environment_problems(options)
    if found:
        return found
    try:
        listed = list_models(options)
    except MissingError as error:
        return error.problems
    except openai.AuthenticationError:
        return [make_key_problem(options)]
    except openai.APIConnectionError as error:
        problem = network.explain_connection(options.base_url, str(error.__cause__ or error), "start it")
        return [replace(problem, option="base_url", value="ADDRESS")]
    except openai.APIStatusError as error:
        listed = []
        if _is_web_page(error.response):
            return [_make_web_page_problem(options)]
    except ValueError:
        listed = []
    voters = [options.model_copy(update={"model": name}) for name in filter(None, options.voters)] if listed else []
    others = [replace(problem, option="votes") for voter in voters for problem in _find_model_problems(voter, listed)]
    return [*_find_model_problems(options, listed), *others]


def _find_environment_problems(options: OpenAIOptions) -> list[Problem]:
    key, hint = get_key(options), f"export {options.key_variable}=..."
    text = os.environ.get(URL_VARIABLE, "").strip()
    if "base_url" not in options.model_fields_set and text and (fault := _describe_fault(text)):
        message = sanitize_line(f"{URL_VARIABLE}={text}: {fault}")
        return [Problem(option="base_url", message=message, hint=f"unset {URL_VARIABLE}", value="ADDRESS")]
    if key == NO_KEY and options.base_url == OPENAI_URL:
        return [Problem(message=f"needs a key of {OPENAI_URL}", hint=hint)]
    if not key.isascii() or not key.isprintable():
        return [Problem(message=f"the key in {options.key_variable} has characters that a key cannot have", hint=hint)]
    return []


def list_models(options: OpenAIOptions) -> list[dict[str, Any]]:
    """List the models of a server, by ``id``, with what else it says about them.

    Raises MissingError if the environment or a web page is in the way, openai.APIError if the server does not answer, and
    ValueError if it has no list.
    """
    with open_client(options).with_options(timeout=min(options.timeout, LIST_TIMEOUT)) as client:
        response = client.models.with_raw_response.list().http_response
    if _is_web_page(response):
        raise MissingError(_make_web_page_problem(options))
    data = json.loads(response.content)
    listed = data.get("data") or data.get("models") if isinstance(data, dict) else data
    if not isinstance(listed, list):
        raise ValueError("expected a list of models")
    entries = [entry if isinstance(entry, dict) else {"id": entry} for entry in listed]
    return [{**entry, "id": str(entry.get("id") or entry.get("name") or "")} for entry in entries]


def find_only_model(options: OpenAIOptions) -> str:
    """Return the only model that a server lists. Raises MissingError if it lists none or several."""
    import openai

    try:
        listed = list_models(options)
    except (openai.APIError, ValueError):
        listed = []
    if len(listed) != 1:
        raise MissingError(*(problem.assign_slot("reasoner") for problem in _find_model_problems(options, listed)))
    return str(listed[0]["id"])


def open_client(options: OpenAIOptions) -> openai.OpenAI:
    """Open a connection. Raises MissingError if an environment variable keeps it from being made."""
    import openai

    opened = http_client.open_client(options.base_url, options.timeout)
    key = get_key(options)
    return openai.OpenAI(api_key=key, base_url=options.base_url, timeout=options.timeout, max_retries=0, http_client=opened)


def make_key_problem(options: OpenAIOptions) -> Problem:
    """Return the problem of a key that a server refuses, or that is missing."""
    reason = "needs a key" if get_key(options) == NO_KEY else f"refuses the key in {options.key_variable}"
    return Problem(message=f"{options.base_url} {reason}", hint=f"export {options.key_variable}=...")


def _find_model_problems(options: OpenAIOptions, listed: list[dict[str, Any]]) -> list[Problem]:
    """Return a problem if a model must be named, is not listed, or is listed as one that does not see images.

    A suffix after a colon is a variant, and a path is accepted.
    """
    names = {entry["id"].partition(":")[0]: entry for entry in reversed(listed)}
    if options.model is None:
        entry = listed[0] if len(listed) == 1 else None
        fault = "" if entry else "has several models" if listed else "lists no model"
    else:
        entry = names.get(options.model.partition(":")[0])
        fault = "" if entry or not listed or options.model.startswith("/") else f"has no model {options.model!r}"
    if fault:
        ids = sorted(entry["id"] for entry in listed)[:MAX_LISTED_MODELS]
        value = f"NAME, one of {', '.join(ids)}" if listed else "NAME"
        return [Problem(option="model", message=f"{options.base_url} {fault}", value=value)]
    if options.vision and entry is not None and _sees_images(entry) is False:
        message = f"{entry['id']} at {options.base_url} does not see images"
        return [Problem(option="vision", message=message, hint="another model", value="false")]
    return []


def _sees_images(entry: dict[str, Any]) -> bool | None:
    """Return whether a model of a list sees images, as far as the server says; None if it does not say."""
    architecture, capabilities = entry.get("architecture"), entry.get("capabilities")
    if isinstance(architecture, dict) and isinstance(architecture.get("input_modalities"), list):
        return "image" in architecture["input_modalities"]
    if isinstance(capabilities, dict) and isinstance(capabilities.get("vision"), bool):
        return bool(capabilities["vision"])
    return None


def _is_web_page(response: httpx2.Response) -> bool:
    return response.headers.get("content-type", "").startswith("text/html")


def _make_web_page_problem(options: OpenAIOptions) -> Problem:
    variable = network.find_proxy_variable(options.base_url)
    through = f" through {variable}" if variable else ""
    message = f"{options.base_url} answers with a web page{through}; most addresses end in /v1"
    hint = f"export NO_PROXY={network.get_host(options.base_url)}" if variable else ""
    return Problem(option="base_url", message=message, hint=hint, value="ADDRESS")
