"""Where a model is: in a folder, in the cache of the hub, or on the hub. No weights and no heavy library are loaded here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alref_transformers import TransformersOptions

PROCESSORS = ("preprocessor_config.json", "processor_config.json")
TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "tekken.json")
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


def problems(options: TransformersOptions) -> list[str]:
    """Say that a folder is not there or incomplete, or that a model is neither in the cache nor on the hub."""
    from huggingface_hub.errors import HFValidationError

    given = Path(options.model).expanduser()
    if given.is_dir():
        return lacking(given)
    try:
        kept = cached(options)
    except HFValidationError:
        return [f"{options.model} is no folder, and no name on the hub: -o reasoner.model=FOLDER or NAME"]
    return [] if kept is not None and not lacking(kept) else unreachable(options.model)


def source(options: TransformersOptions) -> str:
    """Return what the library is to load: the folder if there is one, else the name."""
    given = Path(options.model).expanduser()
    return str(given) if given.is_dir() else options.model


def full_name(options: TransformersOptions) -> str:
    """Return the model's name with the commit that the cache holds of it, or its folder."""
    kept = None if Path(options.model).expanduser().is_dir() else cached(options)
    return options.model if kept is None else f"{options.model}@{kept.name}"


def fetch(options: TransformersOptions) -> str:
    """Return the command that gets a model, whole."""
    given = Path(options.model).expanduser()
    return f"hf download NAME --local-dir {given}" if given.is_dir() else f"hf download {options.model}"


def cached(options: TransformersOptions) -> Path | None:
    """Return the folder of the cache that holds a model of the hub, whole or in part. Raises HFValidationError for no name."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(options.model, "config.json", revision=options.revision)
    return Path(config).parent if isinstance(config, str) else None


def lacking(place: Path) -> list[str]:
    """Say which files of a model a folder lacks."""
    if not (place / "config.json").is_file():
        return [f"{place} holds no model: it has no config.json; -o reasoner.model=FOLDER, or a name on the hub"]
    missing = _missing_weights(place)
    if not _any(place, TOKENIZERS):
        missing.append("tokenizer.json")
    if _shows_pictures(place) and not _any(place, PROCESSORS):
        missing.append(PROCESSORS[0])
    if not missing:
        return []
    if SINGLE in missing and any(place.glob("*.bin")):
        missing.append("safetensors at all; other weights can run code and are not loaded")
    return [f"{place} has no {', no '.join(missing)}; get the whole model: hf download NAME --local-dir {place}"]


def unreachable(model: str) -> list[str]:
    """Ask the hub whether it has a model and gives it to this user; say what is in the way."""
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        HfApi().auth_check(model)
    except GatedRepoError:
        return [f"{model} is given only to those who accept its terms at https://huggingface.co/{model}; then: hf auth login"]
    except RepositoryNotFoundError:
        return [f"the hub has no model {model!r}, or only for its members: -o reasoner.model=NAME, or hf auth login"]
    except OfflineModeIsEnabled:
        return [f"{model} is not in the cache, and HF_HUB_OFFLINE is set: unset it, or -o reasoner.model=FOLDER"]
    except HTTPError as error:
        said = " ".join(str(error).split())
        return [f"{model} is not in the cache, and the hub cannot be reached ({said}): go online, then hf download {model}"]
    return []


def _any(place: Path, names: tuple[str, ...]) -> bool:
    return any((place / name).is_file() for name in names)


def _shows_pictures(place: Path) -> bool:
    try:
        return "vision_config" in json.loads((place / "config.json").read_text(encoding="utf-8"))
    except ValueError:
        return False


def _missing_weights(place: Path) -> list[str]:
    """List the files of weights that are not there, as their index names them."""
    if (place / SINGLE).is_file():
        return []
    if not (place / INDEX).is_file():
        return [SINGLE]
    try:
        named = set(json.loads((place / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError):
        return [f"{INDEX} that can be read"]
    return sorted(name for name in named if not (place / name).is_file())
