"""Threads for work that waits on the network or on libraries that release the lock of the interpreter."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
Output = TypeVar("Output")

MAX_WAIT_SECONDS = 0.5
"""Longest uninterrupted wait. Python handles a signal after it, even one that another thread received."""


def run_in_threads(function: Callable[[Item], Output], items: Sequence[Item], max_workers: int) -> Iterator[tuple[int, Output]]:
    """Yield (index, output) as the items finish, ``max_workers`` at once.

    After an error no further item starts; the outputs of running items are yielded, then the first error is raised. An
    interruption does not wait, because the threads are daemons.
    """
    waiting = deque(enumerate(items))
    done: SimpleQueue[tuple[int, Output | BaseException] | None] = SimpleQueue()
    stopped = Event()

    def run_worker() -> None:
        while waiting and not stopped.is_set():
            try:
                index, item = waiting.popleft()
            except IndexError:
                break
            try:
                done.put((index, function(item)))
            except BaseException as error:  # raised again where the outputs are read
                stopped.set()
                done.put((index, error))
        done.put(None)

    threads = [
        Thread(target=run_worker, daemon=True, name=f"worker-{number}") for number in range(min(max_workers, len(items)))
    ]
    for thread in threads:
        thread.start()
    first_error: BaseException | None = None
    try:
        for _ in threads:
            for index, output in iter(partial(_wait_for_item, done), None):
                if isinstance(output, BaseException):
                    first_error = first_error or output
                else:
                    yield index, output
    finally:
        stopped.set()
    if first_error is not None:
        raise first_error


def _wait_for_item(done: SimpleQueue[tuple[int, Output | BaseException] | None]) -> tuple[int, Output | BaseException] | None:
    while True:
        with suppress(Empty):
            return done.get(timeout=MAX_WAIT_SECONDS)
