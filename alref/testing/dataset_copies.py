"""A data set on disk of which some files are not as they should be, made of links: nothing is copied, nothing is changed."""

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
"""Suffixes of pictures, videos and sounds."""


def find_video_files(root: Path, video: str) -> Iterator[Path]:
    """Yield the files below ``root`` that carry a video's name: in the name of a folder, or at the start of their own."""
    for folder, folders, files in os.walk(root, followlinks=True):
        folders.sort()
        for file in sorted(files):
            path = Path(folder, file)
            if f"/{video}" in f"/{path.relative_to(root).as_posix()}":
                yield path


@contextmanager
def make_altered_copy(root: Path, paths: Collection[Path], content: bytes | None) -> Iterator[Path]:
    """Give a folder that is ``root``, but for the files ``paths`` below it: they hold ``content``, or are not there if None."""
    with TemporaryDirectory() as place:
        copy = Path(place, "copy")
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
