"""Standard streams that never end a command, though the reader goes away or the terminal lacks letters."""

from __future__ import annotations

import io
import sys
from typing import Any, TextIO


class _PipeWriter(io.FileIO):
    """A file descriptor that takes everything, also after the reader of its pipe has gone, as in ``alref run … | head -1``."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes


def open_standard_streams() -> None:
    """Open standard output and error again so that writing to them cannot fail: ``?`` stands for a letter they cannot show."""
    sys.stdout = _open_stream(sys.stdout, "replace")
    sys.stderr = _open_stream(sys.stderr, "backslashreplace")


def _open_stream(stream: TextIO, errors: str) -> TextIO:
    """Open the descriptor of a stream again; return streams that are not files, as in tests, as they are."""
    buffer = getattr(stream, "buffer", None)
    if not (isinstance(stream, io.TextIOWrapper) and isinstance(getattr(buffer, "raw", buffer), io.FileIO)):
        return stream
    stream.flush()
    writer: Any = _PipeWriter(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        writer if isinstance(buffer, io.FileIO) else io.BufferedWriter(writer),
        stream.encoding,
        errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
