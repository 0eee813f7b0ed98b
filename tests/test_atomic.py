from __future__ import annotations

import errno
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alref.errors import OutputError
from alref.utils import atomic


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``size`` bytes: a write that really fails half-way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_text_is_written_as_utf8_with_its_own_line_ends(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a.txt", "eine Tür\n犬\n")

    assert (tmp_path / "a.txt").read_bytes() == "eine Tür\n犬\n".encode()


def test_a_write_that_fails_half_way_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    atomic.write_bytes(path, b"old")

    with largest_file(1000), pytest.raises(OutputError, match=rf"a\.bin: .*{os.strerror(errno.EFBIG)}"):
        atomic.write_bytes(path, bytes(100_000))

    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with atomic.atomic_path(tmp_path / "a.txt") as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert list(tmp_path.iterdir()) == []


def test_the_temporary_name_keeps_the_suffix_and_the_folder(tmp_path: Path) -> None:
    with atomic.atomic_path(tmp_path / "clip.mp4") as part:
        assert (part.parent, part.suffix) == (tmp_path, ".mp4")
        assert part.name.startswith(".clip.")
        part.write_bytes(b"")


def test_no_such_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=rf"gone/a\.txt: .*{os.strerror(errno.ENOENT)}"):
        atomic.write_text(tmp_path / "gone" / "a.txt", "text")


def test_a_file_where_a_folder_should_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=f"file: .*{os.strerror(errno.EEXIST)}"):
        atomic.make_folder(tmp_path / "file")


def test_folders_are_made_with_those_above_them_and_may_be_there(tmp_path: Path) -> None:
    for _ in range(2):
        atomic.make_folder(tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    held = atomic.lock_folder(tmp_path)
    with pytest.raises(OutputError):
        atomic.lock_folder(tmp_path)
    held.release()

    atomic.lock_folder(tmp_path).release()


def test_a_killed_process_lets_go_of_its_folder(tmp_path: Path) -> None:
    lock = f"held = atomic.lock_folder(pathlib.Path({str(tmp_path)!r}))"
    script = f"import os, pathlib; from alref.utils import atomic; {lock}; os.kill(os.getpid(), 9)"
    killed = subprocess.run([sys.executable, "-c", script], check=False)

    assert killed.returncode == -9
    atomic.lock_folder(tmp_path).release()


def test_a_folder_that_cannot_be_locked_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / atomic.LOCK_FILE).mkdir()

    with pytest.raises(OutputError, match=re.escape(str(tmp_path))):
        atomic.lock_folder(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
def test_a_read_only_folder_is_one_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match=os.strerror(errno.EACCES)):
            atomic.write_text(tmp_path / "a.txt", "text")
    finally:
        tmp_path.chmod(0o700)


def test_names_that_are_not_utf8_do_not_stop_a_text(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "page.html", "caf\udce9 \u00e9")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "caf\\udce9 \u00e9"
