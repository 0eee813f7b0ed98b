"""An SQLite file of answers from language models, shared by the threads and processes of one machine."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar

from filelock import FileLock
from pydantic import ValidationError

from alref.errors import AlrefError, InputError, OutputError, RecordError, sanitize_line
from alref.llm.messages import Answer, Question, strip_thoughts
from alref.records import DecisionSource, Record
from alref.utils.home import get_data_path

STORE_FILE = "answers.sqlite"
FORMAT_VERSION = 2
_TIMEOUT_SECONDS = 30.0
_CREATE_TABLE = "CREATE TABLE answers (key TEXT PRIMARY KEY, model TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL)"

_INSERT_ANSWER = """
INSERT INTO answers VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
SET model = excluded.model, question = excluded.question, answer = excluded.answer WHERE answers.answer <> excluded.answer
"""


def get_default_path() -> Path:
    """Return the default path: ``answers.sqlite`` in the folder that ALREF_HOME names, else in the user's data folder."""
    return get_data_path(STORE_FILE)


def compute_answer_key(origin: str, component: str, options: Mapping[str, Any], model: str, question: Question) -> str:
    """Return the key of an answer: a digest of component, options, model and question, 32 hexadecimal digits.

    ``origin`` is the plugin's distribution with its version, ``options`` the options that change an answer, as
    JSON-like values, ``model`` the requested model.
    """
    parts = [origin, component, dict(options), model, question.to_dict()]
    content = json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def is_usable(answer: Answer) -> bool:
    """Return whether an answer can be stored: it has text besides thoughts, and the model stopped by itself."""
    return answer.finish_reason == "stop" and bool(strip_thoughts(answer.text))


class AnswerStoreInfo(Record):
    """Contents of a store: its number of answers, its size in bytes, and the number of answers by model."""

    count: int
    size: int
    models: dict[str, int]


class AnswerStore:
    """Answers in an SQLite file, created on first use; each is written immediately and atomically, so a kill loses none.

    All methods may be called from several threads, and several processes may use one file; after a fork, open it anew. They
    raise InputError when the file is damaged or is not a store, OutputError when it cannot be opened or written.
    """

    source: ClassVar[DecisionSource] = "cache"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = RLock()
        self._database: sqlite3.Connection | None = None

    def get(self, key: str, phrase: str = "") -> Answer | None:
        """Return the answer stored under a key, or None; ``phrase`` is what the question is about."""
        with self._open_connection() as database:
            row = database.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            return Answer.model_validate_json(row[0]) if row else None

    def put(self, key: str, question: Question, answer: Answer) -> None:
        """Store an answer, unless it is empty, refused, filtered, cut off, or stored already."""
        if is_usable(answer):
            row = (key, answer.model, json.dumps(question.to_dict(), ensure_ascii=False), answer.model_dump_json())
            with self._open_connection() as database:
                database.execute(_INSERT_ANSWER, row)

    def get_info(self) -> AnswerStoreInfo:
        """Count the stored answers; a missing file counts as empty and is not created."""
        if not self.path.exists():
            return AnswerStoreInfo(count=0, size=0, models={})
        with self._open_connection() as database:
            rows = database.execute("SELECT model, count(*) FROM answers GROUP BY model ORDER BY model").fetchall()
        return AnswerStoreInfo(count=sum(count for _, count in rows), size=self.path.stat().st_size, models=dict(rows))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._database:
                self._database.close()
            self._database = None

    @contextmanager
    def _open_connection(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection to one thread at a time; every error is raised as an AlrefError."""
        with self._lock:
            try:
                self._database = self._database or _open_database(self.path)
                yield self._database
            except (sqlite3.Error, OSError, ValidationError, RecordError) as error:
                self.close()
                raise _make_store_error(self.path, error) from error


def _open_database(path: Path) -> sqlite3.Connection:
    """Open a store; create its file and table if they are missing, one process at a time.

    A file that is not writable is an error here, before any question is paid for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=_TIMEOUT_SECONDS):
        database = sqlite3.connect(path, timeout=_TIMEOUT_SECONDS, check_same_thread=False, isolation_level=None)
        try:
            (found,) = database.execute("PRAGMA user_version").fetchone()
            (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if found != FORMAT_VERSION and (found or tables):
                raise sqlite3.DatabaseError(f"expected a store of format {FORMAT_VERSION}, got {found or 'another database'}")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("BEGIN IMMEDIATE")
            if not tables:
                database.execute(_CREATE_TABLE)
                database.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
    return database


def _make_store_error(path: Path, error: Exception) -> AlrefError:
    """Return an error that states in one line what is wrong with a store and what to do."""
    reason = sanitize_line(str(error))
    if isinstance(error, (sqlite3.OperationalError, OSError)):
        step = "free some space, or choose a folder that can be written with ALREF_HOME or the option answers"
        return OutputError(f"{path}: the answer store cannot be opened or written ({reason}); {step}")
    return InputError(f"{path}: not an answer store, or a damaged one ({reason}); move the file away, and a new one is made")
