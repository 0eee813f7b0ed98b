"""Threads for work that waits on the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
Output = TypeVar("Output")


def run_in_threads(function: Callable[[Item], Output], items: Sequence[Item], max_workers: int) -> Iterator[tuple[int, Output]]:
    """Yield (index, output) as the items finish, ``max_workers`` at once.

    After an error no further item starts; the outputs of running items are yielded, then the first error is raised. An
    interruption does not wait, because the threads are daemons.
    """
    waiting = deque(enumerate(items))
    done: SimpleQueue[tuple[int, Output | Exception] | None] = SimpleQueue()
    stopped = Event()

    def run_worker() -> None:
        while waiting and not stopped.is_set():
            try:
                index, item = waiting.popleft()
            except IndexError:
                break
            try:
                done.put((index, function(item)))
            except Exception as error:  # raised again where the outputs are read
                stopped.set()
                done.put((index, error))
        done.put(None)

    threads = [
        Thread(target=run_worker, daemon=True, name=f"question-{number}") for number in range(min(max_workers, len(items)))
    ]
    for thread in threads:
        thread.start()
    try:
        yield from _collect_outputs(done, len(threads))
    finally:
        stopped.set()


def _collect_outputs(done: SimpleQueue[tuple[int, Output | Exception] | None], running: int) -> Iterator[tuple[int, Output]]:
    first: Exception | None = None
    while running:
        item = done.get()
        if item is None:
            running -= 1
            continue
        index, output = item
        if isinstance(output, Exception):
            first = first or output
        else:
            yield index, output
    if first is not None:
        raise first
