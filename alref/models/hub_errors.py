"""What goes wrong with the Hugging Face hub, in one line: the token, the mirror, the network, or the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from alref.errors import AlrefError, MissingError, Problem, sanitize_line
from alref.utils import atomic, network

ENDPOINT_VARIABLE = "HF_ENDPOINT"
OFFLINE_VARIABLE = "HF_HUB_OFFLINE"
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def is_offline() -> bool:
    """Return whether HF_HUB_OFFLINE forbids network access."""
    return os.environ.get(OFFLINE_VARIABLE, "").upper() in ("1", "ON", "YES", "TRUE")


def make_offline_problem(name: str) -> Problem:
    """Return the problem that a file or a model is missing while no network is allowed."""
    return Problem(message=f"{name} is not here, and {OFFLINE_VARIABLE} is set", hint="unset it and try again")


@contextmanager
def translate_errors(model: str, revision: str | None, gated: str) -> Iterator[None]:
    """Turn the long errors of the library about a model into a MissingError with one problem, or an OutputError."""
    from httpx2 import HTTPError
    from huggingface_hub import constants, errors, get_session

    known = (errors.EntryNotFoundError, errors.HFValidationError, HTTPError, OSError, json.JSONDecodeError, UnicodeEncodeError)
    if not is_offline():
        try:
            get_session()
        except Exception as error:  # as in http_client.make_client
            raise MissingError(network.explain_environment(error, constants.ENDPOINT)) from error
    try:
        yield
    except known as error:
        raise _explain_error(error, model, revision, gated) from None


def _explain_error(error: Exception, model: str, revision: str | None, gated: str) -> AlrefError:
    from httpx2 import HTTPError
    from huggingface_hub import constants, errors

    if isinstance(error, errors.GatedRepoError):
        terms = gated or f"accept its terms at https://huggingface.co/{model}, then: hf auth login"
        return _make_error(f"{model} is given only to those who accept its terms", terms)
    if isinstance(error, errors.RevisionNotFoundError):
        return _make_error(f"{model} has no revision {revision!r} on the hub", "leave it out, or name another")
    if isinstance(error, errors.HFValidationError):
        return _make_error(f"{model} is neither a local path nor a Hugging Face model id")
    if isinstance(error, (json.JSONDecodeError, errors.FileMetadataError)):
        return MissingError(_make_mirror_problem(constants.ENDPOINT))
    if isinstance(error, UnicodeEncodeError):
        return _make_error("the token of the hub has characters that a token cannot have", _get_token_hint())
    if isinstance(error, (errors.OfflineModeIsEnabled, errors.EntryNotFoundError, HTTPError)):
        return MissingError(make_offline_problem(model) if is_offline() else _explain_request(error, model))
    if isinstance(error, OSError) and error.errno is not None:
        return atomic.make_write_error(Path(constants.HF_HUB_CACHE).expanduser(), error)
    return _make_error(f"{model} did not come whole ({sanitize_line(str(error), 200)})", "try again")


def _explain_request(error: BaseException, model: str) -> Problem:
    """Return the problem of a request that failed: what the hub refused, or why it cannot be reached."""
    from huggingface_hub import constants, errors

    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    refused = next((cause for cause in causes if isinstance(cause, errors.HfHubHTTPError)), None)
    if refused is None:
        problem = network.explain_connection(constants.ENDPOINT, str(causes[-1]), "start the mirror")
        return replace(problem, message=f"{model} is not here, and the hub cannot be reached: {problem.message}")
    status = refused.response.status_code
    reason = sanitize_line(refused.server_message or refused.response.reason_phrase, 200)
    if status == 401 and "invalid" in str(refused).lower():
        return Problem(message=f"the hub refuses your token, which is wrong or expired ({reason})", hint=_get_token_hint())
    if isinstance(refused, errors.RepositoryNotFoundError):
        message = f"the hub has no model {model!r}, or only for its members"
        return Problem(message=message, hint="name another, or hf auth login")
    if status == 429:
        message = f"the hub answers no more requests for now ({reason})"
        return Problem(message=message, hint="wait some minutes, or hf auth login")
    if status in (401, 403):
        return Problem(message=f"the hub does not give you {model} ({status}, {reason})", hint=_get_token_hint())
    return Problem(message=f"the hub fails ({status}, {reason})", hint="try again later")


def _get_token_hint() -> str:
    """Return what replaces the token that is used: a variable of the environment comes before what is stored."""
    names = [name for name in TOKEN_VARIABLES if os.environ.get(name)]
    return f"unset {names[0]}, or export {names[0]}=... with a new one" if names else "hf auth login, or hf auth logout"


def _make_mirror_problem(endpoint: str) -> Problem:
    """Return the problem that an address answers with something else than the hub's own data."""
    named = f" ({ENDPOINT_VARIABLE})" if os.environ.get(ENDPOINT_VARIABLE) else ""
    message = sanitize_line(f"{endpoint}{named} answers with a web page and not as the hub does")
    return Problem(message=message, hint=f"export {ENDPOINT_VARIABLE}=https://huggingface.co, or log in to your network")


def _make_error(message: str, hint: str = "") -> MissingError:
    return MissingError(Problem(message=message, hint=hint))
