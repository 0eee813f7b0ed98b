"""Films of colored discs that move."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from alref.testing import ArrayVideo

HEIGHT, WIDTH, FRAMES, PIVOT = 180, 320, 9, 4
Place = Callable[[int], tuple[float, float, float]]
PAINT = {
    "red": (210, 30, 30),
    "blue": (40, 70, 210),
    "green": (40, 170, 60),
    "yellow": (235, 220, 40),
    "white": (240, 240, 240),
}


class Disc:
    """A textured disc: its color, and its place (x, y, radius) in pixels at each frame."""

    def __init__(self, color: str, place: Place, fades: bool = False) -> None:
        self.color, self.place, self.fades = color, place, fades

    def drawn(self, canvas: np.ndarray, frame: int) -> None:
        x, y, radius = self.place(frame)
        rows, columns = np.indices((HEIGHT, WIDTH))
        inside = np.hypot(columns - x, rows - y) <= radius
        angle = np.arctan2(rows - y, columns - x) * 6 + np.hypot(columns - x, rows - y) / radius * 8
        shade = 0.8 + 0.2 * np.sign(np.sin(angle))[..., None]
        paint = np.array(PAINT[self.color]) * (1 - 0.1 * frame if self.fades else 1.0)
        canvas[inside] = (paint * shade)[inside]

    def box(self, frame: int) -> list[float]:
        x, y, radius = self.place(frame)
        return [x - radius, y - radius, x + radius, y + radius]


def at(x: float, y: float, radius: float = 22) -> Place:
    return lambda frame: (x, y, radius)


def film(discs: list[Disc]) -> ArrayVideo:
    return _film(tuple(discs))


@lru_cache(maxsize=4)
def _film(discs: tuple[Disc, ...]) -> ArrayVideo:
    noise = np.random.default_rng(0).integers(80, 150, (HEIGHT // 4, WIDTH // 4, 1), np.uint8)
    ground = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None].repeat(3, axis=2)
    frames = np.stack([ground] * FRAMES)
    for frame in range(FRAMES):
        for disc in discs:
            disc.drawn(frames[frame], frame)
    return ArrayVideo(frames)


ROW = [Disc("red", at(50, 90)), Disc("blue", at(130, 90, 12)), Disc("red", at(210, 60, 30)), Disc("yellow", at(285, 150))]
