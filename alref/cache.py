"""Stage outputs by content: what was computed once from the same pixels, options and records is read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from alref import atomic
from alref.errors import RecordError

Item = TypeVar("Item", bound=BaseModel)


def key(*parts: Any) -> str:
    """Digest JSON-like values and records to 32 hexadecimal digits."""
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _plain(part: Any) -> Any:
    if isinstance(part, BaseModel):
        return part.model_dump(mode="json")
    if isinstance(part, (list, tuple)):
        return [_plain(each) for each in part]
    return part


@dataclass(frozen=True)
class StageCache:
    """A folder with one JSON file for each kept output; without a folder nothing is kept.

    Files are written whole or not at all, so a run that is killed leaves only finished stages. A file that cannot be read is
    taken as missing, and written again.
    """

    folder: Path | None = None

    def get(self, stage: str, digest: str, kind: type[Item]) -> tuple[list[Item], float] | None:
        """Return the kept records and the seconds they took, or None."""
        path = self._path(stage, digest)
        if path is None or not path.is_file():
            return None
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            return [kind.model_validate(item) for item in kept["output"]], float(kept["seconds"])
        except (ValueError, KeyError, TypeError, RecordError, ValidationError):
            return None

    def put(self, stage: str, digest: str, output: Sequence[BaseModel], seconds: float) -> None:
        """Keep records. Raises OutputError when the folder cannot be written."""
        path = self._path(stage, digest)
        if path is not None:
            kept = {"seconds": seconds, "output": [item.model_dump(mode="json") for item in output]}
            atomic.make_folder(path.parent)
            atomic.write_text(path, json.dumps(kept))

    def _path(self, stage: str, digest: str) -> Path | None:
        return self.folder / f"{stage}-{digest}.json" if self.folder else None
