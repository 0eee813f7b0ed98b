"""How well the tracker follows an object, on hard films: ``python bench/tracker_films.py [PATTERN]``.

An object is cut out of a shared clip by its true masks and pasted where its true mask remains known: beside its mirror image,
behind or in front of a copy, or into another video, where it grows, leaves or crosses another object. Tracking starts from the
true mask of frame 0; J is the mean over frames of intersection over union. PATTERN, a regular expression, selects films. To
measure another checkout of alref, put it and its ``plugins`` on PYTHONPATH.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import numpy.typing as npt

from alref import Pipeline, Prompt, Reference, open_video
from alref.cli.demo import compute_jaccard
from alref.media.write import read_mask

Frame = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Place = tuple[float, float, float]
"""Where a cutout is pasted: its center (right, down) in shares of the frame, and its scale."""

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
NUM_FRAMES = 24
SIZE = 480, 854


@dataclass(frozen=True)
class Film:
    """A film with the true masks of one object."""

    name: str
    frames: list[Frame]
    masks: list[Mask]


@dataclass(frozen=True)
class Clip:
    """A real clip: all frames at SIZE, with the true masks of an object."""

    name: str
    frames: list[Frame]
    masks: list[Mask]

    def cut_out(self, index: int) -> tuple[Frame, npt.NDArray[np.float32]]:
        """Return the object of a frame and its opacity, cropped to its box."""
        left, top, width, height = cv2.boundingRect(self.masks[index].astype(np.uint8))
        box = slice(top, top + height), slice(left, left + width)
        return self.frames[index][box], cv2.GaussianBlur(self.masks[index].astype(np.float32), (3, 3), 0)[box]

    def find_center(self, index: int) -> tuple[float, float]:
        """Return the center of the object's box in shares of the frame."""
        left, top, width, height = cv2.boundingRect(self.masks[index].astype(np.uint8))
        return (left + width / 2) / SIZE[1], (top + height / 2) / SIZE[0]


def read_clip(folder: Path) -> Clip:
    """Read a folder with ``frames/`` and ``masks/<object>/``."""
    names = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["frames"]
    video = open_video(folder / "frames")
    masks = [read_mask(folder / "masks" / "1" / f"{name}.png").astype(np.float32) for name in names]
    frames = [_resize(video.read_frame(index)) for index in range(len(names))]
    return Clip(folder.name, frames, [_resize(mask) > 0.5 for mask in masks])


def read_background(path: Path) -> list[Frame]:
    """Return frames of a video without masks at SIZE, about twelve a second."""
    video = open_video(path)
    return [_resize(video.read_frame(2 * index)) for index in range(NUM_FRAMES)]


def generate_films(clips: Path, videos: Path) -> Iterator[Film]:
    """Yield all films, in a fixed order."""
    known = [read_clip(path.parent) for path in sorted(clips.glob("*/meta.json"))]
    for clip in known:
        yield Film(f"{clip.name}: as it is", clip.frames, clip.masks)
        yield Film(f"{clip.name}: every third frame", clip.frames[::3], clip.masks[::3])
        yield _enlarge(clip)
        yield _mirror(clip)
        yield _add_twin(clip, "twin beside", lambda share, at: (at[0] + (0.17 if at[0] < 0.6 else -0.17), at[1], 1), False)
        yield _add_twin(clip, "twin passes behind", lambda share, at: (share, at[1], 1), False)
        yield _add_twin(clip, "twin passes in front", lambda share, at: (share, at[1] + 0.1, 0.8), True)
    for number, path in enumerate(sorted(videos.glob("*.mp4"))):
        background, clip, other = read_background(path), known[number % 2], known[(number + 1) % 2]
        name = f"{clip.name} in {path.stem}"
        yield _paste_object(clip, background, f"{name}: grows", lambda share: (0.2 + 0.3 * share, 0.5, 0.5 * 10**share))
        yield _paste_object(clip, background, f"{name}: small", lambda share: (0.2 + 0.5 * share, 0.6 - 0.2 * share, 0.35))
        yield _paste_object(clip, background, f"{name}: fast", lambda share: (0.5 + 0.3 * np.sin(9 * share), 0.5, 1))
        yield _paste_object(clip, background, f"{name}: leaves", lambda share: (0.5 + np.sin(5 * share), 0.5, 1))
        yield _paste_object(clip, background, f"{name}: crosses", lambda share: (0.15 + 0.7 * share, 0.55, 1), other)
        yield _paste_object(clip, background, f"{name}: three", lambda share: (0.3 + 0.1 * share, 0.5, 1), clip)


def _resize(image: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return np.asarray(
        cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_AREA if image.shape[0] > SIZE[0] else cv2.INTER_LINEAR)
    )


def _enlarge(clip: Clip) -> Film:
    """Crop to the object: it fills a large part of the frame, and parts of it leave."""
    seen = np.logical_or.reduce(clip.masks[: len(clip.masks) * 2 // 3])
    left, top, width, height = cv2.boundingRect(seen.astype(np.uint8))
    tall = min(SIZE[0], int(1.15 * max(height, width * SIZE[0] / SIZE[1])))
    wide = tall * SIZE[1] // SIZE[0]
    top, left = (
        max(0, min(SIZE[0] - tall, top + height // 2 - tall // 2)),
        max(0, min(SIZE[1] - wide, left + width // 2 - wide // 2)),
    )
    box = slice(top, top + tall), slice(left, left + wide)
    masks = [_resize(mask[box].astype(np.float32)) > 0.5 for mask in clip.masks]
    return Film(f"{clip.name}: close up", [_resize(frame[box]) for frame in clip.frames], masks)


def _mirror(clip: Clip) -> Film:
    """Show the clip beside its mirror image; the object is the left one."""
    frames = [_resize(np.hstack([frame, frame[:, ::-1]])) for frame in clip.frames]
    masks = [_resize(np.hstack([mask, 0 * mask]).astype(np.float32)) > 0.5 for mask in clip.masks]
    return Film(f"{clip.name}: mirrored pair", frames, masks)


def _add_twin(clip: Clip, name: str, place: Callable[[float, tuple[float, float]], Place], in_front: bool) -> Film:
    """Paste a mirrored copy of the object, of another moment, behind or in front of it."""
    frames, masks = [], []
    for index in range(NUM_FRAMES):
        center = clip.find_center(index)
        color, opacity = clip.cut_out(index + 6)
        frame, covered = _paste(clip.frames[index], color[:, ::-1], opacity[:, ::-1], place(index / (NUM_FRAMES - 1), center))
        if not in_front:
            frame, _ = _paste(frame, *clip.cut_out(index), (*center, 1))
        frames.append(frame)
        masks.append(clip.masks[index] & ~covered if in_front else clip.masks[index])
    return Film(f"{clip.name}: {name}", frames, masks)


def _paste_object(
    clip: Clip, background: list[Frame], name: str, place: Callable[[float], Place], other: Clip | None = None
) -> Film:
    """Paste the object into another video; ``other`` crosses in front of it, or rests at two places if it is the same."""
    frames, masks = [], []
    for index, frame in enumerate(background):
        share = index / (NUM_FRAMES - 1)
        made, mask = _paste(frame, *clip.cut_out(index), place(share))
        if other is clip:
            for right in (0.1, 0.8):
                made, covered = _paste(made, *clip.cut_out(index + 8), (right, 0.5 + 0.1 * share, 1))
                mask &= ~covered
        elif other:
            made, covered = _paste(made, *other.cut_out(index), (0.85 - 0.7 * share, 0.5, 0.8))
            mask &= ~covered
        frames.append(made)
        masks.append(mask)
    return Film(name, frames, masks)


def _paste(frame: Frame, color: Frame, opacity: npt.NDArray[np.float32], place: Place) -> tuple[Frame, Mask]:
    """Return the frame with a cutout pasted into it, and the pixels that the cutout covers."""
    right, down, scale = place
    height, width = opacity.shape
    move = np.array(
        [[scale, 0, right * SIZE[1] - scale * width / 2], [0, scale, down * SIZE[0] - scale * height / 2]], np.float32
    )
    share = cv2.warpAffine(np.ascontiguousarray(opacity), move, SIZE[::-1])[..., None]
    over = cv2.warpAffine(np.ascontiguousarray(color), move, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(frame * (1 - share) + over * share, np.uint8), np.asarray(share[..., 0] > 0.5)


def main() -> None:
    pattern = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    scores, costs = [], []
    for film in generate_films(SHARED / "clips", SHARED / "video"):
        if not pattern.search(film.name):
            continue
        with Pipeline() as pipeline:
            started = process_time()
            result = pipeline.run(open_video(np.stack(film.frames)), [Reference(id="1", prompts=(Prompt(mask=film.masks[0]),))])
            costs.append((process_time() - started) / len(film.frames))
        scores.append(compute_jaccard(result.masks(), np.stack(film.masks)))
        print(f"{film.name:<36} J {scores[-1]:.3f}", flush=True)
    print(f"{len(scores)} films: mean J {np.mean(scores):.3f}, CPU seconds a frame {np.mean(costs):.3f}")


if __name__ == "__main__":
    main()
