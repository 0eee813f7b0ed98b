"""Files of models: what a component loads, whether it is here, how large it is and who may use it, and how it is fetched."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from alref.errors import MissingError
from alref.models import download, hub, integrity
from alref.models.integrity import INDEX, SHARD, SINGLE

WORDS = ("*.json", "*.jinja", "*.txt", "*.model", "README.md", "LICENSE*")
"""Small files that come with weights, whichever of them a library reads."""


@dataclass(frozen=True)
class Facts:
    """Where weights are (None: not here, or not whole), their size in bytes and their licence, as far as they are known."""

    place: Path | None
    size: int | None
    licence: str


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
    files: tuple[str, ...] = ("config.json", SINGLE)
    url: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    licence: str = ""
    gated: str = ""

    def place(self) -> Path | None:
        """Return the folder or file on disk that holds it whole, or None. Nothing is fetched, no digest is computed."""
        kept = self._kept()
        whole = kept is not None and not self._lacking(kept) and not any(map(integrity.fault, self._files(kept)))
        return kept if whole else None

    def problems(self) -> list[str]:
        """Say in one line why it cannot be loaded, with the next command; none when it is here, or the hub would give it."""
        kept = self._kept()
        wrong = self._wrong(kept) if kept else {}
        lacking = self._lacking(kept) if kept else []
        if kept and (wrong or (lacking and kept == self._own)):
            said = next(iter(wrong.values()), f"{kept} has no {', no '.join(lacking)}")
            return [f"{said}: {self._remedy(kept)}"]
        try:
            if not kept or lacking:
                self._offer()
        except MissingError as error:
            return [f"{error}; or -o KIND.{self.option}={'FILE' if self.url else 'FOLDER'}"]
        return []

    def source(self) -> str:
        """Return what a library's loader takes: the folder or file where there is one, else the name on the hub."""
        return str(self.place() or self.model)

    def fetch(self) -> Path:
        """Bring it here with progress, and return its place. Raises MissingError of one line, or OutputError.

        A connection that is cut is taken up again. Of what an earlier fetch brought, whole files are kept, and of a lone
        checkpoint every byte.
        """
        kept = self._kept()
        wrong = self._wrong(kept) if kept else {}
        if kept is None or (kept != self._own and (wrong or self._lacking(kept))):
            files = self._offer().files
            if self.url:
                self._download(wrong)
            else:
                hub.fetch(self.model, self.revision, list(files), again=list(wrong))
        if said := self.problems():
            raise MissingError(said[0])
        return Path(self.source())

    def facts(self) -> Facts:
        """Return where it is, its size and its licence; where it is not here, the server is asked for what is not known."""
        place = self.place()
        if place is not None:
            size = sum(path.stat().st_size for path in self._files(place))
            return Facts(place, size, self.licence or hub.licence(place / "README.md"))
        try:
            offer = hub.Offer({}) if self.size and self.licence else self._offer()
        except MissingError:
            offer = hub.Offer({})
        return Facts(None, self.size or sum(offer.files.values()) or None, self.licence or offer.licence)

    @property
    def _own(self) -> Path | None:
        """The user's own folder or file, if ``model`` is one; only a file can stand for the one of ``url``."""
        given = Path(self.model).expanduser()
        return given if given.is_file() or (given.is_dir() and not self.url) else None

    @property
    def _lone(self) -> Path:
        """Where the file of ``url`` is kept."""
        return download.folder() / self.url.rsplit("/", 1)[-1]

    def _kept(self) -> Path | None:
        """Return where it is on disk, whole or in part."""
        if self._own or not self.url:
            return self._own or hub.snapshot(self.model, self.revision, self._names())
        return self._lone if self._lone.is_file() else None

    def _names(self) -> list[str]:
        """List every name that may have to be there."""
        names = [name for entry in self.files for name in entry.split("|")]
        return [*names, INDEX] if SINGLE in names else names

    def _files(self, kept: Path) -> list[Path]:
        """List the files that are there of those that must be, shards with them."""
        if kept.is_file():
            return [kept]
        names = self._names()
        parts = integrity.shards(kept / INDEX) if SINGLE in names and not (kept / SINGLE).is_file() else []
        return [kept / name for name in [*names, *(parts or [])] if (kept / name).is_file()]

    def _lacking(self, kept: Path) -> list[str]:
        """List what must be there and is not."""
        if kept.is_file():
            return [] if self.url or len(self.files) == 1 else [f"{self.files[0]}, for it is a file and no folder"]
        there = [path.relative_to(kept).as_posix() for path in self._files(kept)]
        lacking = _absent(self.files, there)
        if INDEX in there and SINGLE not in there:
            parts = integrity.shards(kept / INDEX)
            lacking += [f"{INDEX} that can be read"] if parts is None else [name for name in parts if name not in there]
        if SINGLE in lacking and any(kept.glob("*.bin")):
            lacking.append("safetensors at all; other weights can run code and are not loaded")
        return lacking

    def _wrong(self, kept: Path) -> dict[str, str]:
        """Say of each file, by its name in the model, what is wrong with it."""
        wrong = {}
        for path in self._files(kept):
            name = path.name if path == kept else path.relative_to(kept).as_posix()
            if said := integrity.fault(path, self.sha256.get(name)):
                wrong[name] = said
        return wrong

    def _remedy(self, kept: Path) -> str:
        """Say how to come by what is not there or wrong."""
        if kept != self._own:
            return "alref models pull, with the same flags"
        if kept.is_file():
            return f"-o KIND.{self.option}=FILE of another"
        return f"hf download NAME --local-dir {kept}, or -o KIND.{self.option}=FOLDER of another"

    def _offer(self) -> hub.Offer:
        """Ask for the files to fetch with their sizes. Raises MissingError when they are not given, or nobody can be asked."""
        if self.url:
            hub.forbid(self.url)
            return hub.Offer({self._lone.name: download.asked(self.url)})
        offer = hub.asked(self.model, self.revision, self.gated)
        if absent := _absent(self.files, offer.files):
            raise MissingError(f"{self.model} on the hub has no {', no '.join(absent)}: name another model")
        return hub.Offer({name: size for name, size in offer.files.items() if self._wanted(name, offer.files)}, offer.licence)

    def _wanted(self, name: str, there: Collection[str]) -> bool:
        """Whether a file of the hub is to be fetched: what must be there, shards where there is no single file, small words."""
        sharded = SINGLE in self._names() and SINGLE not in there and fnmatch(name, SHARD)
        return name in self._names() or sharded or ("/" not in name and any(fnmatch(name, words) for words in WORDS))

    def _download(self, wrong: Collection[str]) -> None:
        if wrong:
            self._lone.unlink()
        download.fetch(self.url, self._lone, self.sha256[self._lone.name])


def _absent(files: Collection[str], there: Collection[str]) -> list[str]:
    """List what of ``files`` is not there, the first of several names that would do."""
    entries = [entry.split("|") for entry in files]
    sharded = {SINGLE} if INDEX in there else set()
    return [names[0] for names in entries if not any(name in there or name in sharded for name in names)]
