"""What can be known of a server before it is asked anything: its address, the key for it, the models that it lists."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from alref_openai import OpenAIOptions

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent in the place of a key to a server that needs none."""
PATIENCE = 5.0
"""Seconds to wait for the list of models."""


def address(text: str) -> str:
    """Check an address and take the slash off its end. Raises ValueError when it is none, or carries a password."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc or parts.query:
        raise ValueError("expected an address without a name, a password or a query; a key belongs in key_variable")
    return text.rstrip("/")


def key(options: OpenAIOptions) -> str:
    """Return the key from the environment, or ``NO_KEY``."""
    return os.environ.get(options.key_variable, "").strip() or NO_KEY


def key_problems(options: OpenAIOptions) -> list[str]:
    """Say that OpenAI needs a key, or that a key cannot be one; another server may need none."""
    given = os.environ.get(options.key_variable, "").strip()
    if not given and options.base_url == OPENAI:
        return [f"needs a key of {OPENAI}: export {options.key_variable}=..."]
    if not given.isascii() or not given.isprintable():
        return [f"the key in {options.key_variable} has characters that no key has: export {options.key_variable}=..."]
    return []


def problems(options: OpenAIOptions) -> list[str]:
    """Say that no server is there, that it refuses the key, or that it has no such model."""
    try:
        listed = models(options)
    except HTTPError as error:
        error.close()
        return [refused_key(options)] if error.code in (401, 403) else nothing_listed(options)
    except OSError as error:
        return [f"no server at {options.base_url} ({_reason(error)}): start it, or set base_url"]
    except ValueError:
        return nothing_listed(options)
    return _unlisted(options, listed) if listed else nothing_listed(options)


def models(options: OpenAIOptions) -> list[str]:
    """List the models of a server. Raises OSError when it does not answer, ValueError when it answers something else."""
    headers = {"Authorization": f"Bearer {key(options)}"}
    request = Request(f"{options.base_url}/models", headers=headers)  # noqa: S310 - address() allows http and https only
    with urlopen(request, timeout=min(options.timeout, PATIENCE)) as answer:  # noqa: S310
        data = json.load(answer)
    listed = data.get("data") if isinstance(data, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ValueError("expected a list of models")
    return [str(each.get("id")) for each in listed]


def refused_key(options: OpenAIOptions) -> str:
    """Say what to do about a key that a server refuses."""
    return f"{options.base_url} refuses the key in {options.key_variable}: export {options.key_variable}=..."


def no_model(options: OpenAIOptions, listed: list[str]) -> str:
    """Say what to do about a model that a server does not have."""
    shown = ", ".join(sorted(listed)[:20])
    choice = f"choose one of {shown}: " if listed else ""
    return f"{options.base_url} has no model {options.model!r}; {choice}-o reasoner.model=NAME"


def nothing_listed(options: OpenAIOptions) -> list[str]:
    """Say that a model must be named, where a server does not list its models."""
    if options.model:
        return []
    return [f"{options.base_url} does not list its models: -o reasoner.model=NAME"]


def _unlisted(options: OpenAIOptions, listed: list[str]) -> list[str]:
    if options.model is None:
        several = f"{options.base_url} has several models: -o reasoner.model=NAME, one of {', '.join(sorted(listed)[:20])}"
        return [several] if len(listed) > 1 else []
    names = {name.partition(":")[0] for name in listed}
    known = options.model in listed or options.model.partition(":")[0] in names
    return [] if known or options.model.startswith("/") else [no_model(options, listed)]


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error)
