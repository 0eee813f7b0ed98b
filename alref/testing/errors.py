"""Honest errors: the right kind, in one message that says what it is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alref.errors import AlrefError


@contextmanager
def assert_raises(error_type: type[AlrefError], *words: str) -> Iterator[None]:
    """Expect an error of a kind whose message has all ``words``. Raises AssertionError when none or another message comes."""
    said = None
    try:
        yield
    except error_type as error:
        said = str(error)
    if said is None:
        raise AssertionError(f"expected {error_type.__name__}, got none")
    lacking = [word for word in words if word not in said]
    assert not lacking, f"expected {lacking[0]!r} in the message, got: {said}"
