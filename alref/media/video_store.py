"""What components remember of one video: values by key, within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import Any

MAX_BYTES = 256 << 20
"""Default number of bytes that a video remembers."""


@dataclass
class _Entry:
    lock: RLock = field(default_factory=RLock)
    made: bool = False
    value: Any = None
    num_bytes: int = 0


class VideoStore:
    """Values by key, at most ``max_bytes`` of them; the least recently used one is dropped first. Safe in several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes, self.num_bytes = max_bytes, 0
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = Lock()

    def get_or_make(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the value of a key; ``make`` returns it if it is not remembered. Other threads wait for it meanwhile."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        with entry.lock:
            if not entry.made:
                entry.value = make()
                entry.num_bytes, entry.made = measure_bytes(entry.value), True
                self._count_entry(key, entry)
            return entry.value

    def _count_entry(self, key: Hashable, entry: _Entry) -> None:
        """Count a value that was made, and drop the values that were not used for longest."""
        with self._lock:
            if self._entries.get(key) is entry:
                self.num_bytes += entry.num_bytes
            for oldest in [key for key, entry in self._entries.items() if entry.made]:
                if self.num_bytes <= self.max_bytes:
                    break
                self.num_bytes -= self._entries.pop(oldest).num_bytes


def measure_bytes(value: object) -> int:
    """Return the bytes of the arrays and tensors in a value: itself, or in nested lists, tuples and mappings."""
    if isinstance(value, Mapping):
        return measure_bytes(list(value.values()))
    if isinstance(value, list | tuple):
        return sum(map(measure_bytes, value))
    return int(getattr(value, "nbytes", 0))
