"""A data set that a test makes up, and a way to score it: moving squares, one video a name.

As a program it evaluates it from the command line, and kills this very process at its n-th function call:

    python -m support.scripted_dataset N ARGUMENT...

N is 0 for never; then the number of calls and the videos that were propagated are printed as the last line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np

from alref.components.dataset import Dataset, DatasetProblem, NameMatcher
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import Case, ObjectScores, ScoreTable
from alref.errors import ConfigError, InputError
from alref.media.video import Video
from alref.records import Reference
from alref.result import Result
from alref.testing import make_moving_square
from alref.utils import atomic
from support.kill_process import kill_at
from support.scripted import Script, entry

NAMES = ["-c one", "_b", "a/b", "été", "e5", "f6", "g7", "h8"]
SLOTS = [f"--{slot}=scripted" for slot in ("unifier", "reasoner", "proposer", "propagator")]


class Squares(Dataset):
    """Eight videos of squares; one that is not there is named in the file ``missing`` of the folder."""

    name = "squares"
    splits = ("valid", "test")
    protocols = ("overlap",)

    def list_videos(self) -> list[str]:
        """List the names."""
        if not self.root.is_dir():
            raise InputError(f"{self.root}: no such folder; expected the squares")
        return NAMES

    def read_references(self, video: str) -> list[Reference]:
        """Return one expression."""
        return [Reference(id="0", text=f"the square of {video}")]

    def open_video(self, video: str) -> Video:
        """Make the video."""
        missing = self.root / "missing"
        if missing.exists() and video in missing.read_text().split("\n"):
            raise InputError(f"{video}: frame 3 cannot be read; download it again")
        return make_moving_square(frames=4, size=(32, 48), side=8, seed=NAMES.index(video))[0]

    def find_problems(self) -> Iterator[DatasetProblem]:
        """Find none."""
        return iter(())

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write one array for each video."""
        path = folder / f"{NAMES.index(video)}.json"
        atomic.make_folder(folder)
        atomic.write_text(path, json.dumps(result.masks().astype(int).tolist()))

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Read it back beside a larger box in each video than in the one before."""
        if self.split == "test":
            raise InputError("squares: the truth of split test is not public; hand in: alref submit")
        path = folder / f"{NAMES.index(video)}.json"
        if not path.exists():
            raise InputError(f"{path}: no such file; predict {video} first")
        predicted = np.array(json.loads(path.read_text()), np.bool_)
        truth = np.zeros(predicted.shape, np.bool_)
        truth[:, 2 : 14 + NAMES.index(video), 2:12] = True
        yield Case("0", truth, predicted)

    def pack_submission(self, folder: Path, file: Path, videos: Sequence[str]) -> None:
        """Count the files."""
        found = sorted(path.name for path in folder.glob("*.json"))
        if len(found) < len(videos):
            raise ConfigError(f"{folder}: masks of {len(videos) - len(found)} videos are missing; alref eval squares")
        atomic.write_text(file, "\n".join(found))


class Overlap(EvaluationProtocol):
    """The share of the true square that is covered, over all frames."""

    name = "overlap"

    def score_case(self, where: str, case: Case) -> list[ObjectScores]:
        """Measure one video."""
        assert case.predicted is not None
        both = [float((true & found).sum() / true.sum()) for true, found in zip(case.truth, case.predicted, strict=True)]
        return [ObjectScores(case=case.id, columns={"overlap": tuple(both)})]

    def build_table(self, parts: Sequence[ObjectScores]) -> ScoreTable:
        """Take the mean over videos."""
        value = float(np.mean([np.mean(part.columns["overlap"]) for part in parts]))
        return ScoreTable(protocol=self.name, main_metric="overlap", metrics={"overlap": value})


def squares() -> EntryPoint:
    """Return the entry point of a plugin that announces both."""
    return entry("squares", register_datasets=lambda: [Squares], register_metrics=lambda: [Overlap])


def main() -> int:
    from alref.cli import run_command
    from alref.plugins import manager

    script = Script()
    manager.entry_points = lambda group: [*script.entries, squares()]  # type: ignore[assignment]
    counted = kill_at(int(sys.argv[1]))
    code = run_command(sys.argv[2:])
    print(counted(), len(script.asked("propagate")))
    return code


if __name__ == "__main__":
    sys.exit(main())
