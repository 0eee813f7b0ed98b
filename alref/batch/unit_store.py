"""The store of a batch: one object for each finished unit, one for each failure, and claims of units under way.

    units/KEY.tar     summary and result of a finished unit
    failed/KEY.json   why a unit failed, and the command that tries again
    claims/KEY        which process works on a unit, and since when
    aliases/KEY-ID    another row with the content of a unit
    exported/KEY-ID-FORMAT   that a unit was exported

A claim only saves work: when it is lost, a unit is computed twice and written twice, with the same content.
"""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Lock, Thread
from time import time
from types import TracebackType
from typing import Self
from uuid import uuid4

from pydantic import ValidationError

from alref.batch.units import (
    UnitAlias,
    UnitFailure,
    UnitSummary,
    compute_digest,
    compute_unit_size,
    read_summary,
)
from alref.errors import AlrefError, RecordError
from alref.output.store import FolderStore, ObjectStore
from alref.utils.processes import is_running

UNITS, FAILED, CLAIMS, ALIASES, EXPORTED = "units", "failed", "claims", "aliases", "exported"
LEASE_SECONDS = 120.0
"""Seconds after which a claim that was not renewed is void."""
HEAD_BYTES = 16384
"""Bytes at the beginning of a unit's object that hold the summary of most units."""
READERS = 16
"""Objects of a remote store that are read at a time."""


class UnitStore:
    """Units, failures and claims in an object store. Use it as a context manager: meanwhile its claims are renewed."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects
        self._owner = uuid4().hex
        self._host = f"{platform.node()} {socket.gethostname()}"
        self._held: set[str] = set()
        self._lock = Lock()
        self._stopped = Event()

    def __enter__(self) -> Self:
        Thread(target=self._renew_claims, daemon=True, name="claims").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        for key in list(self._held):
            with suppress(AlrefError):
                self.release(key)

    def list_done(self) -> dict[str, int]:
        """List the finished units: the size of each object by key."""
        listed = self.objects.list_objects(UNITS)
        return {each.name.removesuffix(".tar"): each.size for each in listed if each.name.endswith(".tar")}

    def get_address(self, key: str) -> str:
        """Return where the object of a unit is."""
        return self.objects.join_address(f"{UNITS}/{key}.tar")

    def write_unit(self, key: str, data: bytes) -> None:
        """Write a finished unit whole, and remove its failure."""
        self.objects.write_bytes(f"{UNITS}/{key}.tar", data)
        self.objects.remove(f"{FAILED}/{key}.json")

    def read_unit(self, key: str) -> bytes | None:
        """Return the object of a unit, None if it is not finished."""
        return self.objects.read_bytes(f"{UNITS}/{key}.tar")

    def read_summary(self, key: str, size: int) -> UnitSummary | None:
        """Return the summary of a finished unit, None if its object, of ``size`` bytes, is not whole."""
        head = self.objects.read_bytes(f"{UNITS}/{key}.tar", HEAD_BYTES) or b""
        with suppress(ValueError):
            return read_summary(head) if compute_unit_size(head) == size else None
        return self.read_whole_summary(key)

    def read_whole_summary(self, key: str) -> UnitSummary | None:
        """Return the summary of a unit, None if it is not finished or its object is not whole."""
        data = self.read_unit(key) or b""
        with suppress(ValueError):
            return read_summary(data) if compute_unit_size(data) == len(data) else None
        return None

    def read_summaries(self, sizes: Mapping[str, int]) -> Iterator[UnitSummary | UnitFailure]:
        """Yield the summaries of units, given their sizes by key; one that is not whole is a failure."""
        with ThreadPoolExecutor(1 if isinstance(self.objects, FolderStore) else READERS, "summaries") as pool:
            for key, found in zip(sizes, pool.map(self.read_summary, sizes, sizes.values()), strict=True):
                error = f"{self.get_address(key)}: not whole, or of another version; run the batch again to compute it again"
                yield found or UnitFailure(key=key, id=key, video="", error=error, exit_code=AlrefError.exit_code)

    def read_failures(self) -> dict[str, UnitFailure]:
        """Return all failures by key; one that cannot be read is left out, so that its unit is tried again."""
        names = [each.name for each in self.objects.list_objects(FAILED) if each.name.endswith(".json")]
        with ThreadPoolExecutor(READERS, "failures") as pool:
            found = list(pool.map(self._read_failure, names))
        return {each.key: each for each in found if each is not None}

    def _read_failure(self, name: str) -> UnitFailure | None:
        try:
            return UnitFailure.model_validate_json(self.objects.read_bytes(f"{FAILED}/{name}") or b"")
        except (ValidationError, RecordError):
            return None

    def write_failure(self, failure: UnitFailure) -> None:
        """Write a failure."""
        self.objects.write_bytes(f"{FAILED}/{failure.key}.json", failure.model_dump_json(indent=1).encode())

    def remove_failure(self, key: str) -> None:
        """Remove a failure."""
        self.objects.remove(f"{FAILED}/{key}.json")

    def list_exported(self) -> set[str]:
        """List the names of all exports, as ``name_export`` makes them."""
        return {each.name for each in self.objects.list_objects(EXPORTED)}

    def name_export(self, key: str, name: str, kind: str) -> str:
        """Return the name of the export of a unit, under the id ``name``, in the format ``kind``."""
        return f"{key}-{compute_digest(name)[:8]}-{kind}"

    def mark_exported(self, key: str, name: str, kinds: Iterable[str]) -> None:
        """Note that a unit was exported under the id ``name`` in formats."""
        for kind in kinds:
            self.objects.write_bytes(f"{EXPORTED}/{self.name_export(key, name, kind)}", b"")

    def list_aliases(self) -> set[str]:
        """List the names of the objects of aliases."""
        return {each.name for each in self.objects.list_objects(ALIASES)}

    def add_alias(self, alias: UnitAlias, known: set[str]) -> None:
        """Write that a unit is also the one of another row, unless that is ``known``."""
        name = f"{alias.key}-{compute_digest(alias.id)[:8]}.json"
        if name not in known:
            self.objects.write_bytes(f"{ALIASES}/{name}", alias.model_dump_json().encode())
            known.add(name)

    def read_aliases(self) -> dict[str, list[UnitAlias]]:
        """Return all aliases by the key of their unit."""
        found: dict[str, list[UnitAlias]] = {}
        for name in sorted(self.list_aliases()):
            alias = UnitAlias.model_validate_json(self.objects.read_bytes(f"{ALIASES}/{name}") or b"")
            found.setdefault(alias.key, []).append(alias)
        return found

    def claim(self, key: str) -> bool:
        """Claim a unit for this process; return whether no other process works on it."""
        name = f"{CLAIMS}/{key}"
        if not self.objects.create_bytes(name, self._make_claim()):
            if not self._is_void(self.objects.read_bytes(name)):
                return False
            self.objects.remove(name)
            if not self.objects.create_bytes(name, self._make_claim()):
                return False
        with self._lock:
            self._held.add(key)
        return True

    def release(self, key: str) -> None:
        """Give up the claim of a unit."""
        with self._lock:
            self._held.discard(key)
        self.objects.remove(f"{CLAIMS}/{key}")

    def clear_claims(self) -> None:
        """Remove claims that are void: those of killed processes whose units others have completed."""
        for each in self.objects.list_objects(CLAIMS):
            name = f"{CLAIMS}/{each.name}"
            if self._is_void(self.objects.read_bytes(name)):
                self.objects.remove(name)

    def _make_claim(self) -> bytes:
        return json.dumps({"owner": self._owner, "host": self._host, "process": os.getpid(), "time": time()}).encode()

    def _is_void(self, data: bytes | None) -> bool:
        """Return whether a claim is not renewed any more: its process has ended, or its lease is over."""
        if data is None:
            return True
        try:
            claim = json.loads(data)
            late = time() - float(claim["time"]) > LEASE_SECONDS
            return late or (claim["host"] == self._host and not is_running(int(claim["process"])))
        except (ValueError, KeyError, TypeError):
            return True

    def _renew_claims(self) -> None:
        while not self._stopped.wait(LEASE_SECONDS / 3):
            with self._lock:
                held = list(self._held)
            for key in held:
                with suppress(AlrefError):
                    self.objects.write_bytes(f"{CLAIMS}/{key}", self._make_claim())
