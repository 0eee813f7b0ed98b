"""Find the masks of a folder of results before scoring, so that a wrong folder is not scored as empty masks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from alref.components.dataset import Dataset
from alref.errors import InputError

SEARCHED_FILES, COMPARED_NAMES = 20_000, 500


def check_masks(dataset: Dataset, videos: Sequence[str], folder: Path) -> tuple[tuple[int, int], list[str]]:
    """Return how many masks of ``videos`` are in a folder and how many should be, and a warning if some are missing.

    A file with the results of all videos counts as one. Raises InputError if all are missing, with the nearest file and what
    to type.
    """
    if dataset.result_file and (folder / dataset.result_file).is_file():
        return (1, 1), []
    expected = [path for video in videos for path in dataset.list_masks(video)]
    names: dict[Path, set[str]] = {path.parent: set() for path in expected}
    for parent in names:
        with suppress(OSError):
            names[parent] = {entry.name for entry in (folder / parent).iterdir()}
    missing = [path for path in expected if not names[path.parent] & {path.name, f"{path.stem}{path.suffix.upper()}"}]
    counts = len(expected) - len(missing), len(expected)
    if not missing:
        return counts, []
    if counts[0]:
        return counts, [f"{len(missing)} of {len(expected)} masks are missing, such as {folder / missing[0]}"]
    raise InputError(
        f"{folder}: none of the {len(expected)} masks of {dataset.name} is there; expected {folder / expected[0]}, "
        f"{_describe_nearest(folder, expected)}; see docs/datasets.md for the layout"
    )


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
