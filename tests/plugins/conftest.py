"""Fixtures of the tests of servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.llm_server import ChatServer, hurry, serving


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    """Yield a server that answers ``frame 3``."""
    with serving("frame 3") as server:
        yield server


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients try again at once, and find no key or address of the user's."""
    hurry(monkeypatch)
