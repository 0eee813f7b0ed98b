"""Read the file of an offline run of wandb: a log in LevelDB's format, whose records are wandb's messages."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE_HEADER, BLOCK = 7, 32_768
FULL, LAST = 1, 4


def read_wandb_run(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what the run in a folder holds: ``config``, ``summary`` and ``run``."""
    from wandb.proto.wandb_internal_pb2 import Record

    found: dict[str, dict[str, Any]] = {"config": {}, "summary": {}, "run": {}}
    for data in iterate_records(next(folder.glob("*.wandb")).read_bytes()):
        record = Record.FromString(data)
        if record.HasField("run"):
            found["run"] = {"id": record.run.run_id, "project": record.run.project, "tags": list(record.run.tags)}
        for part in ("config", "summary"):
            for each in getattr(record, part).update:
                found[part]["/".join(each.nested_key) or each.key] = json.loads(each.value_json)
    return found


def iterate_records(log: bytes) -> Iterator[bytes]:
    """Yield the records of a log. A piece has a checksum (4 bytes), its length (2), its kind (1); none crosses a block."""
    place, parts = FILE_HEADER, b""
    while place + 7 <= len(log):
        if BLOCK - place % BLOCK < 7:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", log, place)
        parts += log[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (FULL, LAST):
            yield parts
            parts = b""
