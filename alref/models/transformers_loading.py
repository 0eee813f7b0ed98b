"""Load models of the transformers library completely or not at all, without output.

torch and transformers are imported inside functions only. Code that comes with a model is never executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alref.errors import AlrefError, ConfigError, MissingError, Problem, sanitize_line
from alref.models import devices


@contextmanager
def hide_library_output() -> Iterator[None]:
    """Hide the messages and progress bars of the library."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def translate_model_errors(
    model: str | Path, device: str, alternative: str = "take another", smaller: str = "a smaller model", expected_kind: str = ""
) -> Iterator[None]:
    """Load ``model`` in the block, without output; any error becomes one MissingError of one line, with its cause.

    ``alternative`` and ``smaller`` are the next steps when the model cannot be loaded and when it does not fit into the memory
    of ``device``; ``expected_kind`` is what it should be. Errors of alref are not changed.
    """
    try:
        with (
            hide_library_output(),
            devices.translate_memory_errors(f"{model} does not fit into the memory of {device}: {smaller}, or --device cpu"),
        ):
            yield
    except AlrefError:
        raise
    except Exception as error:  # a broken model may raise anything; tokenizers raises Exception itself
        raise MissingError(_explain_load_error(error, model, alternative, expected_kind)) from error


def load_complete_model(loader: Any, folder: Path, *, exact: bool = False, **settings: Any) -> Any:
    """Return the model in a folder, loaded by a class of the library; by default in float32 and from safetensors.

    Returned on CPU, in eval mode, with gradients disabled. Raises ConfigError when weights are missing or differ in shape from
    the model's configuration; with ``exact``, also when there are weights of more layers than the configuration describes.
    """
    settings = {"dtype": "float32", "use_safetensors": True, "trust_remote_code": False, **settings}
    model, report = loader.from_pretrained(folder, ignore_mismatched_sizes=True, output_loading_info=True, **settings)
    described = {_strip_layer_numbers(name) for name in model.state_dict()}
    more = [name for name in report["unexpected_keys"] if exact and _strip_layer_numbers(name) in described]
    wrong = {
        "missing": report["missing_keys"],
        "of another shape": [name for name, *_ in report["mismatched_keys"]],
        "unexpected": more,
    }
    for what, names in wrong.items():
        if names:
            raise ConfigError(
                f"the weights in {folder} do not match its config.json: {len(names)} {what}, for example {min(names)};"
                " download both from the same model"
            )
    return model.eval().requires_grad_(False)


def make_torchvision_problem(model: str | Path) -> Problem:
    """Return the problem for a model that needs torchvision."""
    from torch import __version__

    message = f"{model} needs torchvision, of the build that fits torch {__version__}"
    return Problem(message=message, hint="pip install torchvision")


def _strip_layer_numbers(name: str) -> str:
    """Return the name of a weight without its layer numbers."""
    return re.sub(r"\d+", "#", name)


def _explain_load_error(error: Exception, model: str | Path, alternative: str, expected_kind: str) -> str:
    """Return one line with the reason why a model cannot be loaded and the next step."""
    message = str(error)
    if "trust_remote_code" in message or "does not recognize this architecture" in message:
        return (
            f"{model}: this release of transformers does not support its architecture, and alref does not run code of a model:"
            f" pip install -U transformers, or {alternative}"
        )
    if isinstance(error, ImportError):
        cause = _find_root_cause(error)
        if "torchvision" in str(cause).lower():
            return str(make_torchvision_problem(model))
        return f"{model} needs a library that is missing or incompatible: install it ({cause})"
    failure = f"{model} cannot be loaded{f' as {expected_kind}' if expected_kind else ''}"
    return f"{failure} ({type(error).__name__}: {sanitize_line(message)}): download the model again, or {alternative}"


def _find_root_cause(error: BaseException) -> BaseException:
    """Return the error that caused the others."""
    return error if error.__cause__ is None else _find_root_cause(error.__cause__)
