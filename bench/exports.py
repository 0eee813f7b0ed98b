"""Processor time and memory of exports beside decoding the video once: ``python bench/exports.py [FRAMES [FORMAT...]]``.

The clip has five objects, drawn as moving blobs in 1080p. Each format is written alone, and all of them together in one pass.
*Own* is the processor time without encoders of images and videos, whose calls then do nothing; *ratio* is that as a multiple
of the processor time of decoding the video once. *Growth* is that of the resident memory after a tenth of the frames.
Seconds are those of the processor. ``together`` as a format measures only all of them together.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import OpenEXR
from PIL import Image

import alref
from alref.components.exporter import Exporter
from alref.media.video_encoder import VideoEncoder
from alref.media.write import write_video
from alref.output.export import export_run, make_exporters
from alref.plugins.manager import PluginManager
from alref.result import Result
from alref.testing import make_finished_run
from alref.testing.memory import read_resident_memory

SIZE, OBJECTS, FPS = (1080, 1920), 5, 30
FRAMES = int(sys.argv[1]) if len(sys.argv) > 1 else 300
CHOSEN = sys.argv[2:]
ALSO = (("coco", {"images": "none"}), ("ytvis", {"images": "none"}), ("coco", {"masks": "polygons", "images": "none"}),
        ("yolo", {"images": "none"}), ("cvat", {"shapes": "masks"}), ("label-studio", {"images": "none"}),
        ("labelme", {"images": "none"}))  # fmt: skip
"""Formats without their images."""


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


class NoDeflate:
    """Takes the place of zlib's compressor."""

    def compress(self, data: bytes) -> bytes:
        return b""

    def flush(self) -> bytes:
        return b""


@contextmanager
def skip_codecs() -> Iterator[None]:
    """Let the encoders of images and videos, and zlib, do nothing."""

    def save(image: Image.Image, file: Any, *_: Any, **__: Any) -> None:
        Path(file).touch()

    with ExitStack() as stack:
        for owner, name, instead in (
            (cv2, "imencode", lambda *_: (True, np.zeros(1, np.uint8))),
            (Image.Image, "save", save),
            (OpenEXR.File, "write", lambda self, path: Path(path).touch()),
            (VideoEncoder, "write_frame", lambda self, frame: None),
            (VideoEncoder, "finish", lambda self: Path(self._file.name.removeprefix("file:")).touch()),
            (zlib, "compressobj", lambda *_: NoDeflate()),
        ):
            stack.enter_context(patch.object(owner, name, instead))
        yield


def measure_export(result: Result, clip: Path, exporters: Sequence[Exporter], folder: Path) -> tuple[float, int, int]:
    """Return the processor seconds of exports, the bytes that they wrote, and the growth of the memory."""
    memory: list[int] = []

    def watch(names: str, done: int, total: int) -> None:
        if done % max(1, total // 10) == 0:
            memory.append(read_resident_memory() or 0)

    before = process_time()
    done = list(export_run(result, exporters, folder, video=clip, overwrite=True, on_progress=watch))
    return process_time() - before, sum(each.bytes for each in done), max(memory) - memory[0] if memory else 0


def main() -> None:
    cv2.setNumThreads(1)
    plugins = PluginManager()
    with TemporaryDirectory() as place:
        clip = Path(place, "clip.mp4")
        write_video(clip, draw_frames(), (np.arange(FRAMES) / FPS).tolist())
        masks = [[draw_mask(number, frame) for frame in range(FRAMES)] for number in range(OBJECTS)]
        result = make_finished_run(alref.open_video(clip), masks, [f"blob {number}" for number in range(OBJECTS)]).result
        del masks
        before = process_time()
        for _ in alref.open_video(clip, cache_bytes=0):
            pass
        decoding = process_time() - before
        print(f"{FRAMES} frames of {SIZE[1]}x{SIZE[0]}, {OBJECTS} objects; decoding once: {decoding:.2f} s")
        print(f"{'format':44} {'seconds':>8} {'own':>8} {'ratio':>6} {'MB':>8} {'growth':>7}")
        alone = [*((name, {}) for name in plugins.exporters), *ALSO]
        rows: list[tuple[str, list[Exporter]]] = [
            (
                f"{name} {' '.join(f'{key}={value}' for key, value in options.items())}",
                make_exporters(plugins, [name], {name: options}),
            )
            for name, options in alone
            if not CHOSEN or name in CHOSEN
        ]
        rows.append(("together", make_exporters(plugins, plugins.exporters, {})))
        for title, exporters in rows:
            with skip_codecs():
                own, _, _ = measure_export(result, clip, exporters, Path(place, "out"))
            seconds, size, growth = measure_export(result, clip, exporters, Path(place, "out"))
            print(
                f"{title:44} {seconds:8.2f} {own:8.2f} {own / decoding:6.2f} {size / 1e6:8.1f} {growth / 2**20:6.0f}M",
                flush=True,
            )


if __name__ == "__main__":
    main()
