"""Both orders with the embedded components, on films with several objects, none, and some that come and go.

    python bench/tracks_films.py [PATTERN]

Films are made from the shared clips: as they are, beside their mirror image, one after the other, and with the object pasted
into another video where it enters late or leaves. Each film is segmented once by the preset ``baseline`` (order pivot) and once
by ``tracks-baseline``. J is the mean over frames of intersection over union. T-acc is the share of expressions for something in
the film that give any mask, N-acc the share of the others that give none. PATTERN, a regular expression, selects films.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np
from rich.console import Console
from rich.table import Table
from tracker_films import SHARED, SIZE, Clip, Frame, Mask, Place, _paste, _resize, read_background, read_clip

from alref import Pipeline, Reference, open_video
from alref.cli.demo import compute_jaccard

NUM_FRAMES = 16
PRESETS = {"pivot": "baseline", "tracks": "tracks-baseline"}
NOUNS = {"frog": ("frog", "green toy frog"), "coffee": ("cup",)}
"""What the object of a clip is called. No class of the embedded classifier fits the frog; its color tells it."""


@dataclass(frozen=True)
class Case:
    """An expression and its true masks bool (T, H, W), all empty if nothing is meant; ``single`` if it means one object."""

    kind: str
    text: str
    truth: Mask


@dataclass(frozen=True)
class Film:
    """A film, and what is asked of it."""

    name: str
    frames: Sequence[Frame]
    cases: Sequence[Case]


def generate_films() -> Iterator[Film]:
    """Yield all films, in a fixed order."""
    clips = [read_clip(path.parent) for path in sorted((SHARED / "clips").glob("*/meta.json"))]
    backgrounds = [read_background(path) for path in sorted((SHARED / "video").glob("*.mp4"))]
    for clip in clips:
        frames, masks = clip.frames[:NUM_FRAMES], np.stack(clip.masks[:NUM_FRAMES])
        noun, *_ = NOUNS[clip.name]
        single = [Case("single", f"the {name}", masks) for name in NOUNS[clip.name]]
        yield Film(f"{noun} alone", frames, [*single, *make_absent_cases(masks)])
        yield make_pair(clip)
        yield make_visit(clip, noun, backgrounds[0], f"{noun} enters late", lambda share: (share - 0.4, 0.55, 0.9))
        yield make_visit(clip, noun, backgrounds[1], f"{noun} leaves", lambda share: (0.5 + share, 0.55, 0.9))
        yield make_twins(clip, noun, backgrounds[0])
    yield make_sequence(clips)


def make_absent_cases(masks: Mask) -> list[Case]:
    """Return cases of what is in no film."""
    return [Case("absent", f"the {noun}", np.zeros_like(masks)) for noun in ("zebra",)]


def make_pair(clip: Clip) -> Film:
    """Show the middle of a clip beside its mirror image."""
    frames, left = [], []
    for frame, mask in zip(clip.frames[:NUM_FRAMES], clip.masks[:NUM_FRAMES], strict=True):
        frames.append(_resize(np.hstack([frame, frame[:, ::-1]])))
        left.append(_resize(np.hstack([mask, 0 * mask]).astype(np.float32)) > 0.5)
    masks = np.stack(left)
    return Film(f"two {NOUNS[clip.name][0]}s", frames, make_pair_cases(clip, masks, masks[:, :, ::-1]))


def make_pair_cases(clip: Clip, left: Mask, right: Mask) -> list[Case]:
    """Return what is asked of two objects side by side, by each of their names, and what is in no film."""
    found = []
    for name in NOUNS[clip.name]:
        sides = [Case("one of two", f"the {name} on the {side}", masks) for side, masks in (("left", left), ("right", right))]
        found += [Case("plural", f"both {name}s", left | right), *sides]
    return [*found, *make_absent_cases(left)]


def make_visit(clip: Clip, noun: str, background: list[Frame], name: str, place: object) -> Film:
    """Paste the object into another video, at a place that depends on the share of time."""
    frames, masks = [], []
    for index in range(NUM_FRAMES):
        spot: Place = place(index / (NUM_FRAMES - 1))  # type: ignore[operator]
        made, mask = _paste(background[index], *clip.cut_out(index), spot)
        frames.append(made)
        masks.append(mask)
    truth = np.stack(masks)
    return Film(name, frames, [Case("comes and goes", f"the {noun}", truth), *make_absent_cases(truth)])


def make_twins(clip: Clip, noun: str, background: list[Frame]) -> Film:
    """Paste the object twice into another video, where the two move towards each other."""
    frames: list[Frame] = []
    sides: tuple[list[Mask], list[Mask]] = ([], [])
    for index in range(NUM_FRAMES):
        shift = 0.1 * index / (NUM_FRAMES - 1)
        made, left = _paste(background[index], *clip.cut_out(index), (0.25 + shift, 0.55, 0.9))
        made, right = _paste(made, *clip.cut_out(index), (0.75 - shift, 0.55, 0.9))
        frames.append(made)
        sides[0].append(left & ~right)
        sides[1].append(right)
    left, right = np.stack(sides[0]), np.stack(sides[1])
    return Film(f"two {noun}s without hands", frames, make_pair_cases(clip, left, right))


def make_sequence(clips: Sequence[Clip]) -> Film:
    """Show one clip after the other."""
    half = NUM_FRAMES // 2
    frames = [frame for clip in clips for frame in clip.frames[:half]]
    cases = []
    for number, clip in enumerate(clips):
        truth = np.zeros((half * len(clips), *SIZE), bool)
        truth[number * half : (number + 1) * half] = np.stack(clip.masks[:half])
        cases.append(Case("comes and goes", f"the {NOUNS[clip.name][0]}", truth))
    return Film(" then ".join(NOUNS[clip.name][0] for clip in clips), frames, [*cases, *make_absent_cases(cases[0].truth)])


@dataclass(frozen=True)
class Answer:
    """What one order gives for a case."""

    case: Case
    order: str
    jaccard: float
    is_empty: bool
    finding: str


def measure_film(film: Film, order: str) -> tuple[list[Answer], float]:
    """Run one order on a film; return the answers and the CPU seconds a frame."""
    references = [Reference(id=str(number), text=case.text) for number, case in enumerate(film.cases)]
    with Pipeline(PRESETS[order]) as pipeline:
        started = process_time()
        result = pipeline.run(open_video(np.stack(film.frames)), references)
        seconds = (process_time() - started) / len(film.frames)
    answers = []
    for number, case in enumerate(film.cases):
        masks = result.masks(str(number))
        shown = compute_jaccard(masks, case.truth)
        answers.append(Answer(case, order, shown, not masks.any(), result.verdict(str(number)).finding))
    return answers, seconds


def summarize(answers: Sequence[Answer], console: Console) -> None:
    """Print J by kind, and T-acc and N-acc, of each order."""
    table = Table("order", "kind", "expressions", "mean J", "given", "verdict found")
    for order in PRESETS:
        for kind in dict.fromkeys(each.case.kind for each in answers):
            own = [each for each in answers if (each.order, each.case.kind) == (order, kind)]
            mean = f"{np.mean([each.jaccard for each in own]):.3f}"
            given = f"{sum(not each.is_empty for each in own)} of {len(own)}"
            table.add_row(order, kind, str(len(own)), mean, given, str(sum(each.finding == "found" for each in own)))
        table.add_section()
    console.print(table)
    for order in PRESETS:
        own = [each for each in answers if each.order == order]
        there = [each for each in own if each.case.truth.any()]
        nothing = [each for each in own if not each.case.truth.any()]
        scores = f"J {np.mean([each.jaccard for each in there]):.3f}"
        target = f"T-acc {np.mean([not each.is_empty for each in there]):.1%} of {len(there)}"
        console.print(
            f"{order}: {scores}, {target}, N-acc {np.mean([each.is_empty for each in nothing]):.1%} of {len(nothing)}"
        )


def main() -> None:
    pattern = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    answers: list[Answer] = []
    costs: dict[str, list[float]] = {order: [] for order in PRESETS}
    for film in generate_films():
        if not pattern.search(film.name):
            continue
        for order in PRESETS:
            found, seconds = measure_film(film, order)
            answers += found
            costs[order].append(seconds)
            rows = ", ".join(f"{each.case.text} {each.jaccard:.3f} {each.finding}" for each in found)
            print(f"{order:6} {film.name}: {rows}", flush=True)
    summarize(answers, Console(width=120))
    print(f"CPU time of tracks over pivot: {np.sum(costs['tracks']) / np.sum(costs['pivot']):.2f}")


if __name__ == "__main__":
    main()
