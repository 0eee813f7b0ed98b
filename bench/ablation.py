"""What sharing saves: seconds of a grid of embedded components on the demonstration clip, with one cache and with one a row.

    python bench/ablation.py

Each row alone is what running the rows one by one would take. The cache itself is timed last: writing and reading back what a
propagation of a 480 x 854 video with 80 frames gave.
"""

from __future__ import annotations

import os
import tempfile
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import yaml

from alref.cli import demo_clip, run_command
from alref.pipeline.stage_cache import CachedOutput, StageCache
from alref.records import Phrase, Track
from alref.utils.masks import encode_mask

ROWS: dict[str, dict[str, object]] = {
    f"{temporal} {spatial} {most}": {"temporal": temporal, "spatial": spatial, "proposer.max_candidates": most}
    for temporal, spatial, most in product(("first-frame", "middle-frame"), ("rules", "top-score"), (2, 3))
}


def ablated(folder: Path, name: str, rows: dict[str, dict[str, object]]) -> float:
    """Return the seconds of an ablation with a cache of its own."""
    grid = {
        "base": "baseline",
        "videos": {"clip.mp4": [ball.expression for ball in demo_clip.BALLS]},
        "rows": rows,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(grid))
    os.environ["ALREF_HOME"] = str(folder / f"home-{name}")
    started = perf_counter()
    code = run_command(["ablate", str(folder / f"{name}.yaml"), "--out", str(folder / f"out-{name}"), "--quiet"])
    assert code == 0, code
    return perf_counter() - started


def kept(folder: Path) -> tuple[float, float, int]:
    """Return the seconds of writing and of reading back a propagation, and its bytes in the cache."""
    rows, columns = np.indices((480, 854))
    rles = [encode_mask((rows - 240) ** 2 + (columns - 100 - 8 * frame) ** 2 < 90**2) for frame in range(80)]
    track = Track(phrase=Phrase(reference="1", text="x"), rles=tuple(rles), scores=(1.0,) * 80)
    cache = StageCache(folder / "kept", limit=10**9)
    started = perf_counter()
    for number in range(50):
        cache.put("propagator-propagate", f"{number:032}", CachedOutput([track], 1.0))
    written = perf_counter()
    for number in range(50):
        assert cache.get("propagator-propagate", f"{number:032}", Track) is not None
    read = perf_counter()
    size = next((folder / "kept").glob("[!.]*.json")).stat().st_size
    return (written - started) / 50, (read - written) / 50, size


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo_clip.write_clip(folder / "clip.mp4")
        ablated(folder, "first", dict([next(iter(ROWS.items()))]))
        shared = ablated(folder, "shared", ROWS)
        alone = sum(ablated(folder, row.replace(" ", "-"), {row: settings}) for row, settings in ROWS.items())
        again = ablated(folder, "shared", ROWS)
        print(f"{len(ROWS)} rows: shared {shared:.1f} s, each alone {alone:.1f} s, {alone / shared:.1f} times as long")
        print(f"the same command again, all rows done: {again:.2f} s")
        put, get, size = kept(folder)
        print(f"a propagation in the cache: written in {put * 1e3:.1f} ms, read in {get * 1e3:.1f} ms, {size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
