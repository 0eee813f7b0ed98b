"""Read the units of a batch: rows become units in threads, ahead of their use, with what the store has of each."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from alref.batch.shards import Shard
from alref.batch.source import BatchRow
from alref.batch.unit_store import UnitStore
from alref.batch.units import Unit, UnitBuilder, UnitSummary, get_row_id
from alref.errors import AlrefError, InputError

LOOK_AHEAD, READERS = 32, 8
"""Rows that are identified before they are needed, and threads that read them."""


@dataclass(frozen=True)
class ReadRow:
    """A row with its unit, or the error if it is none; ``summary`` is that of the finished unit in the store."""

    row: BatchRow
    unit: Unit | None = None
    error: AlrefError | None = None
    summary: UnitSummary | None = None


@dataclass
class UnitReader:
    """Reads the rows of one share, up to a limit; ``taken`` counts them."""

    rows: Iterable[BatchRow | None]
    builder: UnitBuilder
    shard: Shard = field(default_factory=Shard)
    limit: int | None = None
    taken: int = 0

    def read_units(self, store: UnitStore, sizes: Mapping[str, int]) -> Iterator[ReadRow | None]:
        """Yield the rows in their order; None while there is none. ``sizes`` are those of the finished units by key."""
        ahead: deque[Future[ReadRow]] = deque()
        with ThreadPoolExecutor(READERS, "rows") as pool:
            try:
                for row in self._select_rows():
                    if row is not None:
                        ahead.append(pool.submit(self._read_unit, row, store, sizes))
                    if len(ahead) > LOOK_AHEAD or (row is None and ahead):
                        yield ahead.popleft().result()
                    elif row is None:
                        yield None
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def _read_unit(self, found: ReadRow, store: UnitStore, sizes: Mapping[str, int]) -> ReadRow:
        if found.error is not None:
            return found
        try:
            unit = self.builder.build_unit(found.row)
        except AlrefError as error:
            return ReadRow(found.row, error=InputError(f"row {found.row.number}: {error}"))
        summary = store.read_summary(unit.key, sizes[unit.key]) if unit.key in sizes else None
        return ReadRow(found.row, unit, summary=summary)

    def _select_rows(self) -> Iterator[ReadRow | None]:
        """Yield the rows of this share up to the limit; a row whose id another has is an error."""
        seen: Counter[str] = Counter()
        for row in self.rows:
            if row is None:
                yield None
                continue
            name = get_row_id(row)
            seen[name] += 1
            if not self.shard.holds(name):
                continue
            if self.limit is not None and self.taken >= self.limit:
                return
            self.taken += 1
            text = f"row {row.number}: the id {name!r} is that of another row; give each row an id of its own"
            yield ReadRow(row, error=InputError(text) if seen[name] > 1 else None)
