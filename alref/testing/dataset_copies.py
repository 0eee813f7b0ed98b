"""Copies of a dataset on disk in which some files are changed or missing; the rest are symbolic links."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

MEDIA_SUFFIXES = frozenset(
    [
        ".bmp",
        ".gif",
        ".jpeg",
        ".jpg",
        ".png",
        ".tif",
        ".tiff",
        ".webp",
        ".avi",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpg",
        ".webm",
        ".flac",
        ".m4a",
        ".mp3",
        ".ogg",
        ".wav",
    ]
)
"""Suffixes of image, video and audio files."""


def find_video_files(root: Path, video: str) -> Iterator[Path]:
    """Yield the files below ``root`` whose path has a folder or file name that starts with the name of a video."""
    for folder, folders, files in os.walk(root, followlinks=True):
        folders.sort()
        for file in sorted(files):
            path = Path(folder, file)
            if f"/{video}" in f"/{path.relative_to(root).as_posix()}":
                yield path


@contextmanager
def make_altered_copy(root: Path, paths: Collection[Path], content: bytes | None) -> Iterator[Path]:
    """Yield a copy of ``root`` in which the files ``paths`` hold ``content``, or are missing if ``content`` is None."""
    with TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        _link_folder(root, copy, set(paths), {parent for path in paths for parent in path.parents}, content)
        yield copy


def _link_folder(source: Path, target: Path, changed: set[Path], opened: set[Path], content: bytes | None) -> None:
    target.mkdir()
    for path in source.iterdir():
        if path in opened:
            _link_folder(path, target / path.name, changed, opened, content)
        elif path not in changed:
            (target / path.name).symlink_to(path.absolute())
        elif content is not None:
            (target / path.name).write_bytes(content)
