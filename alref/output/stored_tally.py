"""Numbers of several processes in an object store.

Each process has one object without content, whose name holds its numbers. So one listing reads those of all.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
from itertools import count
from uuid import uuid4

from alref.output.store import ObjectStore
from alref.utils.processes import is_running

FOLDER = "limits"


class StoredTally:
    """The numbers of one process under a name, and those of the others, in ``limits/NAME`` of a store."""

    def __init__(self, objects: ObjectStore, name: str) -> None:
        self._objects = objects
        self._folder = f"{FOLDER}/{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"
        host = hashlib.blake2b(f"{platform.node()} {socket.gethostname()}".encode(), digest_size=4).hexdigest()
        self._host, self._owner = host, f"{host}_{os.getpid()}_{uuid4().hex[:8]}"
        self._versions = count()
        self._written = ""

    def publish(self, *numbers: int) -> None:
        """Replace the numbers of this process."""
        before, self._written = self._written, ".".join(map(str, (self._owner, next(self._versions), *numbers)))
        self._objects.write_bytes(f"{self._folder}/{self._written}", b"")
        if before:
            self._objects.remove(f"{self._folder}/{before}")

    def read_others(self) -> dict[str, tuple[int, ...]]:
        """Return the last numbers of every other process, by a key that changes when it publishes.

        The key of a process of this machine that has ended begins with ``-``.
        """
        latest: dict[str, tuple[int, ...]] = {}
        for each in self._objects.list_objects(self._folder):
            owner, *numbers = each.name.split(".")
            if owner != self._owner:
                latest[owner] = max(latest.get(owner, (-1,)), tuple(map(int, numbers)))
        return {f"{self._mark(owner)}{owner}.{found[0]}": found[1:] for owner, found in latest.items()}

    def _mark(self, owner: str) -> str:
        host, process, _ = owner.split("_")
        return "-" if host == self._host and not is_running(int(process)) else ""
