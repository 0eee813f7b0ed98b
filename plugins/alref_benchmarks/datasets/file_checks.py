"""A look through all files of a data set: what is missing, cannot be read, or does not fit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from alref.components.dataset import Fault
from alref.errors import AlrefError, InputError, barred
from alref.media.audio_decoder import read_audio
from alref.output.job_folder import shortened
from alref_benchmarks.datasets.base import Benchmark, found

Size = tuple[int, int]


def faults(dataset: Benchmark) -> Iterator[Fault]:
    """Yield what is wrong, one line each: counts first, then video by video."""
    yield from _counts(dataset)
    told: set[str] = set()
    with ThreadPoolExecutor() as pool:
        for video in dataset.videos():
            try:
                for what in _of_video(dataset, video, pool):
                    yield Fault(what, video)
                for what in dataset.oddities(video):
                    yield Fault(what, video)
            except InputError as error:
                if str(error) not in told:
                    yield Fault(str(error))
                told.add(str(error))


def _counts(dataset: Benchmark) -> Iterator[Fault]:
    got = len(dataset.clips), sum(len(clip.expressions) for clip in dataset.clips.values())
    expected = dataset.counts.get(dataset.split, got)
    if got != expected:
        (videos, references), (few, fewer) = expected, got
        yield Fault(f"expected {videos} videos with {references} references, as published, got {few} with {fewer}")


def _of_video(dataset: Benchmark, video: str, pool: ThreadPoolExecutor) -> Iterator[str]:
    sound = dataset.sound(video)
    if sound is not None:
        yield from _heard(found(sound))
    sizes = []
    for kind, paths in (("frames", dataset.frames(video)), ("true masks", dataset.truths(video))):
        looked = list(pool.map(_looked, paths))
        missing = [str(path.relative_to(dataset.root)) for path, size in zip(paths, looked, strict=True) if size is None]
        if missing:
            yield f"{len(missing)} of {len(paths)} {kind} are missing: {shortened(missing)}"
        yield from (each for each in looked if isinstance(each, str))
        sizes += [(size, path) for path, size in zip(paths, looked, strict=True) if isinstance(size, tuple)]
    yield from _misfits(sizes)


def _misfits(sizes: Sequence[tuple[Size, Path]]) -> Iterator[str]:
    others = [(size, path) for size, path in sizes if size != sizes[0][0]]
    if others:
        (width, height), first = sizes[0]
        listed = shortened([f"{path}: {size[0]}x{size[1]}" for size, path in others])
        yield f"expected pictures of {width}x{height}, as {first.name}, got {listed}"


def _looked(path: Path) -> Size | str | None:
    """Decode a picture; return its (width, height), None when it is not there, or what is wrong with it."""
    try:
        with Image.open(found(path)) as image:
            size = image.size
            image.draft("L", (1, 1))
            image.load()
            return size
    except FileNotFoundError:
        return None
    except PermissionError:
        return str(barred(path))
    except UnidentifiedImageError:
        return f"{path}: is no picture; download it again"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"{path}: cannot be read ({error}); download it again"


def _heard(path: Path) -> Iterator[str]:
    """Decode a sound, and say what is wrong with it."""
    try:
        with warnings.catch_warnings(action="error"):
            read_audio(path, 16000)
    except (AlrefError, UserWarning) as error:
        yield str(error)
