"""Check the type and the message of an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alref.errors import AlrefError


@contextmanager
def assert_raises(error_type: type[AlrefError], *words: str) -> Iterator[None]:
    """Expect an error of a type with all ``words`` in its message. Raises AssertionError otherwise."""
    message = None
    try:
        yield
    except error_type as error:
        message = str(error)
    if message is None:
        raise AssertionError(f"expected {error_type.__name__}, got none")
    missing = [word for word in words if word not in message]
    assert not missing, f"expected {missing[0]!r} in the message, got: {message}"
