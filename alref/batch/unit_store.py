"""The store of a batch: one object for each finished unit, one for each failure, and claims of units under way.

    units/KEY.tar     summary and result of a finished unit
    failed/KEY.json   why a unit failed, and the command that tries again
    claims/KEY        which process works on a unit, and since when

A claim only saves work: when it is lost, a unit is computed twice and written twice, with the same content.
"""

from __future__ import annotations

import json
import os
import platform
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Lock, Thread
from time import time
from types import TracebackType
from typing import Self
from uuid import uuid4

from pydantic import ValidationError

from alref.batch.units import UnitFailure, UnitSummary, read_summary
from alref.errors import AlrefError, RecordError
from alref.output.store import FolderStore, ObjectStore
from alref.utils.processes import is_running

UNITS, FAILED, CLAIMS = "units", "failed", "claims"
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

    def list_done(self) -> set[str]:
        """List the keys of finished units."""
        return {each.name.removesuffix(".tar") for each in self.objects.list_objects(UNITS) if each.name.endswith(".tar")}

    def is_done(self, key: str) -> bool:
        """Return whether a unit is finished."""
        return self.objects.read_bytes(f"{UNITS}/{key}.tar", 1) is not None

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

    def read_summaries(self, keys: Iterable[str]) -> Iterator[UnitSummary | UnitFailure]:
        """Yield the summaries of units, in any order; an object that is not whole or of another version is a failure."""
        if isinstance(self.objects, FolderStore):
            yield from map(self._read_summary, keys)
            return
        with ThreadPoolExecutor(READERS, "summaries") as pool:
            yield from pool.map(self._read_summary, keys)

    def _read_summary(self, key: str) -> UnitSummary | UnitFailure:
        name = f"{UNITS}/{key}.tar"
        try:
            with suppress(ValueError):
                return read_summary(self.objects.read_bytes(name, HEAD_BYTES) or b"")
            return read_summary(self.objects.read_bytes(name) or b"")
        except ValueError as error:
            why = f"{self.get_address(key)}: not whole, or of another version ({error}); remove it to compute it again"
            return UnitFailure(key=key, id=key, video="", error=why, exit_code=AlrefError.exit_code)

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
