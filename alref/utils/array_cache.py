"""A cache of arrays with a maximum size in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

AnyKey = TypeVar("AnyKey", bound=Hashable)
AnyType = TypeVar("AnyType", bound=np.generic)


class ArrayCache(Generic[AnyKey, AnyType]):
    """Arrays by key, at most ``max_bytes`` of them; the least recently used array is dropped first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._arrays: OrderedDict[AnyKey, npt.NDArray[AnyType]] = OrderedDict()

    def get(self, key: AnyKey) -> npt.NDArray[AnyType] | None:
        """Return a cached array, else None."""
        array = self._arrays.get(key)
        if array is not None:
            self._arrays.move_to_end(key)
        return array

    def put(self, key: AnyKey, array: npt.NDArray[AnyType]) -> None:
        """Cache an array that is not cached yet; an array larger than ``max_bytes`` is not cached."""
        self._arrays[key] = array
        self.num_bytes += array.nbytes
        while self.num_bytes > self.max_bytes:
            _, oldest = self._arrays.popitem(last=False)
            self.num_bytes -= oldest.nbytes

    def get_or_compute(self, key: AnyKey, compute: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[AnyType]:
        """Return the array of ``key``, computed if it is not cached."""
        array = self.get(key)
        if array is None:
            array = compute()
            self.put(key, array)
        return array
