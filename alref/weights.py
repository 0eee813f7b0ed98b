"""Files of models: what a component loads, whether it is here, how large it is and who may use it, and how it is fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Weights:
    """One model that a component loads: a name on the Hugging Face hub, a folder, or a checkpoint file.

    ``model`` is what the option ``option`` says. ``files`` are what must be there; ``model.safetensors`` stands for its shards
    too. ``sha256`` holds digests of files that are checked. ``url`` is where a lone checkpoint is fetched from, ``size`` in
    bytes. ``gated`` says how to be given weights that are not given to everybody.
    """

    model: str
    option: str = "model"
    revision: str | None = None
    files: tuple[str, ...] = ("config.json", "model.safetensors")
    url: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    licence: str = ""
    gated: str = ""

    def place(self) -> Path | None:
        """Return the folder or file on disk that holds it whole, or None. Nothing is fetched."""
        raise NotImplementedError

    def problems(self) -> list[str]:
        """Say in one line why it cannot be loaded, with the next command; none when it is here, or the hub would give it."""
        raise NotImplementedError

    def source(self) -> str:
        """Return what a library's loader takes: the folder or file where there is one, else the name on the hub."""
        raise NotImplementedError

    def fetch(self) -> Path:
        """Bring it to this machine with progress, going on where an earlier fetch stopped. Raises MissingError or OutputError."""
        raise NotImplementedError
