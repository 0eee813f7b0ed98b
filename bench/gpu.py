"""Frames a second of SAM 2 by objects and images a second of Grounding DINO on a GPU, where the time goes, and the authors'
predictor in the same run; tables for docs/speed.md.

    python bench/gpu.py                          SAM 2.1 large at 1024 pixels and Grounding DINO base, in bfloat16
    python bench/gpu.py --device cpu --small     micro models, to see that the script runs

Weights are random, frames are drawn. ``encoder`` to ``memory encoder`` are the shares of the time in which the device computes
these parts, ``host`` is the share in which the thread that gives the device its work is busy, ``waits`` that in which it is
waited for. On a CPU the host computes the parts itself. The authors' predictor follows all objects in one state, if their
package ``sam2`` is installed; ``--small`` does not compare, since the two micro models differ.
"""  # noqa: D205

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any
from unittest.mock import patch

import propagation
import torch
from propagation import Clip, box, ours
from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection, GroundingDinoImageProcessorPil, SwinConfig

from alref.models import devices
from alref.records import Phrase, PivotFrame
from alref_groundingdino import GroundingDino
from alref_sam2 import Sam2Options, _transfers
from alref_sam2._runtime import Sam2VideoRunner

PARTS = ("encoder", "memory attention", "mask decoder", "memory encoder")
COUNTS = (1, 4, 16)
SWIN_BASE = {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "window_size": 12, "image_size": 384}
MICRO_SETTINGS = (
    "++model.image_encoder.trunk.embed_dim=32",
    "++model.image_encoder.trunk.stages=[1,1,2,1]",
    "++model.image_encoder.trunk.global_att_blocks=[3]",
    "++model.image_encoder.neck.backbone_channel_list=[256,128,64,32]",
    "++model.image_size=256",
)


class PartClock:
    """Measures how long the parts of a model take: on the device by its own clock, without waiting for it."""

    def __init__(self, network: Any) -> None:
        self._on_cuda = network.device.type == "cuda"
        self._marks: list[tuple[str, Any, Any]] = []
        network.attention = self._measured("memory attention", network.attention)
        model = network.model
        modules = {"encoder": model.vision_encoder, "mask decoder": model.mask_decoder, "memory encoder": model.memory_encoder}
        for part, module in modules.items():
            module.forward = self._measured(part, module.forward)

    def take_seconds(self) -> dict[str, float]:
        """Return the seconds of each part since the last call."""
        seconds = dict.fromkeys(PARTS, 0.0)
        for part, begin, end in self._marks:
            seconds[part] += begin.elapsed_time(end) / 1000 if self._on_cuda else end - begin
        self._marks.clear()
        return seconds

    def _measured(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def measured(*given: Any, **named: Any) -> Any:
            begin = self._mark()
            found = call(*given, **named)
            self._marks.append((part, begin, self._mark()))
            return found

        return measured

    def _mark(self) -> Any:
        if not self._on_cuda:
            return perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


@contextmanager
def counted_waits() -> Iterator[list[float]]:
    """Collect the seconds of each wait for the device."""
    waits: list[float] = []
    wait = _transfers.HostCopy.wait

    def measured(self: _transfers.HostCopy) -> Any:
        begin = perf_counter()
        found = wait(self)
        waits.append(perf_counter() - begin)
        return found

    with patch.object(_transfers.HostCopy, "wait", measured):
        yield waits


def measure_propagation(device: str, small: bool, frames: int) -> None:
    """Print the table of frames a second by objects."""
    with tempfile.TemporaryDirectory() as folder:
        model = _load_tracker(Path(folder), device, small)
    clock, official, video = PartClock(model.network), _build_official(device, small), Clip(frames)
    ours(model, Clip(min(frames, 20)), 1)
    print(f"| objects | frames/s | authors' | {' | '.join(PARTS)} | host | waits | waits a frame |")
    print("|---" * (len(PARTS) + 6) + "|")
    for count in COUNTS[:2] if small else COUNTS:
        clock.take_seconds()
        with counted_waits() as waits:
            wall, busy = _measure(device, lambda count=count: ours(model, video, count))
        shares = [seconds / wall for seconds in clock.take_seconds().values()] + [busy / wall, sum(waits) / wall]
        their_wall = _measure(device, lambda count=count: _follow(official, video, count))[0] if official else None
        speeds = [f"{frames / wall:.2f}", f"{frames / their_wall:.2f}" if their_wall else "not installed"]
        cells = [str(count), *speeds, *(f"{share:.0%}" for share in shares)]
        print(f"| {' | '.join(cells)} | {len(waits) / frames:.2f} |", flush=True)


def measure_detection(device: str, small: bool, images: int) -> None:
    """Print the images a second of the detector, one phrase on each."""
    with tempfile.TemporaryDirectory() as folder:
        place = _save_detector(Path(folder), small)
        detector = GroundingDino(GroundingDino.Options(model=str(place), dtype=_get_dtype(device)), device)
        detector.load()
    pivots = [PivotFrame(phrase=Phrase(reference="1", text="the dog"), frame=frame) for frame in range(images)]
    detector.propose(Clip(2), pivots[:2])
    wall, busy = _measure(device, lambda: detector.propose(Clip(images), pivots))
    print(f"\n| images/s | host |\n|---|---|\n| {images / wall:.2f} | {busy / wall:.0%} |", flush=True)


def _measure(device: str, work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall seconds of work, and those in which this thread was busy."""
    begin, busy = perf_counter(), thread_time()
    work()
    busy = thread_time() - busy
    if device == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - begin, busy


def _get_dtype(device: str) -> str:
    return "bfloat16" if device == "cuda" else "float32"


def _load_tracker(folder: Path, device: str, small: bool) -> Sam2VideoRunner:
    from support.tiny_sam2 import save_sam2

    saved = save_sam2(folder) if small else propagation.save(folder, "large")
    return Sam2VideoRunner(Sam2Options(model=str(saved), prompt="box", dtype=_get_dtype(device), fill_holes=8), device)


def _build_official(device: str, small: bool) -> Any:
    if find_spec("sam2") is None:
        return None
    from sam2.build_sam import build_sam2_video_predictor

    name, settings = ("t", MICRO_SETTINGS) if small else ("l", ())
    return build_sam2_video_predictor(
        f"configs/sam2.1/sam2.1_hiera_{name}.yaml", device=device, hydra_overrides_extra=[*settings]
    )


def _follow(predictor: Any, video: Clip, count: int) -> None:
    """Follow all objects with the authors' predictor, from the middle frame in both directions."""
    from alref_sam2._original import init_video_state

    device = predictor.device.type
    with torch.inference_mode(), devices.autocast(device, getattr(torch, _get_dtype(device))):
        state = init_video_state(predictor, video)
        for each in range(count):
            predictor.add_new_points_or_box(state, len(video) // 2, each, box=box(each))
        for reverse in (False, True):
            for _, _, logits in predictor.propagate_in_video(state, len(video) // 2, reverse=reverse):
                (logits > 0).cpu().numpy()


def _save_detector(folder: Path, small: bool) -> Path:
    from support import tiny_detectors

    if small:
        return tiny_detectors.grounding_dino(folder)
    backbone = SwinConfig(out_indices=[2, 3, 4], **SWIN_BASE)
    GroundingDinoForObjectDetection(GroundingDinoConfig(backbone_config=backbone)).save_pretrained(folder)
    tiny_detectors.bert_words().save_pretrained(folder)
    GroundingDinoImageProcessorPil().save_pretrained(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description="frames and images a second on a GPU")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="micro models and few frames")
    parser.add_argument("--frames", type=int, help="frames of the video (default: 100, with --small 6)")
    chosen = parser.parse_args()
    if chosen.device not in devices.list_devices():
        print(f"skipped: torch sees no {chosen.device} here; --device cpu --small tries the script")
        return
    name = torch.cuda.get_device_name() if chosen.device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, {_get_dtype(chosen.device)}{', micro models' if chosen.small else ''}\n")
    frames = chosen.frames or (6 if chosen.small else 100)
    measure_propagation(chosen.device, chosen.small, frames)
    measure_detection(chosen.device, chosen.small, 4 if chosen.small else 64)


if __name__ == "__main__":
    main()
