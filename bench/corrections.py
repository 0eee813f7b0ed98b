"""What a correction costs, and what clicks gain: ``python bench/corrections.py [cost|clicks]``.

``cost``: one of three objects in a film of 300 frames is corrected between two confirmed frames. It prints the frames that were
propagated, the CPU time beside that of propagating that stretch alone, and whether the other objects are the same bytes.

``clicks``: on the shared clips, tracking starts from a wrong region. A script clicks at the center of the largest error of a
frame, as in the interactive protocol of DAVIS: on the frame with the worst J, as an annotator who looks at all frames, and on
the worst flagged frame. It prints the mean J over frames after 0, 1, 2, 3 and 5 clicks.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import numpy.typing as npt

from alref import Corrections, Pipeline, Prompt, Reference, Result, Video, open_video
from alref.media.section import VideoSection
from alref.media.write import read_mask
from alref.pipeline.doubtful_frames import list_doubtful_frames
from alref.pipeline.repropagation import PHRASE
from alref.records import PivotBox, PivotFrame
from alref.utils.masks import compute_box

Mask = npt.NDArray[np.bool_]
SHARED = Path(__file__).parents[1] / ".." / "shared" / "data" / "clips"
LENGTH, SIZE = 300, (180, 320)
STRETCH = (90, 150)
"""The confirmed frames."""
CLICKS = (0, 1, 2, 3, 5)


def draw_film() -> tuple[npt.NDArray[np.uint8], list[list[Mask]]]:
    """Return a film of three discs that move over noise, and the masks of each."""
    random = np.random.default_rng(0)
    ground = cv2.GaussianBlur(random.integers(0, 255, (*SIZE, 3), np.uint8), (9, 9), 0)
    frames = np.repeat(ground[None], LENGTH, axis=0)
    masks: list[list[Mask]] = [[], [], []]
    for index in range(LENGTH):
        for number, color in enumerate(((220, 40, 40), (40, 200, 60), (60, 80, 230))):
            center = (60 + 90 * number + round(20 * np.sin(index / 25 + number)), 50 + 35 * number)
            disc = cv2.circle(np.zeros(SIZE, np.uint8), center, 18, 1, -1)
            frames[index][disc > 0] = color
            masks[number].append(disc > 0)
    return frames, masks


def measure_cost(folder: Path) -> None:
    """Print what a correction of one of three objects costs."""
    frames, masks = draw_film()
    video = open_video(frames)
    references = [Reference(id=str(number), prompts=(Prompt(mask=own[0]),)) for number, own in enumerate(masks, 1)]
    with Pipeline("baseline") as pipeline:
        pipeline.run(video, references).save(folder, video)
        corrections = Corrections(folder, video, pipeline)
        for frame in STRETCH:
            corrections.confirm("2", frame)
        before, pictures = corrections.result, read_digests(folder)
        visited: list[int] = []
        started = process_time()
        corrections.correct("2", Prompt(frame=120, mask=masks[1][120]), progress=lambda done, total: visited.append(total))
        seconds = process_time() - started
        first, last = STRETCH
        known = {frame: before.tracks[1].decode_mask(frame) for frame in STRETCH} | {120: masks[1][120]}
        boxes = [
            PivotBox(pivot=PivotFrame(phrase=PHRASE, frame=frame - first), xyxy=compute_box(mask), score=1.0, mask=mask)
            for frame, mask in known.items()
        ]
        started = process_time()
        pipeline.propagate(VideoSection(open_video(frames), first, last + 1), boxes)
        alone = process_time() - started
        after, again = corrections.result, read_digests(folder)
    changed = [name for name in again if again[name] != pictures[name]]
    same = all(before.tracks[number].rles == after.tracks[number].rles for number in (0, 2))
    print(f"propagated {len(visited)} of {LENGTH} frames; mask files that changed: {len(changed)}, of frames {span(changed)}")
    print(f"the two other objects are the same: {same}")
    print(f"CPU time: {seconds:.2f} s, that of the stretch alone {alone:.2f} s, ratio {seconds / alone:.2f}")


def read_digests(folder: Path) -> dict[str, str]:
    """Return the digest of each mask file."""
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "masks").glob("*.png"))}


def span(names: list[str]) -> str:
    """Return the first and the last of names."""
    return f"{names[0]} to {names[-1]}" if names else "none"


def compute_scores(result: Result, truth: list[Mask]) -> list[float]:
    """Return J of each frame of the first track."""
    found = (result.tracks[0].decode_mask(frame) for frame in range(len(truth)))
    return [float((mask & true).sum() / max(1, (mask | true).sum())) for mask, true in zip(found, truth, strict=True)]


def click_largest_error(result: Result, truth: list[Mask], frame: int) -> Prompt:
    """Return a click at the center of the largest wrong region of a frame, on the object or off it."""
    mask, true = result.tracks[0].decode_mask(frame), truth[frame]
    best: tuple[float, tuple[int, int], bool] = (0.0, (0, 0), True)
    for wrong, inside in ((true & ~mask, True), (mask & ~true, False)):
        _, labels, facts, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=8)
        for number in range(1, len(facts)):
            area = float(facts[number, cv2.CC_STAT_AREA])
            if area > best[0]:
                part = np.pad(labels == number, 1).astype(np.uint8)
                depth = cv2.distanceTransform(part, cv2.DIST_L2, 5)[1:-1, 1:-1]
                row, column = np.unravel_index(int(depth.argmax()), depth.shape)
                best = area, (int(column), int(row)), inside
    return Prompt(frame=frame, points=[best[1]], labels=[best[2]])


def choose_frame(result: Result, scores: list[float], by_flags: bool) -> int:
    """Return the frame to click on: the worst flagged one, or the one with the lowest J, also where there are no flags."""
    flagged = list_doubtful_frames(result) if by_flags else []
    return flagged[0].frame if flagged else int(np.argmin(scores))


def measure_clicks(clip: str, folder: Path, by_flags: bool) -> list[float]:
    """Return the mean J of a clip after each number of clicks in CLICKS, from a wrong start."""
    video = open_video(SHARED / clip / "frames")
    truth = [read_mask(path) for path in sorted((SHARED / clip / "masks").rglob("*.png"))]
    wrong = np.roll(truth[0], (truth[0].shape[0] // 3, truth[0].shape[1] // 3), (0, 1))
    with Pipeline("baseline") as pipeline:
        start_wrong(pipeline, video, wrong).save(folder, video)
        corrections = Corrections(folder, video, pipeline)
        means = []
        for click in range(max(CLICKS) + 1):
            scores = compute_scores(corrections.result, truth)
            means.append(float(np.mean(scores)))
            if click < max(CLICKS):
                frame = choose_frame(corrections.result, scores, by_flags)
                corrections.correct("1", click_largest_error(corrections.result, truth, frame))
    return [means[click] for click in CLICKS]


def start_wrong(pipeline: Pipeline, video: Video, wrong: Mask) -> Result:
    """Return a run from a wrong region, as if a model had picked it."""
    made = pipeline.run(video, [Reference(id="1", prompts=(Prompt(mask=wrong),))])
    boxes = tuple(box.model_copy(update={"source": "model"}) for box in made.boxes)
    return made.model_copy(update={"boxes": boxes})


def run_folders() -> Iterator[Path]:
    """Yield folders that are removed at the end."""
    with tempfile.TemporaryDirectory() as place:
        number = 0
        while True:
            number += 1
            yield Path(place) / str(number)


def main() -> None:
    """Print the measurements."""
    wanted = sys.argv[1:] or ["cost", "clicks"]
    folders = run_folders()
    if "cost" in wanted:
        measure_cost(next(folders))
    if "clicks" in wanted:
        print(f"mean J after {', '.join(map(str, CLICKS))} clicks")
        for clip in ("frog", "coffee"):
            for by_flags, name in ((False, "worst frame"), (True, "worst flagged frame")):
                values = measure_clicks(clip, next(folders), by_flags)
                print(f"{clip}, {name}: {', '.join(f'{value:.3f}' for value in values)}", flush=True)


if __name__ == "__main__":
    main()
