"""One budget and one rate for all processes of a run on one machine, in an SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep, time

from alref.errors import OutputError
from alref.llm.budget import Budget
from alref.utils.processes import is_running

TIMEOUT, POLL_SECONDS = 30.0, 0.2
_TABLES = """
CREATE TABLE IF NOT EXISTS spent (option TEXT PRIMARY KEY, dollars REAL NOT NULL);
CREATE TABLE IF NOT EXISTS reserved (id INTEGER PRIMARY KEY, option TEXT, dollars REAL NOT NULL, process INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rates (name TEXT PRIMARY KEY, free REAL NOT NULL);
"""
_current: list[Path] = []


def share_limits(path: Path) -> None:
    """Let the budgets and rates that this process makes from now on be those of all processes that name this file."""
    _current[:] = [path]


def make_budget(limit: float | None, option: str) -> Budget:
    """Return a budget of this process, or of all processes that share limits."""
    return SharedBudget(limit, option, ledger=_current[0]) if _current and limit is not None else Budget(limit, option)


def make_shared_rate(per_minute: float | None, name: str) -> SharedRate | None:
    """Return the rate of all processes that share limits, None where limits are not shared."""
    return SharedRate(_current[0], per_minute, name) if _current and per_minute is not None else None


@contextmanager
def _open_ledger(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield the file in a transaction that no other process interrupts. Raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=TIMEOUT, isolation_level=None)
        try:
            database.executescript(_TABLES)
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        finally:
            database.close()
    except (OSError, sqlite3.Error) as error:
        raise OutputError(f"{path}: the budget of all processes cannot be used ({error}); remove the file") from error


@dataclass
class SharedBudget(Budget):
    """A budget of all processes that use the file ``ledger``. What a killed process had reserved counts as spent."""

    ledger: Path = Path()

    def reserve_amount(self, dollars: float) -> int:
        """Reserve dollars and return the id of the reservation; wait for pending questions if they reserve too much.

        Raises ConfigError if the limit might still be exceeded.
        """
        while True:
            with _open_ledger(self.ledger) as database:
                self._read(database)
                if self._is_within_limit(dollars) or not self.reserved:
                    super().reserve_amount(dollars)  # raises where the limit is exceeded
                    values = (self.option, dollars, os.getpid())
                    cursor = database.execute("INSERT INTO reserved (option, dollars, process) VALUES (?, ?, ?)", values)
                    return int(cursor.lastrowid or 0)
            sleep(POLL_SECONDS)

    def settle_reservation(self, reservation: int, dollars: float) -> None:
        """Replace a reservation by the actual cost of the answer."""
        with _open_ledger(self.ledger) as database:
            database.execute("DELETE FROM reserved WHERE id = ?", (reservation,))
            self._add_spent(database, dollars)

    def _read(self, database: sqlite3.Connection) -> None:
        """Read what all processes spent and reserved."""
        rows = database.execute("SELECT id, dollars, process FROM reserved WHERE option = ?", (self.option,)).fetchall()
        for number, dollars, process in rows:
            if not is_running(process):
                database.execute("DELETE FROM reserved WHERE id = ?", (number,))
                self._add_spent(database, dollars)
        self.reserved = {number: dollars for number, dollars, process in rows if is_running(process)}
        row = database.execute("SELECT dollars FROM spent WHERE option = ?", (self.option,)).fetchone()
        self.spent = row[0] if row else 0.0

    def _add_spent(self, database: sqlite3.Connection, dollars: float) -> None:
        database.execute(
            "INSERT INTO spent VALUES (?, ?) ON CONFLICT (option) DO UPDATE SET dollars = dollars + excluded.dollars",
            (self.option, dollars),
        )


@dataclass(frozen=True)
class SharedRate:
    """Spaces requests or tokens of all processes evenly, at most ``per_minute``."""

    ledger: Path
    per_minute: float
    name: str

    def compute_delay(self, amount: float) -> float:
        """Return the seconds that another ``amount`` has to wait from now on."""
        with _open_ledger(self.ledger) as database:
            row = database.execute("SELECT free FROM rates WHERE name = ?", (self.name,)).fetchone()
            now = time()
            start = max(now, row[0] if row else 0.0)
            database.execute(
                "INSERT INTO rates VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET free = excluded.free",
                (self.name, start + 60 * amount / self.per_minute),
            )
        return start - now
