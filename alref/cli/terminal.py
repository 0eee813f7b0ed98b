"""Standard streams that never end a command, though the reader goes away or the terminal lacks letters."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO


class _Writer(io.FileIO):
    """A file descriptor that takes everything: also after the reader of its pipe has gone, and when the disk is full."""

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:  # as in ``alref run … | head -1``: nobody wants the rest
            return memoryview(data).nbytes
        except BlockingIOError:
            raise
        except OSError as error:
            self.failure = error
            return memoryview(data).nbytes


def open_standard_streams() -> None:
    """Open standard output and error again so that writing to them cannot fail: ``?`` stands for a letter they cannot show.

    What compiled libraries and child processes print goes to standard error, because standard output is for results.
    """
    if sys.stdout is sys.__stdout__ and sys.stdout is not None and sys.stderr is not None:
        descriptor = sys.stdout.fileno()
        sys.stdout = _open_stream(sys.stdout, "replace", os.dup(descriptor))
        os.dup2(sys.stderr.fileno(), descriptor)
        sys.__stdout__ = sys.stdout  # type: ignore[misc,assignment] # shutil asks it for the width of the terminal
    else:
        sys.stdout = _open_stream(sys.stdout, "replace")
    sys.stderr = _open_stream(sys.stderr, "backslashreplace")


def close_standard_output() -> str:
    """Write what is left, and return the reason if not all of the output could be written, else an empty text."""
    if sys.stdout is None:
        return ""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    failure = getattr(getattr(buffer, "raw", buffer), "failure", None)
    return str(failure.strerror) if failure else ""


def _open_stream(stream: TextIO, errors: str, descriptor: int | None = None) -> TextIO:
    """Open the descriptor of a stream, or a copy of it, again; return streams that are not files, as in tests, as they are."""
    buffer = getattr(stream, "buffer", None)
    if not (isinstance(stream, io.TextIOWrapper) and isinstance(getattr(buffer, "raw", buffer), io.FileIO)):
        return stream
    stream.flush()
    writer: Any = _Writer(stream.fileno() if descriptor is None else descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        writer if isinstance(buffer, io.FileIO) else io.BufferedWriter(writer),
        stream.encoding,
        errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
