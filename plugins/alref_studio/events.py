"""Server-sent events: what happens on the server, told to every open page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from threading import Lock
from typing import Any

PING_SECONDS = 15.0
MAX_WAITING = 200
"""Events that wait for a slow page; older ones are dropped, since each event tells the whole state of its subject."""
Subscriber = tuple[asyncio.AbstractEventLoop, "asyncio.Queue[str | None]"]


class EventHub:
    """Sends events from any thread to all pages. ``close`` ends their streams."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self._lock = Lock()
        self._numbers = count(1)

    def publish(self, name: str, data: Any) -> None:
        """Send one event, with ``data`` as JSON."""
        self._send(f"id: {next(self._numbers)}\nevent: {name}\ndata: {json.dumps(data)}\n\n")

    def close(self) -> None:
        """End all streams."""
        self._send(None)

    def _send(self, text: str | None) -> None:
        with self._lock:
            subscribers = list(self._subscribers)
        for loop, queue in subscribers:
            loop.call_soon_threadsafe(put_newest, queue, text)

    async def stream(self, first: dict[str, Any]) -> AsyncIterator[str]:
        """Yield the text of an event stream: events that tell the state now, by name, then those that follow."""
        subscriber: Subscriber = (asyncio.get_running_loop(), asyncio.Queue(MAX_WAITING))
        with self._lock:
            self._subscribers.add(subscriber)
        try:
            yield "retry: 1000\n\n" + "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in first.items())
            while True:
                try:
                    text = await asyncio.wait_for(subscriber[1].get(), PING_SECONDS)
                except TimeoutError:
                    text = ": still here\n\n"
                if text is None:
                    return
                yield text
        finally:
            with self._lock:
                self._subscribers.discard(subscriber)


def put_newest(queue: asyncio.Queue[str | None], text: str | None) -> None:
    """Put a text into a queue; if the queue is full, the oldest one is dropped."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(text)
