"""Shards: the share of a batch that one process does, by a stable hash, so that nobody has to hand out work."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from alref.errors import ConfigError, InputError


@dataclass(frozen=True)
class Shard:
    """Share ``index`` of ``count``, counted from 0. A name is always in the same share, whatever names there are besides."""

    index: int = 0
    count: int = 1

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read ``I/N``: share I of N, counted from 0. Raises InputError."""
        found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if not found or not int(found[1]) < int(found[2]):
            raise InputError(f"--shard {text!r}: expected I/N with I from 0 to N-1, for example 0/4")
        return cls(int(found[1]), int(found[2]))

    def holds(self, name: str) -> bool:
        """Return whether a name is in this share."""
        digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest) % self.count == self.index


def read_shard(text: str | None, force: bool) -> Shard:
    """Return the shard of a flag, the whole without one. Raises ConfigError if ``force`` would remove other shares."""
    if text and force:
        raise ConfigError("--force: removes what other shares wrote; run it once without --shard, or name another folder")
    return Shard.from_text(text) if text else Shard()
