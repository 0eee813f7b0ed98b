"""``trace.jsonl``: every question of a run with its answer, a line each, there as soon as it is answered."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from alref.llm.messages import QuestionEvent
from alref.plugins.hookspecs import hookimpl


class TraceWriter:
    """An observer that appends each question to a file, which is made with the first one; told from any thread.

    A line is a QuestionEvent as JSON; ``alref.llm.replay.read_trace`` reads them back.
    """

    def __init__(self, path: Path) -> None:
        self.__name__ = path.name
        self._path = path
        self._lock = Lock()
        self._started = False

    @hookimpl
    def question_answered(self, event: QuestionEvent) -> None:
        """Append one question, in one write."""
        line = event.model_dump_json().encode() + b"\n"
        with self._lock:
            if not self._started:
                _trim_partial_line(self._path)
                self._started = True
            with self._path.open("ab", buffering=0) as file:
                file.write(line)


def _trim_partial_line(path: Path) -> None:
    """Cut off the last line when a kill left it without its end."""
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
