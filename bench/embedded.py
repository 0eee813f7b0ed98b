"""How good and how fast the embedded components are: ``python bench/embedded.py [CLIPS]``.

CLIPS holds one folder a clip, each with ``frames/``, ``masks/<object>/<frame>.png`` and ``meta.json`` that lists expressions.
J is the mean over frames of intersection over union with the true masks, of three runs: the default pipeline; plain, the first
frame with the proposer's best candidate; and the tracker alone from the true mask of frame 0. Seconds are wall time, all in.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from alref import Pipeline, Reference, open_video
from alref.cli.demo import compute_jaccard
from alref.media.write import read_mask

CLIPS = Path(__file__).parents[1] / ".." / "shared" / "data" / "clips"
DEFAULT: Mapping[str, str] = {}
PLAIN = {"temporal": "first-frame", "spatial": "top-score"}

Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Score:
    mean: float
    seconds: float


def truth_of(clip: Path, objects: list[str]) -> Masks:
    names = sorted(path.stem for path in (clip / "frames").iterdir())
    each = [[read_mask(clip / "masks" / one / f"{name}.png") for name in names] for one in objects]
    return np.asarray(np.any(each, axis=0))


def score(clip: Path, truth: Masks, reference: Reference, settings: Mapping[str, str]) -> Score:
    with Pipeline(**settings) as pipeline:
        started = perf_counter()
        result = pipeline.run(open_video(clip / "frames"), [reference])
        seconds = perf_counter() - started
    return Score(compute_jaccard(result.masks(), truth), seconds / len(truth))


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CLIPS
    table = Table("clip", "expression", "J", "J plain", "J tracker", "s/frame", "tracker")
    rows: list[list[Score]] = []
    for clip in sorted(path.parent for path in folder.glob("*/meta.json")):
        for each in json.loads((clip / "meta.json").read_text(encoding="utf-8"))["expressions"]:
            truth, said = truth_of(clip, each["obj_id"]), Reference(id="1", text=each["exp"])
            given = Reference(id="1", mask=truth[0])
            row = [score(clip, truth, said, DEFAULT), score(clip, truth, said, PLAIN), score(clip, truth, given, DEFAULT)]
            rows.append(row)
            cells = [*(f"{one.mean:.3f}" for one in row), f"{row[0].seconds:.2f}", f"{row[2].seconds:.2f}"]
            table.add_row(clip.name, each["exp"], *cells)
    means = [float(np.mean([row[run].mean for row in rows])) for run in range(3)]
    table.add_section()
    table.add_row("mean", "", *(f"{mean:.3f}" for mean in means))
    console = Console()
    console.print(table)
    console.print(f"peak resident size {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
