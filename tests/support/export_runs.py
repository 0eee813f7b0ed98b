"""Finished runs on disk with a real video file, for tests of exports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import alref
from alref.media.video import Video
from alref.output import Result
from alref.records import Phrase, Reference, Track, Verdict
from alref.utils.masks import Mask, encode_mask
from support.clips import encode

SIZE = (48, 64)
NAMES = (("the dog", "dog"), ('a/b\\c:*?"<>|\n犬 é', ""), ("the other dog", "dog"), ("a unicorn", "unicorn"))
"""Texts and classes of the objects; the second has every character that a file name may not have."""


def draw_masks(frames: int, size: tuple[int, int] = SIZE) -> list[Mask]:
    """Draw the masks bool (T, H, W) of four objects.

    A ring in two pieces that moves right, a bar across it, a single pixel that is there on every second frame, and nothing.
    """
    masks = [np.zeros((frames, *size), np.bool_) for _ in NAMES]
    for index in range(frames):
        left = 2 + index
        masks[0][index, 4:24, left : left + 20] = True
        masks[0][index, 10:16, left + 6 : left + 12] = False
        masks[0][index, 30:38, left : left + 6] = True
        masks[1][index, 20:32, 8:40] = True
        masks[2][index, size[0] - 1, size[1] - 1] = index % 2 == 0
    return masks


def make_result(video: Video, masks: Sequence[Mask], scores: Sequence[float] = (0.9, 0.5, 0.7, 0.1)) -> Result:
    """Return a result with one reference for each object."""
    ids = [str(number) for number in range(1, len(masks) + 1)]
    texts = [NAMES[place] if place < len(NAMES) else (f"object {place}", "") for place in range(len(masks))]
    tracks = [
        Track(
            phrase=Phrase(reference=key, text=text, category=category),
            rles=tuple(map(encode_mask, drawn)),
            scores=(score,) * len(drawn),
        )
        for key, (text, category), drawn, score in zip(ids, texts, masks, [*scores, *[0.2] * len(masks)], strict=False)
    ]
    return Result(
        alref="1.2.3",
        video=video.get_info(),
        references=tuple(Reference(id=key, text=text) for key, (text, _) in zip(ids, texts, strict=True))
        or (Reference(text="x"),),
        tracks=tuple(tracks),
        verdicts=tuple(Verdict(reference=key, finding="found", why="drawn") for key in ids or ["x"]),
    )


def save_run(folder: Path, frames: int = 6, size: tuple[int, int] = SIZE, **clip: object) -> Path:
    """Write ``clip.mkv`` (or ``path``), segmented, and return the folder of its run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = encode(folder / "clip.mkv", frames, size=size, **clip)  # type: ignore[arg-type]
    return save_run_of(alref.open_video(path), folder / "run", draw_masks(frames, size))


def save_run_of(video: Video, folder: Path, masks: Sequence[Mask]) -> Path:
    """Write the run folder of a video without its overlay."""
    make_result(video, masks).save(folder)
    return folder
