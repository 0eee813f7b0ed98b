"""Check all files of a dataset for missing, unreadable and inconsistent ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from alref import AlrefError, DatasetProblem, InputError
from alref.errors import make_permission_error
from alref.media.audio_decoder import read_audio
from alref.media.image_folder import IMAGE_ERRORS
from alref.output.job_folder import join_shortened
from alref_benchmarks.datasets.file_names import match_suffix_case

if TYPE_CHECKING:
    from alref_benchmarks.datasets.base import IndexedDataset

ImageSize = tuple[int, int]


def check_dataset(dataset: IndexedDataset) -> Iterator[DatasetProblem]:
    """Yield problems, one line each: counts first, then video by video."""
    yield from _check_counts(dataset)
    yield from map(DatasetProblem, dataset.find_index_problems())
    reported: set[str] = set()
    with ThreadPoolExecutor() as pool:
        for video in dataset.list_videos():
            lacking = _lacks_files(dataset.list_files(video))
            try:
                is_whole = True
                for what in chain(_check_video(dataset, video, pool), dataset.check_annotations(video)):
                    is_whole = False
                    yield DatasetProblem(what, video, lacking)
                for what in _check_truth(dataset, video) if is_whole else ():
                    yield DatasetProblem(what, video)
            except InputError as error:
                if str(error) not in reported:
                    yield DatasetProblem(str(error))
                reported.add(str(error))
            if dataset.on_checked is not None:
                dataset.on_checked(video)


def _lacks_files(paths: Sequence[Path]) -> bool:
    """Return True if no given file exists; a file in a folder that may not be looked into may exist."""
    try:
        return not any(path.exists() for path in paths)
    except PermissionError:
        return False


def _check_counts(dataset: IndexedDataset) -> Iterator[DatasetProblem]:
    got = len(dataset.video_entries), sum(len(clip.expressions) for clip in dataset.video_entries.values())
    expected = dataset.published_counts.get(dataset.split, got)
    if got != expected:
        (videos, references), (few, fewer) = expected, got
        counted = f"expected {videos} videos with {references} references, as published, got {few} with {fewer}"
        yield DatasetProblem(counted, in_subset=True)


def _check_video(dataset: IndexedDataset, video: str, pool: ThreadPoolExecutor) -> Iterator[str]:
    sound = dataset.get_audio_path(video)
    if sound is not None:
        yield from _check_audio(match_suffix_case(sound))
    sizes = []
    for kind, paths in (("frames", dataset.get_frame_paths(video)), ("true masks", dataset.get_true_mask_paths(video))):
        looked = list(pool.map(_check_image, paths))
        missing = [str(path.relative_to(dataset.root)) for path, size in zip(paths, looked, strict=True) if size is None]
        if missing:
            yield f"{len(missing)} of {len(paths)} {kind} are missing: {join_shortened(missing)}"
        yield from (each for each in looked if isinstance(each, str))
        sizes += [(size, path) for path, size in zip(paths, looked, strict=True) if isinstance(size, tuple)]
    yield from _check_image_sizes(sizes)


def _check_truth(dataset: IndexedDataset, video: str) -> Iterator[str]:
    """Read the truth of a video as for its scores; yield the error that scoring would end with."""
    try:
        for case in dataset.read_cases(video, dataset.root / "no results") if dataset.protocols else ():
            for _ in case.truth:
                pass
    except InputError as error:
        yield str(error)


def _check_image_sizes(sizes: Sequence[tuple[ImageSize, Path]]) -> Iterator[str]:
    others = [(size, path) for size, path in sizes if size != sizes[0][0]]
    if others:
        (width, height), first = sizes[0]
        listed = join_shortened([f"{path}: {size[0]}x{size[1]}" for size, path in others])
        yield f"expected images of {width}x{height}, as {first.name}, got {listed}"


def _check_image(path: Path) -> ImageSize | str | None:
    """Decode an image; return its (width, height), None if it is missing, or a message if it is damaged."""
    try:
        with Image.open(match_suffix_case(path)) as image:
            size = image.size
            image.draft("L", (1, 1))
            image.load()
            return size
    except FileNotFoundError:
        return None
    except PermissionError:
        return str(make_permission_error(path))
    except UnidentifiedImageError:
        return f"{path}: not an image; download it again"
    except IMAGE_ERRORS as error:
        return f"{path}: cannot be read ({error}); download it again"


def _check_audio(path: Path) -> Iterator[str]:
    """Decode an audio file; return a message if it is damaged."""
    try:
        with warnings.catch_warnings(action="error"):
            read_audio(path, 16000)
    except (AlrefError, UserWarning) as error:
        yield str(error)
