"""Weights of models: the files that a component loads, their location, size and license, and how to download them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

from alref.errors import ContractError, MissingError, Problem
from alref.models import download, hub, integrity
from alref.models.integrity import INDEX_FILE, SHARD_PATTERN, SINGLE_FILE

AUXILIARY_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "README.md", "LICENSE*")
"""Small files beside the weights that a library may read."""


@dataclass(frozen=True)
class WeightsInfo:
    """The path of weights (None if absent or incomplete), their size in bytes and their license, None or empty if unknown."""

    path: Path | None
    size: int | None
    license: str


@dataclass(frozen=True)
class Weights:
    """One model that a component loads: a name on the Hugging Face hub, a folder, or a checkpoint file.

    ``model`` is the value of the option ``option``. ``files`` are required; ``model.safetensors`` also stands for its shards,
    and of ``vocab.txt|tokenizer.json`` one is enough. ``sha256`` maps file names to digests, which are verified. ``urls`` maps
    names to addresses of single-file checkpoints, whose digests must be in ``sha256``; ``included`` maps names to files that
    come with the plugin. ``model`` is then one of these names, or a file of the user. ``size`` is in bytes. ``gated`` describes
    how to get access to gated weights. ``manual`` describes how a person gets a file that no program can fetch; ``model`` is
    then its path. Raises ContractError for a missing digest.
    """

    model: str
    option: str = "model"
    revision: str | None = None
    files: tuple[str, ...] = ("config.json", SINGLE_FILE)
    urls: dict[str, str] = field(default_factory=dict)
    included: dict[str, Path] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    license: str = ""
    gated: str = ""
    manual: str = ""

    def __post_init__(self) -> None:
        for url in self.urls.values():
            if (name := url.rsplit("/", 1)[-1]) not in self.sha256:
                raise ContractError(f"Weights({self.model!r}): expected the digest of {name} in sha256, got none")

    def find_complete_path(self) -> Path | None:
        """Return the folder or file on disk with the complete weights, or None. Nothing is fetched, no digest is computed."""
        path = self._find_path()
        is_complete = (
            path is not None
            and not self._find_missing(path)
            and not any(map(integrity.describe_damage, self._list_files(path)))
        )
        return path if is_complete else None

    def problems(self) -> list[Problem]:
        """Return the reasons why it cannot be loaded; empty when it is on disk, or the hub provides it."""
        path = self._find_path()
        damaged = self._find_damaged(path) if path else {}
        missing = self._find_missing(path) if path else []
        if path and (damaged or (missing and path == self._user_path)):
            message = next(iter(damaged.values()), f"{path} has no {', no '.join(missing)}")
            return [self._make_problem(message, path)]
        try:
            if not path or missing:
                self._request_files()
        except MissingError as error:
            value = "FILE" if self._is_single_file else "FOLDER"
            return [replace(problem, option=self.option, value=value) for problem in error.problems]
        return []

    def get_source(self) -> str:
        """Return what a library's loader takes: the local folder or file if there is one, else the name on the hub."""
        return str(self.find_complete_path() or self.model)

    def fetch_files(self) -> Path:
        """Download the weights with progress, and return their path. Raises MissingError of one line, or OutputError.

        An interrupted download is resumed: complete files of an earlier download are reused, and of a single-file checkpoint
        every byte.
        """
        path = self._find_path()
        damaged = self._find_damaged(path) if path else {}
        if path is None or (path != self._user_path and (damaged or self._find_missing(path))):
            files = self._request_files().files
            if self._url:
                if damaged:
                    self._checkpoint_path.unlink()
                download.fetch_file(self._url, self._checkpoint_path, self.sha256[self._checkpoint_path.name])
            else:
                hub.download_files(self.model, self.revision, list(files), force_files=list(damaged))
        if problems := self.problems():
            raise MissingError(*problems)
        return Path(self.get_source())

    def get_info(self) -> WeightsInfo:
        """Return the path, size and license; if the weights are not on disk, the server is asked for unknown values."""
        root = self.find_complete_path()
        if root is not None:
            size = sum(path.stat().st_size for path in self._list_files(root))
            return WeightsInfo(root, size, self.license or hub.read_license(root / "README.md"))
        try:
            offer = hub.RemoteModel({}) if self.size and self.license else self._request_files()
        except MissingError:
            offer = hub.RemoteModel({})
        return WeightsInfo(None, self.size or sum(offer.files.values()) or None, self.license or offer.license)

    @property
    def is_downloadable(self) -> bool:
        """Whether a program can fetch it: it is on the hub, or its name stands for an address."""
        return bool(self._url) or not self._is_single_file

    @property
    def _url(self) -> str:
        """The address of the checkpoint that ``model`` names; empty for a file of the user and a model of the hub."""
        return self.urls.get(self.model, "")

    @property
    def _user_path(self) -> Path | None:
        """The file of the plugin that ``model`` names, or the user's own; a folder counts unless the weights are one file."""
        path = self.included.get(self.model) or Path(self.model).expanduser()
        return path if path.is_file() or (path.is_dir() and not self._is_single_file) else None

    @property
    def _is_single_file(self) -> bool:
        """Whether the weights are one file, which is not on the hub."""
        return bool(self.urls or self.included or self.manual)

    @property
    def _checkpoint_path(self) -> Path:
        """The local path of the downloaded checkpoint."""
        return download.get_weights_folder() / self._url.rsplit("/", 1)[-1]

    def _find_path(self) -> Path | None:
        """Return the path on disk, of complete or incomplete weights."""
        if self._user_path or not self._is_single_file:
            return self._user_path or hub.find_snapshot(self.model, self.revision, self._list_names())
        return self._checkpoint_path if self._url and self._checkpoint_path.is_file() else None

    def _list_names(self) -> list[str]:
        """List all file names that may be required."""
        names = [name for entry in self.files for name in entry.split("|")]
        return [*names, INDEX_FILE] if SINGLE_FILE in names else names

    def _list_files(self, root: Path) -> list[Path]:
        """List the required files that exist, including shards."""
        if root.is_file():
            return [root]
        names = self._list_names()
        parts = (
            integrity.read_shard_names(root / INDEX_FILE) if SINGLE_FILE in names and not (root / SINGLE_FILE).is_file() else []
        )
        return [root / name for name in [*names, *(parts or [])] if (root / name).is_file()]

    def _find_missing(self, root: Path) -> list[str]:
        """List the required files that are missing."""
        if root.is_file():
            is_single = self._is_single_file or len(self.files) == 1
            return [] if is_single else [f"{self.files[0]}, because it is a file, not a folder"]
        there = [path.relative_to(root).as_posix() for path in self._list_files(root)]
        missing = _list_absent(self.files, there)
        if INDEX_FILE in there and SINGLE_FILE not in there:
            parts = integrity.read_shard_names(root / INDEX_FILE)
            missing += [f"{INDEX_FILE} that can be read"] if parts is None else [name for name in parts if name not in there]
        if SINGLE_FILE in missing and any(root.glob("*.bin")):
            missing.append("safetensors at all; other weights can run code and are not loaded")
        return missing

    def _find_damaged(self, root: Path) -> dict[str, str]:
        """Return the fault of each file, by its name in the model."""
        wrong = {}
        for path in self._list_files(root):
            name = path.name if path == root else path.relative_to(root).as_posix()
            if damage := integrity.describe_damage(path, self.sha256.get(name)):
                wrong[name] = damage
        return wrong

    def _make_problem(self, message: str, root: Path) -> Problem:
        """Return a problem with the message and the way to get the missing or damaged files."""
        if root != self._user_path:
            return Problem(option=self.option, message=message, hint="alref models pull, with the same flags")
        if root.is_file():
            return Problem(option=self.option, message=message, value="FILE")
        return Problem(option=self.option, message=message, hint=f"hf download NAME --local-dir {root}", value="FOLDER")

    def _request_files(self) -> hub.RemoteModel:
        """Return the files to download with their sizes. Raises MissingError without access or connection."""
        if self.manual:
            raise MissingError(Problem(message=f"{self.model} is not here", hint=self.manual))
        if self._is_single_file and not self._url:
            names = ", ".join([*self.urls, *self.included])
            raise MissingError(f"{self.model}: no such file; expected {names}, or a file")
        if self._url:
            hub.require_online(self._url)
            return hub.RemoteModel({self._checkpoint_path.name: download.request_size(self._url)})
        offer = hub.fetch_model_info(self.model, self.revision, self.gated)
        if absent := _list_absent(self.files, offer.files):
            message = f"{self.model} on the hub has no {', no '.join(absent)}"
            raise MissingError(Problem(message=message, hint="name another model"))
        return hub.RemoteModel(
            {name: size for name, size in offer.files.items() if self._should_fetch(name, offer.files)}, offer.license
        )

    def _should_fetch(self, name: str, available: Collection[str]) -> bool:
        """Return whether to fetch a file of the hub: required files, shards without a single file, small texts."""
        sharded = SINGLE_FILE in self._list_names() and SINGLE_FILE not in available and fnmatch(name, SHARD_PATTERN)
        return (
            name in self._list_names()
            or sharded
            or ("/" not in name and any(fnmatch(name, words) for words in AUXILIARY_FILES))
        )


def _list_absent(files: Collection[str], available: Collection[str]) -> list[str]:
    """List the entries of ``files`` that are missing, each by the first of its alternative names."""
    entries = [entry.split("|") for entry in files]
    sharded = {SINGLE_FILE} if INDEX_FILE in available else set()
    return [names[0] for names in entries if not any(name in available or name in sharded for name in names)]
