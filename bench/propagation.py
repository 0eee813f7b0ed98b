"""How often SAM 2 encodes a frame, how long it takes and how much memory, with random weights, beside the plain loop.

    python bench/propagation.py            1, 4 and 16 expressions on 60 frames at 256 pixels, then memory by length

The plain loop is what the published system does: for each expression, a new session of the library's own predictor over all
frames, read again. The loop runs at most ``--plain`` expressions; its time for more of them is multiplied. Processor seconds
are those of this process. ``bench/gpu.py`` measures a GPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alref.models import cpu_tuning

cpu_tuning.tune_cpu()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from transformers import Sam2VideoInferenceSession, Sam2VideoModel  # noqa: E402
from transformers.utils import logging  # noqa: E402

from alref.media.video import Frame, Video  # noqa: E402
from alref.models import devices  # noqa: E402
from alref.records import Phrase, PivotBox, PivotFrame  # noqa: E402
from alref.testing import ArrayVideo  # noqa: E402
from alref_sam2 import Sam2Options, _checkpoints  # noqa: E402
from alref_sam2._images import ImageReader, scale_box  # noqa: E402
from alref_sam2._runtime import Sam2VideoRunner  # noqa: E402
from alref_sam2.families import IMAGENET_NORMALIZATION  # noqa: E402

SIZES = {size.name: size for size in _checkpoints.SIZES}


class Clip(ArrayVideo):
    """A pattern that moves, 480 x 854, drawn when asked for."""

    def __init__(self, frames: int) -> None:
        super().__init__(np.random.default_rng(0).integers(0, 255, (1, 480, 854, 3), np.uint8))
        self.times = np.arange(frames) / 10

    def read_frame(self, index: int) -> Frame:
        return np.roll(self._frames[0], 3 * index, axis=1)


def box(number: int) -> np.ndarray:
    left, top = 40 * (number % 8) + 20, 120 * (number // 8) + 30
    return np.array([left, top, left + 200, top + 150], np.float32)


def save(folder: Path, name: str) -> Path:
    """Save a model with random weights, for which objects are always there."""
    torch.manual_seed(0)
    model = Sam2VideoModel(_checkpoints.build_config(SIZES[name], sam21=True))
    torch.nn.init.constant_(model.mask_decoder.pred_obj_score_head.proj_out.bias, 4.0)
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    return folder


def options(folder: Path, size: int, dtype: str) -> Sam2Options:
    return Sam2Options(model=str(folder), image_size=size, prompt="box", dtype=dtype)


def ours(model: Sam2VideoRunner, video: Video, count: int) -> None:
    """Follow all expressions in one pass, from the middle of the video."""
    start = len(video) // 2
    phrases = [Phrase(reference=str(each), text="object") for each in range(count)]
    pivots = [PivotFrame(phrase=phrase, frame=start) for phrase in phrases]
    for _ in model.propagate(video, [PivotBox(pivot=pivot, xyxy=box(each)) for each, pivot in enumerate(pivots)]):
        pass


def plain(model: Sam2VideoRunner, video: Video, count: int) -> None:
    """Follow one expression after the other, each in a session of the library's."""
    network = model.network
    for each in range(count):
        pictures = ImageReader(video, network.image_size, "bicubic", IMAGENET_NORMALIZATION, network.device)
        frames = torch.cat([pictures.take_image(index) for index in range(len(video))])
        session = Sam2VideoInferenceSession(
            video=frames,
            video_height=video.height,
            video_width=video.width,
            dtype=torch.float32,
            **dict.fromkeys(("inference_device", "inference_state_device", "video_storage_device"), network.device),
        )
        corners = scale_box(box(each), video, network.image_size, network.device)
        given = {"point_coords": corners, "point_labels": torch.tensor([[[2, 3]]], dtype=torch.int32)}
        session.add_point_inputs(session.obj_id_to_idx(1), len(video) // 2, given)
        session.obj_with_new_inputs = [1]
        with torch.inference_mode(), devices.autocast(network.device.type, model._dtype):
            network.model(session, frame_idx=len(video) // 2)
            for reverse in (False, True):
                for seen in network.model.propagate_in_video_iterator(session, len(video) // 2, reverse=reverse):
                    _shown(seen.pred_masks, video)


def _shown(logits: torch.Tensor, video: Video) -> None:
    size = (video.height, video.width)
    (torch.nn.functional.interpolate(logits.float(), size, mode="bilinear") > 0).cpu().numpy()


class Clock:
    """Counts calls of a model's encoder, and processor seconds."""

    def __init__(self, model: Any) -> None:
        self.calls = 0
        encoder = model.vision_encoder
        forward = encoder.forward

        @wraps(forward)
        def counted(*given: Any, **named: Any) -> Any:
            self.calls += 1
            return forward(*given, **named)

        encoder.forward = counted

    def measure(self, work: Callable[[], None]) -> float:
        """Do work; returns its processor seconds, and leaves its calls of the encoder in ``calls``."""
        self.calls, used = 0, process_time()
        work()
        return process_time() - used


def compare(folder: Path, size: int, frames: int, most: int) -> None:
    model, video = Sam2VideoRunner(options(folder, size, "float32"), "cpu"), Clip(frames)
    clock = Clock(model.network.model)
    looped: dict[int, tuple[float, int]] = {}
    print(f"{'expressions':>11} {'plain: calls':>13} {'run':>4} {'cpu s':>7} {'ours: calls':>13} {'cpu s':>7} {'ratio':>6}")
    for count in (1, 4, 16):
        run = min(count, most)
        if run not in looped:
            used = clock.measure(lambda run=run: plain(model, video, run))
            looped[run] = used, clock.calls
        loop, calls = (value * count / run for value in looped[run])
        used = clock.measure(lambda count=count: ours(model, video, count))
        encoded = clock.calls
        print(f"{count:>11} {calls:>13.0f} {run:>4} {loop:>7.1f} {encoded:>13} {used:>7.1f} {used / loop:>6.2f}", flush=True)


def memory() -> None:
    """Print the peak memory of one process for each length, with a micro model."""
    print(f"{'frames':>11} {'ours MB':>9} {'plain MB':>9}")
    for frames in (100, 500, 2000):
        peaks = []
        for way in ("ours", "plain"):
            command = [sys.executable, __file__, "--peak", way, "--frames", str(frames)]
            peaks.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(f"{frames:>11} {peaks[0]:>9.0f} {peaks[1]:>9.0f}", flush=True)


def peak(way: str, frames: int) -> None:
    from support.tiny_sam2 import save_sam2

    with tempfile.TemporaryDirectory() as folder:
        model = Sam2VideoRunner(Sam2Options(model=str(save_sam2(Path(folder))), prompt="box", dtype="float32"), "cpu")
        {"ours": ours, "plain": plain}[way](model, Clip(frames), 1)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=SIZES, default="small")
    parser.add_argument("--size", type=int, default=256, help="pixels of the square that a frame is resized to")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--plain", type=int, default=16, help="most expressions that the plain loop runs")
    parser.add_argument("--peak", choices=("ours", "plain"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak:
        return peak(chosen.peak, chosen.frames)
    with tempfile.TemporaryDirectory() as folder:
        load = f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}"
        print(f"{chosen.model}, {chosen.frames} frames at {chosen.size} pixels, {load}")
        compare(save(Path(folder), chosen.model), chosen.size, chosen.frames, chosen.plain)
    return memory()


if __name__ == "__main__":
    main()
