"""What a whole evaluation adds beside the stages: milliseconds a video, and memory that does not grow with their number.

    python bench/evaluation.py --turns 3

Videos of MeViS in miniature, four frames of 64 x 96 with three expressions each, go through ``alref eval`` one at a time:
opened, run, written (15 files), scored, reported. The stages are scripted: they fill one box on each frame. Each number of
videos runs in a process of its own; processor time is of all its threads, and of the system on its behalf. What was written is
removed after the last one: some file systems are slow to make files where others were just removed.

Then as many at once as ``alref eval`` takes by itself, where the propagator waits on each video, as for an accelerator: what is
beside the stages of one video is done while another waits.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from argparse import ArgumentParser
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alref.cli import run_command
from alref.plugins import manager
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.protocols import PROTOCOLS
from support.benchmark_fixtures import mevis
from support.scripted import Script, entry, propagate

FEW, MANY = 200, 1000
WAIT = 0.05
SLOTS = [f"--{slot}=scripted" for slot in ("unifier", "reasoner", "proposer", "propagator")]


def waiting(*inputs: Any) -> Any:
    """Propagate after a while in which nothing is computed here."""
    sleep(WAIT)
    return propagate(*inputs)


def evaluate(data: Path, count: int, out: Path, alone: bool) -> dict[str, float]:
    """Evaluate ``count`` videos in this process; return seconds by the clock, of processors and of stages, peak MB."""
    script = Script() if alone else Script(propagate=waiting)
    script.calls = deque(maxlen=1)  # type: ignore[assignment]
    shipped = entry("shipped", register_datasets=lambda: DATASETS, register_metrics=lambda: PROTOCOLS)
    manager.entry_points = lambda group: [*script.entries, shipped]  # type: ignore[assignment]
    which = ["mevis", "--data", str(data), "--split", "valid_u", "--limit", str(count)]
    started, before = perf_counter(), process_time()
    assert run_command(["eval", *which, *SLOTS, "--out", str(out), "--quiet", *(["--jobs=1"] if alone else [])]) == 0
    clock, processor = perf_counter() - started, process_time() - before
    stages = sum(json.loads((out / "summary.json").read_text())["seconds"].values())
    peak = float(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1000
    return {"clock": clock, "processor": processor, "stages": stages, "peak": peak}


def measured(data: Path, out: Path, alone: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Evaluate few videos and many, each in a process of its own; return what one more takes in milliseconds, and peak MB."""
    found = {}
    for count in (FEW, MANY):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            found[count] = pool.submit(evaluate, data, count, out / f"{count}", alone).result()
    few, many = found.values()
    return {name: 1e3 * (many[name] - few[name]) / (MANY - FEW) for name in many}, {"few": few["peak"], "many": many["peak"]}


def turn(data: Path, out: Path) -> None:
    """Print what one more video takes."""
    each, peak = measured(data, out / "alone", alone=True)
    print(f"a video, from {FEW} to {MANY} of them, load {os.getloadavg()[0]:.1f}:")
    print(f"  {each['clock'] - each['stages']:6.1f} ms by the clock beside the stages, which took {each['stages']:.1f} ms")
    print(f"  {each['processor']:6.1f} ms of a processor, stages included")
    print(f"  peak memory: {peak['few']:.0f} MB with {FEW} videos, {peak['many']:.0f} MB with {MANY}", flush=True)
    each, _ = measured(data, out / "together", alone=False)
    print(
        f"  {each['clock'] - 1e3 * WAIT:6.1f} ms by the clock beside {1e3 * WAIT:.0f} ms of waiting, several at once",
        flush=True,
    )


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=1, help="how often it is measured")
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mevis(folder / "data", [f"v{number:04d}" for number in range(MANY)])
        for number in range(turns):
            turn(folder / "data", folder / f"{number}")


if __name__ == "__main__":
    main()
