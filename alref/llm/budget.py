"""A limit for what a run may cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import Condition

from alref.errors import ConfigError


@dataclass
class Budget:
    """Limits the cost of a run in dollars: an amount is reserved before a question and settled after its answer.

    ``option`` is the option that sets the limit, as ``-o`` takes it.
    """

    limit: float | None
    option: str
    spent: float = 0.0
    reserved: dict[int, float] = field(default_factory=dict)
    _changed: Condition = field(default_factory=Condition)
    _reservation_ids: Iterator[int] = field(default_factory=count)

    def reserve_amount(self, dollars: float) -> int:
        """Reserve dollars and return the id of the reservation; wait for pending questions if they reserve too much.

        Raises ConfigError if the limit might still be exceeded.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self.reserved or self.is_within_limit(dollars))
            if not self.is_within_limit(dollars):
                raise self.make_error(self.spent, dollars)
            number = next(self._reservation_ids)
            self.reserved[number] = dollars
            return number

    def make_error(self, spent: float, dollars: float) -> ConfigError:
        """Return the error that the next question may exceed the limit."""
        return ConfigError(
            f"max_cost: ${spent:.4f} of ${self.limit:g} are spent, and the next question may take ${dollars:.4f};"
            f" all answers so far are kept: run the same again with --force and a higher -o {self.option}"
        )

    def settle_reservation(self, reservation: int, dollars: float) -> None:
        """Replace a reservation by the actual cost of the answer."""
        with self._changed:
            del self.reserved[reservation]
            self.spent += dollars
            self._changed.notify_all()

    def add_spent(self, dollars: float) -> None:
        """Add dollars to what is spent; a negative number corrects an estimate."""
        with self._changed:
            self.spent += dollars

    def is_within_limit(self, dollars: float) -> bool:
        """Return whether so many dollars more may be reserved."""
        return self.limit is None or self.spent + sum(self.reserved.values()) + dollars <= self.limit
