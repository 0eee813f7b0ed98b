"""Seconds a frame on a processor, with and without the settings of ``alref.models.cpu_tuning``, and in bfloat16.

    python bench/cpu.py [--quick]

Each number is of a process of its own. SAM 2.1 (tiny) and EdgeTAM: a frame is encoded, and one object followed into it with all
memories in play. Grounding DINO (tiny): one phrase on a picture of 480 x 800 pixels. The first time is not counted. Processor
seconds are those of all threads: they grow where threads spin while they wait. ``--quick`` leaves out what takes long.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

REPEATS = 2
CASES = ("sam2 256", "sam2 512", "edgetam 1024", "grounding-dino", "sam2 1024")
LONG = CASES[3:]
WAYS = (("plain", "float32"), ("tuned", "float32"), ("tuned", "bfloat16"))


def sam2(size: int, dtype: Any) -> Callable[[], object]:
    """Return the work of one frame with SAM 2.1, tiny."""
    from transformers import Sam2VideoModel

    from alref_sam2 import _checkpoints
    from alref_sam2._model_loading import resize_config

    return _tracker(Sam2VideoModel(resize_config(_checkpoints.build_config(_checkpoints.SIZES[0], sam21=True), size)), dtype)


def edgetam(size: int, dtype: Any) -> Callable[[], object]:
    """Return the work of one frame with EdgeTAM at its own size; needs timm, and so torchvision."""
    from transformers import EdgeTamVideoConfig, EdgeTamVideoModel, EdgeTamVisionConfig, TimmWrapperConfig

    settings = {"in_chans": 3, "features_only": True, "out_indices": (0, 1, 2, 3)}
    backbone = TimmWrapperConfig(architecture="repvit_m1", model_args=settings)
    config = EdgeTamVideoConfig(image_size=size, vision_config=EdgeTamVisionConfig(backbone_config=backbone))
    return _tracker(EdgeTamVideoModel(config), dtype)


def _tracker(model: Any, dtype: Any) -> Callable[[], object]:
    import torch

    from alref_sam2._memory_bank import MemoryContext
    from alref_sam2._network import Sam2Network

    network = Sam2Network(model.eval())
    picture = torch.randn(1, 3, network.image_size, network.image_size)

    def frame() -> None:
        features = network.encode_image(picture)
        seen = network.track_objects(features, [reading], 100)
        network.encode_memory(features, seen, prompted=False)

    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        features = network.encode_image(picture)
        seen = network.segment_from_box(features, torch.tensor([[[[40.0, 40.0], [160.0, 160.0]]]]))
        memory = network.encode_memory(features, seen, prompted=True)[0]
    reading = MemoryContext([(place, memory) for place in range(7)], [(place, seen.pointers[0]) for place in range(16)])
    return frame


def grounding_dino(dtype: Any) -> Callable[[], object]:
    """Return the work of one picture with Grounding DINO, tiny."""
    import torch
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection

    model = GroundingDinoForObjectDetection(GroundingDinoConfig()).eval()
    given = {"pixel_values": torch.randn(1, 3, 480, 800), "input_ids": torch.tensor([[101, 2158, 2652, 2858, 1012, 102]])}
    return lambda: model(**given, attention_mask=torch.ones_like(given["input_ids"]))


def measure(case: str, dtype_name: str) -> dict[str, float]:
    """Return wall and processor seconds of one frame in this process."""
    import torch

    torch.manual_seed(0)
    dtype = getattr(torch, dtype_name)
    name, _, size = case.partition(" ")
    work = grounding_dino(dtype) if name == "grounding-dino" else {"sam2": sam2, "edgetam": edgetam}[name](int(size), dtype)
    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        work()
        wall, used, system = perf_counter(), process_time(), os.times().system
        for _ in range(REPEATS):
            work()
    spent = perf_counter() - wall, process_time() - used, os.times().system - system
    return dict(zip(("wall", "cpu", "system"), (seconds / REPEATS for seconds in spent), strict=True))


def in_a_process(case: str, way: str, dtype: str) -> dict[str, float] | str:
    """Measure in a new process; returns the last line of its error where it cannot be done."""
    command = [sys.executable, __file__, "--case", case, "--way", way, "--dtype", dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1][:90]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--dtype", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.case:
        if chosen.way == "tuned":
            from alref.models import cpu_tuning

            cpu_tuning.tune_cpu()
        print(json.dumps(measure(chosen.case, chosen.dtype)))
        return
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}"
    )
    print(f"{'case':>15} {'settings':>9} {'numbers':>9} {'wall s':>8} {'cpu s':>8} {'system s':>8}")
    for case in CASES:
        for way, dtype in WAYS if not (chosen.quick and case in LONG) else ():
            found = in_a_process(case, way, dtype)
            said = found if isinstance(found, str) else "".join(f"{found[key]:>8.2f} " for key in ("wall", "cpu", "system"))
            print(f"{case:>15} {way:>9} {dtype:>9} {said}", flush=True)


if __name__ == "__main__":
    main()
