"""A worker process of the local runner: it reads tasks from its standard input until that is closed.

What it prints goes to standard error, because its standard output carries the replies.
"""

from __future__ import annotations

import os
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import IO, Any

from alref import AlrefError, Worker
from alref.errors import format_exception


class ReplyWriter:
    """Writes replies, each whole, from any thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = Lock()

    def send(self, kind: str, key: str = "", output: Any = None, error: AlrefError | None = None) -> None:
        """Send one reply; the process ends when nobody reads it."""
        data = pickle.dumps((kind, key, output, error), protocol=pickle.HIGHEST_PROTOCOL)
        with self._lock:
            try:
                self._stream.write(data)
                self._stream.flush()
            except OSError:
                os._exit(0)


def do_task(worker: Worker, replies: ReplyWriter, key: str, content: Any) -> None:
    """Do one task and send its output, or its error."""
    try:
        replies.send("finished", key, worker(content))
    except AlrefError as error:
        replies.send("finished", key, error=error)
    except Exception as error:  # a defect is the outcome of a task, and not the end of a worker
        replies.send("finished", key, error=AlrefError(f"unexpected error: {format_exception(error)}"))


def main() -> None:
    """Make the worker that the first message describes, and do the tasks that follow."""
    requests, replies = os.fdopen(os.dup(0), "rb"), ReplyWriter(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption ends the process that started this one
    try:
        make_worker, device, overlap = pickle.load(requests)  # noqa: S301 - from the process that started this one
        worker = make_worker(device)
    except AlrefError as error:
        replies.send("lost", error=error)
        return
    replies.send("ready")
    with ThreadPoolExecutor(overlap) as pool:
        try:
            while True:
                key, content = pickle.load(requests)  # noqa: S301 - from the process that started this one
                pool.submit(do_task, worker, replies, key, content)
        except EOFError:
            os._exit(0)  # whoever asked is gone: what is under way is of no use to anyone


if __name__ == "__main__":
    main()
