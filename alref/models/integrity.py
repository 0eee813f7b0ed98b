"""Check weight files without loading them: the shards of a model, and truncated files."""

from __future__ import annotations

import json
from functools import cache
from hashlib import file_digest
from pathlib import Path
from zipfile import is_zipfile

SINGLE_FILE, INDEX_FILE, SHARD_PATTERN = "model.safetensors", "model.safetensors.index.json", "model*-of-*.safetensors"
MAX_HEADER_BYTES = 100_000_000
"""Maximum size of the header of a safetensors file in bytes."""


def read_shard_names(index: Path) -> list[str] | None:
    """Return the file names in an index of safetensors files; None when it cannot be read."""
    try:
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return sorted({str(name) for name in named})


def describe_damage(path: Path, sha256: str | None = None) -> str:
    """Return what is wrong with a weight file, truncated or not the expected one; empty if it is valid.

    Only the header of a safetensors file and the end of the archive of a torch checkpoint are read; others are not checked.
    With ``sha256`` the whole file is read.
    """
    damage = _check_safetensors(path) if path.suffix == ".safetensors" else _check_archive(path)
    if damage or sha256 is None or compute_sha256(path) == sha256:
        return damage
    return f"{path} is another file than expected: its SHA-256 is not {sha256}"


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; it is computed again only when the file has changed."""
    state = path.stat()
    return _hash_file(path, state.st_size, state.st_mtime_ns)


@cache
def _hash_file(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _check_archive(path: Path) -> str:
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    return f"{path} is cut off" if zipped and not is_zipfile(path) else ""


def _check_safetensors(path: Path) -> str:
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, MAX_HEADER_BYTES)))
        promised = (
            8
            + length
            + max((tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"), default=0)
        )
    except (ValueError, KeyError, AttributeError, TypeError):
        return f"{path} is not a safetensors file, or its header is cut off"
    return "" if size == promised else f"{path} is cut off or damaged: it has {size:,} of {promised:,} bytes"
