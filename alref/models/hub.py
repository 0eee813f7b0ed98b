"""The Hugging Face hub and its local cache, through huggingface_hub, which is imported inside the functions.

The library is optional: without it no model is cached, and a request is a MissingError that says what to install.

Its environment variables apply: HF_ENDPOINT for a mirror, HF_HUB_OFFLINE, HF_HOME, HF_TOKEN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alref.errors import MissingError, Problem
from alref.models import hub_errors
from alref.utils.libraries import is_installed

LIBRARY = "huggingface_hub"
TIMEOUT_SECONDS = 10.0
"""Timeout of a request to the hub, in seconds."""


@dataclass(frozen=True)
class RemoteModel:
    """A model on the server: files by name with their sizes in bytes, and the license, empty when it is unknown."""

    files: dict[str, int]
    license: str = ""


def get_cache_folder() -> Path:
    """Return the folder in which the hub's library caches models."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def require_online(name: str) -> None:
    """Raise MissingError for a missing file or model when HF_HUB_OFFLINE is set."""
    if hub_errors.is_offline():
        raise MissingError(hub_errors.make_offline_problem(name))


def find_snapshot(model: str, revision: str | None, files: Sequence[str]) -> Path | None:
    """Return the cache folder that holds any of ``files`` of a model, complete or not; None if the name is not a model id."""
    if not is_installed(LIBRARY) or not (get_cache_folder() / f"models--{model.replace('/', '--')}").is_dir():
        return None  # without importing the library's downloader, which takes a quarter of ``alref plugins``
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = [try_to_load_from_cache(model, name, revision=revision) for name in files]
    except HFValidationError:
        return None
    paths = [(Path(path), name) for path, name in zip(found, files, strict=True) if isinstance(path, str)]
    return paths[0][0].parents[paths[0][1].count("/")] if paths else None


def fetch_model_info(model: str, revision: str | None = None, gated: str = "") -> RemoteModel:
    """Request the files of a model from the hub, and check that this user has access.

    Raises MissingError with one problem, when the model does not exist, the user has no access, or the hub cannot be reached.
    """
    if not is_installed(LIBRARY):
        raise MissingError(Problem(message=f"needs {LIBRARY}", hint=f"pip install {LIBRARY}"))
    from huggingface_hub import HfApi

    api = HfApi()
    with hub_errors.translate_errors(model, revision, gated):
        info = api.model_info(model, revision=revision, timeout=TIMEOUT_SECONDS, files_metadata=True)
        if info.gated:
            api.auth_check(model)
    files = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    return RemoteModel(files, _get_license(info.card_data or {}))


def download_files(model: str, revision: str | None, files: Sequence[str], force_files: Sequence[str] = ()) -> None:
    """Download files of a model to the cache with progress; cached files are skipped, except those in ``force_files``.

    Raises MissingError or OutputError.
    """
    from huggingface_hub import hf_hub_download, snapshot_download

    with hub_errors.translate_errors(model, revision, ""):
        for name in force_files:
            hf_hub_download(model, name, revision=revision, force_download=True)
        snapshot_download(model, revision=revision, allow_patterns=list(files))


def read_license(card: Path) -> str:
    """Return the license in the YAML header of a model's README.md, or an empty text."""
    import yaml

    try:
        _, header, _ = card.read_text(encoding="utf-8").split("---", 2)
        return _get_license(yaml.safe_load(header))
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return ""


def _get_license(card: Any) -> str:
    return str(card.get("license_name") or card.get("license") or "")
