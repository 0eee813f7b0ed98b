"""Files of models: what a component loads, whether it is here, how large it is and who may use it, and how it is fetched."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

from alref.errors import MissingError, Problem
from alref.models import download, hub, integrity
from alref.models.integrity import INDEX_FILE, SHARD_PATTERN, SINGLE_FILE

AUXILIARY_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "README.md", "LICENSE*")
"""Small files that come with weights, whichever of them a library reads."""


@dataclass(frozen=True)
class WeightsInfo:
    """Where weights are (None: not here, or not whole), their size in bytes and their license, as far as they are known."""

    path: Path | None
    size: int | None
    license: str


@dataclass(frozen=True)
class Weights:
    """One model that a component loads: a name on the Hugging Face hub, a folder, or a checkpoint file.

    ``model`` is what the option ``option`` says. ``files`` are what must be there; ``model.safetensors`` stands for its shards
    too, and of ``vocab.txt|tokenizer.json`` one is enough. ``sha256`` holds digests of files, by name, that are checked.
    ``url`` is where a lone checkpoint is fetched from; the digest of its file must then be in ``sha256``. ``size`` is in bytes.
    ``gated`` says how to be given weights that are not given to everybody.
    """

    model: str
    option: str = "model"
    revision: str | None = None
    files: tuple[str, ...] = ("config.json", SINGLE_FILE)
    url: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    license: str = ""
    gated: str = ""

    def find_complete_path(self) -> Path | None:
        """Return the folder or file on disk that holds it whole, or None. Nothing is fetched, no digest is computed."""
        kept = self._find_path()
        whole = (
            kept is not None
            and not self._find_missing(kept)
            and not any(map(integrity.describe_damage, self._list_files(kept)))
        )
        return kept if whole else None

    def problems(self) -> list[Problem]:
        """Return why it cannot be loaded; nothing when it is here, or the hub would give it."""
        kept = self._find_path()
        wrong = self._find_damaged(kept) if kept else {}
        lacking = self._find_missing(kept) if kept else []
        if kept and (wrong or (lacking and kept == self._user_path)):
            message = next(iter(wrong.values()), f"{kept} has no {', no '.join(lacking)}")
            return [self._make_problem(message, kept)]
        try:
            if not kept or lacking:
                self._request_files()
        except MissingError as error:
            value = "FILE" if self.url else "FOLDER"
            return [replace(problem, option=self.option, value=value) for problem in error.problems]
        return []

    def get_source(self) -> str:
        """Return what a library's loader takes: the folder or file where there is one, else the name on the hub."""
        return str(self.find_complete_path() or self.model)

    def fetch_files(self) -> Path:
        """Bring it here with progress, and return its place. Raises MissingError of one line, or OutputError.

        A connection that is cut is taken up again. Of what an earlier fetch brought, whole files are kept, and of a lone
        checkpoint every byte.
        """
        kept = self._find_path()
        wrong = self._find_damaged(kept) if kept else {}
        if kept is None or (kept != self._user_path and (wrong or self._find_missing(kept))):
            files = self._request_files().files
            if self.url:
                if wrong:
                    self._checkpoint_path.unlink()
                download.fetch_file(self.url, self._checkpoint_path, self.sha256[self._checkpoint_path.name])
            else:
                hub.download_files(self.model, self.revision, list(files), force_files=list(wrong))
        if problems := self.problems():
            raise MissingError(*problems)
        return Path(self.get_source())

    def get_info(self) -> WeightsInfo:
        """Return where it is, its size and its license; where it is not here, the server is asked for what is not known."""
        place = self.find_complete_path()
        if place is not None:
            size = sum(path.stat().st_size for path in self._list_files(place))
            return WeightsInfo(place, size, self.license or hub.read_license(place / "README.md"))
        try:
            offer = hub.RemoteModel({}) if self.size and self.license else self._request_files()
        except MissingError:
            offer = hub.RemoteModel({})
        return WeightsInfo(None, self.size or sum(offer.files.values()) or None, self.license or offer.license)

    @property
    def _user_path(self) -> Path | None:
        """The user's own folder or file, if ``model`` is one; only a file can stand for the one of ``url``."""
        given = Path(self.model).expanduser()
        return given if given.is_file() or (given.is_dir() and not self.url) else None

    @property
    def _checkpoint_path(self) -> Path:
        """Where the file of ``url`` is kept."""
        return download.get_weights_folder() / self.url.rsplit("/", 1)[-1]

    def _find_path(self) -> Path | None:
        """Return where it is on disk, whole or in part."""
        if self._user_path or not self.url:
            return self._user_path or hub.find_snapshot(self.model, self.revision, self._list_names())
        return self._checkpoint_path if self._checkpoint_path.is_file() else None

    def _list_names(self) -> list[str]:
        """List every name that may have to be there."""
        names = [name for entry in self.files for name in entry.split("|")]
        return [*names, INDEX_FILE] if SINGLE_FILE in names else names

    def _list_files(self, root: Path) -> list[Path]:
        """List the files that are there of those that must be, shards with them."""
        if root.is_file():
            return [root]
        names = self._list_names()
        parts = (
            integrity.read_shard_names(root / INDEX_FILE) if SINGLE_FILE in names and not (root / SINGLE_FILE).is_file() else []
        )
        return [root / name for name in [*names, *(parts or [])] if (root / name).is_file()]

    def _find_missing(self, root: Path) -> list[str]:
        """List what must be there and is not."""
        if root.is_file():
            return [] if self.url or len(self.files) == 1 else [f"{self.files[0]}, because it is a file, not a folder"]
        there = [path.relative_to(root).as_posix() for path in self._list_files(root)]
        lacking = _list_absent(self.files, there)
        if INDEX_FILE in there and SINGLE_FILE not in there:
            parts = integrity.read_shard_names(root / INDEX_FILE)
            lacking += [f"{INDEX_FILE} that can be read"] if parts is None else [name for name in parts if name not in there]
        if SINGLE_FILE in lacking and any(root.glob("*.bin")):
            lacking.append("safetensors at all; other weights can run code and are not loaded")
        return lacking

    def _find_damaged(self, root: Path) -> dict[str, str]:
        """Return the fault of each file, by its name in the model."""
        wrong = {}
        for path in self._list_files(root):
            name = path.name if path == root else path.relative_to(root).as_posix()
            if said := integrity.describe_damage(path, self.sha256.get(name)):
                wrong[name] = said
        return wrong

    def _make_problem(self, message: str, root: Path) -> Problem:
        """Add to a message how to come by what is not there or wrong."""
        if root != self._user_path:
            return Problem(option=self.option, message=message, hint="alref models pull, with the same flags")
        if root.is_file():
            return Problem(option=self.option, message=message, value="FILE")
        return Problem(option=self.option, message=message, hint=f"hf download NAME --local-dir {root}", value="FOLDER")

    def _request_files(self) -> hub.RemoteModel:
        """Ask for the files to fetch with their sizes. Raises MissingError when they are not given, or nobody can be asked."""
        if self.url:
            hub.require_online(self.url)
            return hub.RemoteModel({self._checkpoint_path.name: download.request_size(self.url)})
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
    """List what of ``files`` is not there, the first of several names that would do."""
    entries = [entry.split("|") for entry in files]
    sharded = {SINGLE_FILE} if INDEX_FILE in available else set()
    return [names[0] for names in entries if not any(name in available or name in sharded for name in names)]
