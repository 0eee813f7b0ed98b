"""How good and how fast the embedded components are: ``python bench/embedded.py [--clips CLIPS] [--before CHECKOUT]``.

CLIPS holds one folder a clip, each with ``frames/``, ``masks/<object>/<frame>.png`` and ``meta.json`` that lists expressions.
Each clip is enlarged to a height of 480 pixels and run in a new process, as shipped: decoding, all stages, and writing masks.
J is the mean over frames of intersection over union with the true masks, of three runs: the default pipeline; plain, the first
frame with the proposer's best candidate; and the tracker alone from the true mask of frame 0. CPU seconds are those of all
threads, a frame.

Then the first expression of each clip is run again, quiet and beside ``--busy`` processes that compute without pause.
``--before`` measures another checkout of alref in the same way, in turn with this one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / ".." / "shared" / "data" / "clips"
HEIGHT = 480
PLAIN = {"temporal": "first-frame", "spatial": "top-score"}
BUSY = "x = 0\nwhile True: x += 1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, default=CLIPS)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--busy", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2, help="runs quiet and beside busy processes; the least CPU counts")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--first", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measure_first(chosen.measure) if chosen.first else measure_clip(chosen.measure)))
        return
    if not list(chosen.clips.glob("*/meta.json")):
        parser.error(f"--clips: expected folders with meta.json in {chosen.clips}")
    codes = ({"before": chosen.before.resolve()} if chosen.before else {}) | {"now": ROOT}
    with tempfile.TemporaryDirectory() as folder:
        clips = [enlarge_clip(path.parent, Path(folder)) for path in sorted(chosen.clips.glob("*/meta.json"))]
        print_quality({name: [row for clip in clips for row in run_process(code, clip)] for name, code in codes.items()})
        for clip in clips:
            measure_load(codes, clip, chosen.busy, chosen.repeats)


def enlarge_clip(clip: Path, folder: Path) -> Path:
    """Write a clip with all frames and masks enlarged to HEIGHT."""
    from PIL import Image

    made = folder / clip.name
    for path in sorted(clip.glob("frames/*")) + sorted(clip.glob("masks/*/*")):
        with Image.open(path) as image:
            size = round(image.width * HEIGHT / image.height / 2) * 2, HEIGHT
            enlarged = image.resize(size, Image.Resampling.NEAREST if "masks" in path.parts else Image.Resampling.BICUBIC)
        target = made / path.relative_to(clip)
        target.parent.mkdir(parents=True, exist_ok=True)
        enlarged.save(target, quality=95)
    (made / "meta.json").write_bytes((clip / "meta.json").read_bytes())
    return made


def measure_load(codes: dict[str, Path], clip: Path, busy: int, repeats: int) -> None:
    """Compare a clip quiet and beside busy processes; the codes take turns."""
    quiet = [{name: run_process(code, clip, "--first")[0] for name, code in codes.items()} for _ in range(repeats)]
    with keep_busy(busy):
        beside = [{name: run_process(code, clip, "--first")[0] for name, code in codes.items()} for _ in range(repeats)]
    for name in codes:
        times = [[min(run[name][key] for run in runs) for key in ("cpu", "wall")] for runs in (quiet, beside)]
        cpu, wall = (loaded / alone for alone, loaded in zip(*times, strict=True))
        masks = "equal" if len({run[name]["digest"] for run in quiet + beside}) == 1 else "DIFFERENT"
        print(
            f"{name}: {clip.name} beside {busy} busy processes takes {cpu:.2f} times the CPU, {times[0][0]:.3f} -> "
            f"{times[1][0]:.3f} seconds a frame, and {wall:.2f} times the wall time; masks are {masks}",
            flush=True,
        )


def run_process(code: Path, clip: Path, *flags: str) -> list[dict[str, Any]]:
    """Measure a clip in a new process that imports alref from a checkout."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(code), str(code / "plugins")))}
    done = subprocess.run(
        [sys.executable, __file__, "--measure", clip, *flags], env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


@contextmanager
def keep_busy(count: int) -> Iterator[None]:
    """Run processes that compute without pause."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure_first(clip: Path) -> list[dict[str, Any]]:
    """Return one row: the first expression of a clip, without true masks."""
    tune_threads()
    from alref import Reference

    expression = json.loads((clip / "meta.json").read_text(encoding="utf-8"))["expressions"][0]["exp"]
    return [measure_run(clip, None, Reference(id="1", text=expression), {})]


def measure_clip(clip: Path) -> list[dict[str, Any]]:
    """Return one row for each expression of a clip."""
    tune_threads()
    import numpy as np

    from alref import Prompt, Reference
    from alref.media.write import read_mask

    rows = []
    names = sorted(path.stem for path in (clip / "frames").iterdir())
    for each in json.loads((clip / "meta.json").read_text(encoding="utf-8"))["expressions"]:
        objects = [[read_mask(clip / "masks" / one / f"{name}.png") for name in names] for one in each["obj_id"]]
        truth = np.any(objects, axis=0)
        words = measure_run(clip, truth, Reference(id="1", text=each["exp"]), {})
        tracker = measure_run(clip, truth, Reference(id="1", prompts=(Prompt(mask=truth[0]),)), {})
        plain = measure_run(clip, truth, Reference(id="1", text=each["exp"]), PLAIN)
        more = {"clip": clip.name, "expression": each["exp"], "tracker": tracker["jaccard"], "plain": plain["jaccard"]}
        rows.append(words | more | {"tracker cpu": tracker["cpu"]})
    return rows


def tune_threads() -> None:
    """Do what the command line does before it imports numpy, in a checkout that does it."""
    from alref.models import cpu_tuning

    getattr(cpu_tuning, "apply_thread_settings", lambda: None)()


def measure_run(clip: Path, truth: Any, reference: Any, settings: dict[str, str]) -> dict[str, Any]:
    """Run a pipeline on a clip, write what it found, and return J, CPU and wall seconds a frame, and peak memory in MB."""
    import resource

    from alref import Pipeline, open_video
    from alref.cli.demo import compute_jaccard

    with Pipeline(**settings) as pipeline, tempfile.TemporaryDirectory() as folder:
        wall, cpu = perf_counter(), process_time()
        video = open_video(clip / "frames")
        result = pipeline.run(video, [reference])
        result.save(folder, video)
        wall, cpu = perf_counter() - wall, process_time() - cpu
    masks = result.masks()
    return {
        "jaccard": compute_jaccard(masks, masks if truth is None else truth),
        "cpu": cpu / len(masks),
        "wall": wall / len(masks),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "digest": hashlib.sha256(masks.tobytes()).hexdigest(),
    }


def print_quality(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Print a row for each expression, and the means of each code."""
    from rich.console import Console
    from rich.table import Table

    keys = ("jaccard", "plain", "tracker", "cpu", "tracker cpu", "wall")
    table = Table("code", "clip", "expression", "J", "J plain", "J tracker", "CPU s", "tracker", "wall s")
    for name, each in rows.items():
        for row in each:
            table.add_row(name, row["clip"], row["expression"], *(f"{row[key]:.3f}" for key in keys))
        table.add_row(name, "mean", "", *(f"{sum(row[key] for row in each) / len(each):.3f}" for key in keys))
        table.add_section()
    console = Console(width=160)
    console.print(table)
    for name, each in rows.items():
        console.print(f"{name}: peak memory {max(row['peak'] for row in each):.0f} MB")
    console.print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
