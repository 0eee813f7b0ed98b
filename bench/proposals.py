"""Prompts a second of Grounding DINO tiny, asked one by one in the library's way and in alref's: ``python bench/proposals.py``.

The weights are random, the architecture is the real one; pictures are made 192 pixels high so that it takes a few minutes. All
ways are timed in turns in one run. On the processor one thread is used and its own time is counted, so that other work on the
machine shows less; on another device, which may be named (``cuda``), it is wall time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alref.models import devices
from alref.testing import ArrayVideo
from alref_groundingdino import GroundingDinoOptions
from alref_groundingdino._grounding_dino import GroundingDinoDetector
from alref_groundingdino.detection import AdaptiveBatchSize, DetectionQuery, run_detector
from alref_groundingdino.preprocessing import ImagePreprocessing, resize_to_fit
from support.tiny_detectors import bert_words

SIDES = (192, 320)
LOOK = ImagePreprocessing({"shortest_edge": SIDES[0], "longest_edge": SIDES[1]}, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
VIDEO = ArrayVideo(np.random.default_rng(0).integers(0, 255, (4, 480, 640, 3), np.uint8))
PROMPTS = ("dog", "the red square", "a man near the guitar", "the cat that barks")
WORK = {
    "4 frames, 1 phrase": [DetectionQuery(frame, PROMPTS[0]) for frame in range(4)],
    "1 frame, 4 phrases": [DetectionQuery(0, prompt) for prompt in PROMPTS],
}
LIBRARY = "the library's model, one by one"
ROUNDS = 2


def model(device: str) -> Any:
    from torch import manual_seed
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection

    manual_seed(0)
    return GroundingDinoForObjectDetection(GroundingDinoConfig()).eval().requires_grad_(False).to(device)


def one_by_one(whole: Any, asks: list[DetectionQuery]) -> None:
    from torch import from_numpy, inference_mode

    words = bert_words()
    with inference_mode():
        for ask in asks:
            pixels = from_numpy(LOOK.normalize_images([resize_to_fit(VIDEO.read_frame(ask.frame), *SIDES)])).to(whole.device)
            tokens = words(f"{ask.prompt}.", return_tensors="pt").to(whole.device)
            whole(pixel_values=pixels, **tokens).logits.cpu()


def ours(ready: GroundingDinoDetector, asks: list[DetectionQuery], batch: int, kept: bool = True) -> None:
    if not kept:
        ready._prompt_cache.clear()
    for _ in run_detector(ready, VIDEO, asks, AdaptiveBatchSize(batch, print)):
        pass


def seconds(work: Callable[[], None], clock: Callable[[], float]) -> float:
    before = clock()
    work()
    return clock() - before


def main() -> None:
    from torch import float32, set_num_threads

    device = devices.resolve_device(sys.argv[1] if len(sys.argv) > 1 else "auto")
    set_num_threads(1)
    clock = process_time if device == "cpu" else perf_counter
    plain, ready = model(device), GroundingDinoDetector(model(device), bert_words(), LOOK, GroundingDinoOptions(), float32)
    for name, asks in WORK.items():
        ways = {
            LIBRARY: partial(one_by_one, plain, asks),
            "alref, one by one, prompts read anew": partial(ours, ready, asks, 1, kept=False),
            "alref, one by one, prompts read before": partial(ours, ready, asks, 1),
            "alref, four at once, prompts read before": partial(ours, ready, asks, 4),
        }
        rounds = [{way: seconds(work, clock) for way, work in ways.items()} for _ in range(ROUNDS)]
        table = Table("way", "prompts a second", "ratio", title=f"{name}, {device}")
        for way in ways:
            taken, first = (median(each[one] for each in rounds) for one in (way, LIBRARY))
            table.add_row(way, f"{len(asks) / taken:.2f}", f"{first / taken:.2f}")
        Console().print(table)


if __name__ == "__main__":
    main()
