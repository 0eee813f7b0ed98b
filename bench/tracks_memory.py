"""Memory of ``detect-and-follow`` over the length of a video: ``python bench/tracks_memory.py``.

30 objects move over a drawn video. A proposer and a propagator that know where they are stand in for models, so that what is
measured is the tracker: peak memory above the start, and the bytes of the tracks, for 500, 1000 and 2000 frames.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from alref.components.base import Propagator, Proposer, StageOptions
from alref.media.video import Frame, Video
from alref.records import Audio, Candidates, FrameMasks, PivotBox, PivotFrame, list_object_phrases
from alref.testing.memory import read_resident_memory
from alref_tracking import DetectAndFollow

HEIGHT, WIDTH, OBJECTS, SIDE = 480, 854, 30, 40


class DrawnVideo(Video):
    """A gray video of any length; memory is sampled whenever a frame is read."""

    def __init__(self, frames: int) -> None:
        self.name, self.path, self.fps = "drawn", None, 24.0
        self.height, self.width, self.times = HEIGHT, WIDTH, np.arange(frames) / 24
        self.peak = 0

    def read_frame(self, index: int) -> Frame:
        self.peak = max(self.peak, read_resident_memory() or 0)
        return np.full((HEIGHT, WIDTH, 3), 90, np.uint8)

    def read_audio(self, rate: int) -> Audio | None:
        return None

    @property
    def fingerprint(self) -> str:
        return f"drawn-{len(self)}"


def place(number: int, time: float) -> tuple[int, int]:
    """Return the left and top pixel of an object at a second; it is always whole in the frame."""
    left = 28 + (number % 10) * 82 + round(20 * np.sin(time + number))
    return left, 40 + (number // 10) * 150 + round(30 * np.cos(time))


class Detects(Proposer):
    """Proposes all objects."""

    name = "detects"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [self.look(video, pivot) for pivot in pivots]

    def look(self, video: Video, pivot: PivotFrame) -> Candidates:
        corners = [place(number, float(video.times[pivot.frame or 0])) for number in range(OBJECTS)]
        boxes = np.array([[left, top, left + SIDE, top + SIDE] for left, top in corners], np.float32)
        return Candidates(pivot=pivot, xyxy=boxes, scores=np.full(OBJECTS, 0.9, np.float32))


class Follows(Propagator):
    """Follows the object that is where each box is."""

    name = "follows"

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        numbers = [self.find(video, next(b for b in boxes if b.pivot.phrase == p)) for p in list_object_phrases(boxes)]
        for frame, _ in video.read_frames():
            masks = np.zeros((len(numbers), HEIGHT, WIDTH), np.bool_)
            for index, number in enumerate(numbers):
                left, top = place(number, float(video.times[frame]))
                masks[index, top : top + SIDE, left : left + SIDE] = True
            yield FrameMasks(frame=frame, masks=masks, scores=np.ones(len(numbers)))

    def find(self, video: Video, box: PivotBox) -> int:
        time = float(video.times[box.pivot.frame or 0])
        return min(range(OBJECTS), key=lambda number: np.abs(np.array(place(number, time)) - np.asarray(box.xyxy)[:2]).sum())


def measure(frames: int, window: float) -> None:
    """Print the peak memory above the start for one length."""
    tracker = DetectAndFollow(DetectAndFollow.Options(window=window))
    tracker.parts = {"proposer": Detects(StageOptions()), "propagator": Follows(StageOptions())}
    tracker.track(DrawnVideo(40), ["car"])
    gc.collect()
    start, video = read_resident_memory() or 0, DrawnVideo(frames)
    tracks = tracker.track(video, ["car"])
    kept = sum(len(rle.counts) + 700 for track in tracks for rle in track.rles)
    seen = sum(len(track.frames) for track in tracks)
    found, above = (
        f"{len(tracks)} tracks with {seen} of {OBJECTS * frames} masks",
        f"peak {(video.peak - start) / 1e6:.0f} MB above the start",
    )
    print(f"{frames} frames, window {window:g} s: {found}, {above}; the tracks are about {kept / 1e6:.0f} MB", flush=True)


def main() -> None:
    if len(sys.argv) == 3:
        measure(int(sys.argv[1]), float(sys.argv[2]))
        return
    for frames in (500, 1000, 2000):
        subprocess.run([sys.executable, __file__, str(frames), "20"], check=True)


if __name__ == "__main__":
    main()
