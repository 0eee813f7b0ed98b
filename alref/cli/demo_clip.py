"""A small generated clip with true masks: two balls roll over a wooden table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alref.utils.masks import Mask

SIZE = (240, 320)
FRAME_COUNT = 32
FPS = 12.0
FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Ball:
    """One ball: its color, radius in pixels, and its center at the first and at the last frame."""

    expression: str
    color: tuple[int, int, int]
    radius: float
    start: tuple[float, float]
    stop: tuple[float, float]

    def get_center(self, frame: int) -> tuple[float, float]:
        """Return the center of the ball, (x, y) in pixels."""
        share = frame / (FRAME_COUNT - 1)
        (x0, y0), (x1, y1) = self.start, self.stop
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


BALLS = (
    Ball("the red ball", (205, 40, 35), 34.0, (50.0, 140.0), (235.0, 170.0)),
    Ball("the blue ball", (40, 80, 200), 26.0, (270.0, 80.0), (120.0, 85.0)),
)


def compute_masks() -> dict[str, Mask]:
    """Return the true masks, bool (T, H, W), of each ball under its expression; the nearer one hides the other."""
    shown = {
        ball.expression: np.stack([_compute_squared_distance(ball, frame) < 1 for frame in range(FRAME_COUNT)])
        for ball in BALLS
    }
    shown[BALLS[1].expression] = shown[BALLS[1].expression] & ~shown[BALLS[0].expression]
    return shown


def draw_frames() -> npt.NDArray[np.uint8]:
    """Draw the clip, uint8 (T, H, W, 3) RGB. Every call returns the same frames."""
    table = _draw_table()
    drawn = []
    for frame in range(FRAME_COUNT):
        image = table.copy()
        for ball in reversed(BALLS):
            _draw_ball(image, ball, frame)
        drawn.append(np.clip(image, 0, 255).astype(np.uint8))
    return np.stack(drawn)


def write_clip(path: Path) -> Path:
    """Write the clip as an H.264 file and return its path. Raises OutputError."""
    from alref.media.write import write_video

    write_video(path, draw_frames(), [frame / FPS for frame in range(FRAME_COUNT)])
    return path


def _compute_squared_distance(ball: Ball, frame: int) -> FloatImage:
    """Return the squared distance from the ball's center in radii; it is below 1 inside the ball."""
    x, y = ball.get_center(frame)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    return np.asarray(((columns - x) ** 2 + (rows - y) ** 2) / ball.radius**2, np.float32)


def _draw_table() -> FloatImage:
    """Draw planks with grain, darker towards the back."""
    import cv2

    noise = np.random.default_rng(7).normal(0, 1, SIZE).astype(np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), sigmaX=18, sigmaY=1.2)
    rows = np.arange(SIZE[0], dtype=np.float32)[:, None]
    light = 0.75 + 0.35 * rows / SIZE[0] + 0.9 * grain - 0.25 * ((rows % 48) < 2)
    return np.asarray(light[..., None] * np.array([168, 126, 84], np.float32), np.float32)


def _draw_ball(image: FloatImage, ball: Ball, frame: int) -> None:
    """Draw a shaded ball with stripes that turn, a highlight and a soft shadow."""
    import cv2

    x, y = ball.get_center(frame)
    shadow = np.zeros(SIZE, np.float32)
    axes = (int(ball.radius * 1.1), int(ball.radius * 0.45))
    cv2.ellipse(shadow, (int(x + ball.radius * 0.25), int(y + ball.radius * 0.9)), axes, 0, 0, 360, 0.55, -1)
    image *= 1 - cv2.GaussianBlur(shadow, (0, 0), 5)[..., None]
    inside = _compute_squared_distance(ball, frame) < 1
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    u, v = (columns - x) / ball.radius, (rows - y) / ball.radius
    depth = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
    light = 0.35 + 0.65 * np.clip(-0.45 * u - 0.6 * v + 0.66 * depth, 0, 1)
    turned = np.sin(6 * (np.arctan2(u, depth) - (x - ball.start[0]) / ball.radius)) > 0.8
    color = np.array(ball.color, np.float32) * np.where(turned, 0.6, 1.0)[..., None]
    glint = 120 * np.exp(-((u + 0.4) ** 2 + (v + 0.5) ** 2) / 0.04)
    image[inside] = (color * light[..., None] + glint[..., None])[inside]
