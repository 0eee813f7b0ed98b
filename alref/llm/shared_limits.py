"""One budget and one rate for all processes of a run, on one machine or many.

Each process publishes its own numbers, and reads those of all. It publishes what it is about to take before it reads, and takes
it back if the sum is too large. So of two processes that take at the same time, at least one sees the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import uniform
from threading import Lock
from time import monotonic, sleep, time
from typing import Protocol

from alref.llm.budget import Budget

MICRO = 1_000_000
"""Published numbers are whole: millionths of a dollar, milliseconds."""
POLL_SECONDS = 0.2
STALE_SECONDS = 900.0
"""Seconds after which what a silent process of another machine had reserved counts as spent."""


class Tally(Protocol):
    """Numbers of several processes under one name."""

    def publish(self, *numbers: int) -> None:
        """Replace the numbers of this process."""

    def read_others(self) -> dict[str, tuple[int, ...]]:
        """Return the last numbers of every other process, by a key that changes when it publishes.

        The key of a process that has ended begins with ``-``.
        """


_open_tally: list[Callable[[str], Tally]] = []


def share_limits(open_tally: Callable[[str], Tally]) -> None:
    """Let the budgets and rates that this process makes from now on be shared."""
    _open_tally[:] = [open_tally]


@contextmanager
def sharing_limits(open_tally: Callable[[str], Tally]) -> Iterator[None]:
    """Share the budgets and rates that are made in this block."""
    share_limits(open_tally)
    try:
        yield
    finally:
        _open_tally.clear()


def make_budget(limit: float | None, option: str) -> Budget:
    """Return a budget of this process, or of all processes that share limits."""
    shared = _open_tally and limit is not None
    return SharedBudget(limit, option, tally=_open_tally[0](option)) if shared else Budget(limit, option)


def make_shared_rate(per_minute: float | None, name: str) -> SharedRate | None:
    """Return the rate of all processes that share limits, None where limits are not shared."""
    return SharedRate(_open_tally[0](name), per_minute) if _open_tally and per_minute is not None else None


@dataclass
class SharedBudget(Budget):
    """A budget of several processes: what all have spent, now and earlier, counts. ``spent`` is what this one has spent.

    What a killed process had reserved counts as spent.
    """

    tally: Tally = field(kw_only=True)
    _seen: dict[str, float] = field(default_factory=dict)

    def reserve_amount(self, dollars: float) -> int:
        """Reserve dollars and return the id of the reservation; wait for pending questions if they reserve too much.

        Raises ConfigError if the limit might still be exceeded.
        """
        while True:
            with self._changed:
                self._publish(dollars)
                spent, reserved = self._read_others()
                if self.is_within_limit(dollars + spent + reserved):
                    number = next(self._reservation_ids)
                    self.reserved[number] = dollars
                    return number
                self._publish()
                if not self.reserved and not reserved:
                    raise self.make_error(self.spent + spent, dollars)
            sleep(POLL_SECONDS * uniform(0.5, 1.5))  # noqa: S311 - not for secrets

    def settle_reservation(self, reservation: int, dollars: float) -> None:
        """Replace a reservation by the actual cost of the answer."""
        with self._changed:
            del self.reserved[reservation]
            self.spent += dollars
            self._publish()

    def add_spent(self, dollars: float) -> None:
        """Add dollars to what is spent; a negative number corrects an estimate."""
        with self._changed:
            self.spent += dollars
            self._publish()

    def _publish(self, more: float = 0.0) -> None:
        self.tally.publish(round(MICRO * self.spent), round(MICRO * (sum(self.reserved.values()) + more)))

    def _read_others(self) -> tuple[float, float]:
        """Return the dollars that other processes have spent, and those that they have reserved."""
        found = self.tally.read_others()
        self._seen = {key: self._seen.get(key, monotonic()) for key in found}
        ended = {key for key, since in self._seen.items() if key.startswith("-") or monotonic() - since > STALE_SECONDS}
        reserved = sum(numbers[1] for key, numbers in found.items() if key not in ended)
        return (sum(map(sum, found.values())) - reserved) / MICRO, reserved / MICRO


@dataclass
class SharedRate:
    """Spaces requests or tokens of several processes evenly, at most ``per_minute``.

    Each process publishes when the time of its last request is over, by the clock of its machine.
    """

    tally: Tally
    per_minute: float
    _lock: Lock = field(default_factory=Lock)
    _free: int = 0

    def compute_delay(self, amount: float, now: float) -> float:
        """Return the seconds that another ``amount`` has to wait from now on."""
        with self._lock:
            while True:
                start = max(int(1000 * time()), self._free, self._read_free())
                self._free = start + round(60_000 * amount / self.per_minute)
                self.tally.publish(self._free)
                if self._read_free() <= start:
                    return max(0.0, start / 1000 - time())
                sleep(uniform(0, POLL_SECONDS))  # noqa: S311 - not for secrets

    def _read_free(self) -> int:
        return max((numbers[0] for numbers in self.tally.read_others().values()), default=0)
