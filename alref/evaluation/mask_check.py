"""Find the masks of a folder of results before scoring, so that a wrong folder is not scored as empty masks."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from alref.components.dataset import Dataset
from alref.errors import InputError

SEARCHED_FILES, COMPARED_NAMES = 20_000, 500


def check_masks(dataset: Dataset, videos: Sequence[str], folder: Path) -> list[str]:
    """Return a warning if some masks are missing. Raises InputError if all are, with the nearest file and what to type."""
    expected = [path for video in videos for path in dataset.list_masks(video)]
    missing = [path for path in expected if not _exists(folder / path)]
    if not missing:
        return []
    if len(missing) < len(expected):
        return [f"{len(missing)} of {len(expected)} masks are missing, such as {folder / missing[0]}"]
    raise InputError(
        f"{folder}: none of the {len(expected)} masks of {dataset.name} is there; expected {folder / expected[0]}, "
        f"{_describe_nearest(folder, expected)}; see docs/datasets.md for the layout"
    )


def count_masks(dataset: Dataset, videos: Sequence[str], folder: Path) -> tuple[int, int]:
    """Return how many masks of ``videos`` are in a folder, and how many should be."""
    expected = [folder / path for video in videos for path in dataset.list_masks(video)]
    return sum(map(_exists, expected)), len(expected)


def _exists(path: Path) -> bool:
    return path.exists() or path.with_suffix(path.suffix.upper()).exists()


def _describe_nearest(folder: Path, expected: Sequence[Path]) -> str:
    """Describe the file that is nearest to the expected ones, and the folder to give if the masks lie in another one."""
    from alref.media.image_folder import is_image

    found = (path for path in folder.rglob("*") if is_image(path) and not path.name.startswith("."))
    images = sorted(islice(found, SEARCHED_FILES))
    if not images:
        return "found no image in this folder"
    wanted = {path.parts for path in expected}
    for image in images:
        parts = image.relative_to(folder).parts
        for depth in range(1, len(parts)):
            if parts[depth:] in wanted:
                return f"found {image}: type --masks {folder.joinpath(*parts[:depth])}"
    above = folder.resolve().parts
    for path in expected[:SEARCHED_FILES]:
        for depth in range(1, len(path.parts)):
            if above[-depth:] == path.parts[:depth] and folder.joinpath(*path.parts[depth:]).exists():
                return f"found {folder.joinpath(*path.parts[depth:])}: type --masks {Path(*above[:-depth])}"
    names = [str(image.relative_to(folder)) for image in images[:COMPARED_NAMES]]
    return f"found {folder / get_close_matches(str(expected[0]), names, n=1, cutoff=0)[0]}"
