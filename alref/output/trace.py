"""``trace.jsonl``: one line for each question of a run with its answer, written as soon as it is answered."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from alref.llm.messages import QuestionEvent
from alref.plugins.hookspecs import hookimpl


class TraceWriter:
    """An observer that appends each question to a file, created with the first one. Thread-safe.

    A line is a QuestionEvent as JSON; ``alref.llm.replay.read_trace`` reads them back.
    """

    def __init__(self, path: Path) -> None:
        self.__name__ = path.name
        self._path = path
        self._lock = Lock()
        self._started = False

    @hookimpl
    def question_answered(self, event: QuestionEvent) -> None:
        """Append one question in a single write."""
        line = event.model_dump_json().encode() + b"\n"
        with self._lock:
            if not self._started:
                _trim_partial_line(self._path)
                self._started = True
            with self._path.open("ab", buffering=0) as file:
                file.write(line)


def _trim_partial_line(path: Path) -> None:
    """Remove an incomplete last line that a killed run left."""
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
