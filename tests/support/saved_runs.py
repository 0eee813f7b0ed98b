"""Results and runs made by hand, saved to folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from alref.output.run_folder import RunFolder, RunSpec
from alref.records import Candidates, Phrase, PivotBox, PivotFrame, Reference, Track, Verdict
from alref.result import Result
from alref.testing import ArrayVideo
from alref.utils import atomic
from alref.utils.masks import Mask, encode_mask

PARTS = ["masks", "overlay.mp4", "report.html", "result.json", "run.yaml"]


def noise(frames: int = 5, height: int = 24, width: int = 33, start: float = 0.0) -> ArrayVideo:
    video = ArrayVideo(np.random.default_rng(1).integers(0, 255, (frames, height, width, 3), np.uint8))
    video.times = video.times + start
    return video


def track(video: ArrayVideo, reference: str, rows: slice, score: float) -> Track:
    mask: Mask = np.zeros((video.height, video.width), np.bool_)
    mask[rows] = True
    phrase = Phrase(reference=reference, text=f"rows of {reference}")
    return Track(phrase=phrase, rles=(encode_mask(mask),) * len(video), scores=(score,) * len(video))


def segmented(video: ArrayVideo, tracks: Sequence[Track] = ()) -> Result:
    """Two references, one with objects and one absent, with a decision that fell back."""
    phrase = Phrase(reference="a", text="rows of a")
    pivot = PivotFrame(phrase=phrase, frame=len(video) - 1, why="no answer", source="fallback", raw="?")
    box = np.array([[0, 0, video.width, max(1, video.height // 2)]], np.float32)
    candidates = Candidates(pivot=pivot, xyxy=box, scores=np.ones(1))
    return Result(
        alref="1.2.3",
        video=video.get_info(),
        references=(Reference(id="a", text="the dog, 犬 <b>"), Reference(id="b", text="a unicorn")),
        phrases=(phrase,),
        pivots=(pivot,),
        candidates=(candidates,),
        boxes=(PivotBox(pivot=pivot, xyxy=box[0], score=1.0),),
        tracks=tuple(tracks),
        verdicts=(
            Verdict(reference="a", finding="found", why="seen", source="fallback"),
            Verdict(reference="b", finding="absent", why="not seen"),
        ),
        seconds={"propagator": 1.5},
        config={"propagator": {"use": "sam2", "size": 3}},
    )


def overlapping(video: ArrayVideo) -> Result:
    tracks = [track(video, "a", slice(0, 12), 0.4), track(video, "a", slice(8, 16), 0.9), track(video, "b", slice(14, 20), 0.4)]
    return segmented(video, tracks)


def run_of(result: Result, **changes: Any) -> RunSpec:
    facts = {
        "command": "alref run clip.mp4 'the dog'",
        "input": "clip.mp4",
        "fingerprint": result.video.fingerprint,
        "versions": {"alref": "1.2.3"},
        "references": result.references,
        "config": result.config,
    }
    return RunSpec(**{**facts, **changes})


def saved(path: Path, result: Result, video: ArrayVideo) -> Path:
    with RunFolder.open(path, run_of(result)) as folder:
        folder.write_result(result, video)
    return path


def aligned() -> ArrayVideo:
    """Three frames of whole macroblocks: encoding other sizes does not give the same bytes each time."""
    return noise(3, 32, 48)


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != atomic.LOCK_FILE)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def overlay_times(folder: Path) -> list[float]:
    with av.open(str(folder / "overlay.mp4")) as file:
        return [float(frame.time or 0.0) for frame in file.decode(video=0)]
