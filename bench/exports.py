"""Seconds and memory of every export format beside decoding the video once, in one run: ``python bench/exports.py [FRAMES]``.

The clip has five objects, drawn as moving blobs in 1080p. *Codec* is the time inside of encoders of images and videos; *ratio*
is the rest, as a multiple of the time of decoding. *Growth* is that of the resident memory after a tenth of the frames.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import OpenEXR
from PIL import Image

import alref
from alref.media.video_encoder import VideoEncoder
from alref.media.write import write_video
from alref.output.export import load_finished_run, make_exporters, write_export
from alref.plugins.manager import PluginManager
from alref.testing import make_finished_run
from alref.testing.memory import read_resident_memory

SIZE, OBJECTS, FPS = (1080, 1920), 5, 30
FRAMES = int(sys.argv[1]) if len(sys.argv) > 1 else 300
ALSO = (("coco", {"images": "none"}), ("ytvis", {"images": "none"}), ("coco", {"masks": "polygons", "images": "none"}),
        ("yolo", {"images": "none"}), ("cvat", {"shapes": "masks"}), ("label-studio", {"images": "none"}),
        ("labelme", {"images": "none"}))  # fmt: skip
"""Formats without their images, whose codec takes most of the time."""


def draw_mask(number: int, frame: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Draw an object of about 25,000 pixels with an uneven edge and a hole."""
    canvas = np.zeros(SIZE, np.uint8)
    center = 200 + 300 * number, 540 + int(300 * np.sin((frame + 40 * number) / 30))
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radii = 90 + 12 * np.sin(7 * angles + frame / 10) + 5 * np.sin(23 * angles)
    corners = np.stack([center[0] + radii * np.cos(angles), center[1] + radii * np.sin(angles)], axis=1)
    cv2.fillPoly(canvas, [corners.round().astype(np.int32)], 1)
    cv2.circle(canvas, center, 20, 0, -1)
    return canvas.view(np.bool_)


def draw_frames() -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(0, 255, (135, 240, 3), np.uint8), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    for frame in range(FRAMES):
        image = np.roll(ground, 3 * frame, axis=1)
        for number in range(OBJECTS):
            image[draw_mask(number, frame)] = (40 * number, 255 - 40 * number, 128)
        yield image


@contextmanager
def measure_codecs() -> Iterator[list[float]]:
    """Yield a list that sums up the seconds inside of encoders."""
    spent = [0.0]

    def time_calls(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            before = perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                spent[0] += perf_counter() - before

        return call

    with ExitStack() as stack:
        videos = [(VideoEncoder, "write_frame"), (VideoEncoder, "finish")]
        for owner, name in [(cv2, "imencode"), (Image.Image, "save"), (OpenEXR.File, "write"), *videos]:
            stack.enter_context(patch.object(owner, name, time_calls(getattr(owner, name))))
        yield spent


def main() -> None:
    plugins = PluginManager()
    with TemporaryDirectory() as place:
        clip = Path(place, "clip.mp4")
        write_video(clip, draw_frames(), (np.arange(FRAMES) / FPS).tolist())
        masks = [[draw_mask(number, frame) for frame in range(FRAMES)] for number in range(OBJECTS)]
        result = make_finished_run(alref.open_video(clip), masks, [f"blob {number}" for number in range(OBJECTS)]).result
        del masks
        before = perf_counter()
        for _ in alref.open_video(clip, cache_bytes=0):
            pass
        decoding = perf_counter() - before
        print(f"{FRAMES} frames of {SIZE[1]}x{SIZE[0]}, {OBJECTS} objects; decoding once: {decoding:.2f} s")
        print(f"{'format':44} {'seconds':>8} {'codec':>8} {'ratio':>6} {'MB':>8} {'growth':>7}")
        for name, options in [*((name, {}) for name in plugins.exporters), *ALSO]:
            (exporter,) = make_exporters(plugins, [name], {name: options})
            memory: list[int] = []

            def watch(done: int, total: int, memory: list[int] = memory) -> None:
                if done % max(1, total // 10) == 0:
                    memory.append(read_resident_memory() or 0)

            finished = load_finished_run(result, clip, on_progress=watch)
            with measure_codecs() as codec:
                done = write_export(exporter, finished, Path(place, f"out{exporter.suffix}"), overwrite=True)
            ratio = (done.seconds - codec[0]) / decoding
            growth = (max(memory) - memory[0]) / 2**20 if memory else 0.0
            title = f"{name} {' '.join(f'{key}={value}' for key, value in options.items())}"
            print(
                f"{title:44} {done.seconds:8.2f} {codec[0]:8.2f} {ratio:6.2f} {done.bytes / 1e6:8.1f} {growth:6.0f}M",
                flush=True,
            )


if __name__ == "__main__":
    main()
