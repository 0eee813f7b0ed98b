"""A loaded model that several components of one class use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class SharedModel:
    """A model that is loaded for the first of its users, and released with the last one."""

    def __init__(self) -> None:
        self._model: Any = None
        self._users: set[object] = set()

    def acquire(self, user: object, load: Callable[[], Any]) -> None:
        """Add a user; ``load`` returns the model if no one has loaded it yet."""
        if not self._users:
            self._model = load()
        self._users.add(user)

    def get(self, user: object) -> Any:
        """Return the model, or None if this user has not acquired it."""
        return self._model if user in self._users else None

    def release(self, user: object) -> Any:
        """Remove a user. Return the model if this was the last one, else None."""
        if user not in self._users:
            return None
        self._users.remove(user)
        if self._users:
            return None
        model, self._model = self._model, None
        return model
