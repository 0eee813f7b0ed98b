"""How often the embedded components are right, and know it: ``python bench/embedded_films.py [PATTERN]``.

It makes short films from drawn objects, from objects cut out of the shared clips and of photographs, and from the shared
videos, and asks for what is there and for what is not. J is the mean over frames of intersection over union with the true
mask; on the videos it is the mean box IoU at four frames, from boxes set by eye. PATTERN, a regular expression, selects films.

A verdict is right if it is ``found`` and J is at least 0.5, or not ``found`` and the mask is wrong or the thing is not there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from drawn_objects import Mask
from film_scenes import Box, Case, Film, Truth, collect_films
from rich.console import Console
from rich.table import Table

from alref import Pipeline, Reference, Result, open_video
from alref.cli.demo import compute_jaccard


@dataclass(frozen=True)
class Answer:
    """What came out of one case: J is None where nothing is to be found."""

    film: str
    kind: str
    text: str
    finding: str
    why: str
    jaccard: float | None
    largest: float
    empty_when_gone: tuple[int, int]

    @property
    def is_shown(self) -> bool:
        """Whether the mask shows the thing."""
        return self.jaccard is not None and self.jaccard >= 0.5

    @property
    def is_right(self) -> bool:
        """Whether the verdict is right."""
        return (self.finding == "found") == self.is_shown


def measure_film(film: Film) -> Iterator[Answer]:
    """Run the default pipeline on all cases of a film."""
    with Pipeline() as pipeline:
        references = [Reference(id=str(number), text=case.text) for number, case in enumerate(film.cases)]
        result = pipeline.run(open_video(np.stack(film.frames)), references)
    for number, case in enumerate(film.cases):
        yield measure_case(film, case, result, str(number))


def measure_case(film: Film, case: Case, result: Result, reference: str) -> Answer:
    """Compare what came out of one reference with the truth."""
    masks = np.zeros((len(film.frames), *film.frames[0].shape[:2]), bool)
    for track in result.tracks:
        if track.phrase.reference == reference:
            masks |= np.stack([track.decode_mask(frame) for frame in range(len(masks))])
    verdict = next(each for each in result.verdicts if each.reference == reference)
    gone = ~case.truth.any(axis=(1, 2)) if isinstance(case.truth, np.ndarray) else np.zeros(len(masks), bool)
    return Answer(
        film.name,
        case.kind,
        case.text,
        verdict.finding,
        verdict.why,
        compute_truth_jaccard(masks, case.truth),
        float(masks.mean(axis=(1, 2)).max()),
        (int((~masks[gone].any(axis=(1, 2))).sum()), int(gone.sum())),
    )


def compute_truth_jaccard(masks: Mask, truth: Truth) -> float | None:
    """Return J over the frames that show the thing, or the mean box IoU."""
    if truth is None:
        return None
    if isinstance(truth, dict):
        return float(np.mean([_compute_box_iou(masks[frame], box) for frame, box in truth.items()]))
    there = truth.any(axis=(1, 2))
    return compute_jaccard(masks[there], truth[there])


def _compute_box_iou(mask: Mask, box: Box) -> float:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    high, wide = mask.shape
    one = np.array([left / wide, top / high, (left + width) / wide, (top + height) / high])
    other = np.array(box)
    inner = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    return float(inner / max((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - inner, 1e-9))


def summarize(answers: Sequence[Answer], console: Console) -> None:
    """Print counts by kind, and the figures that matter."""
    table = Table("kind", "cases", "right verdict", "shown, J >= 0.5", "mean J", "found", "ambiguous", "absent")
    for kind in [*dict.fromkeys(each.kind for each in answers), "all"]:
        own = [each for each in answers if kind in (each.kind, "all")]
        there = [each.jaccard for each in own if each.jaccard is not None]
        findings = [str(sum(each.finding == name for each in own)) for name in ("found", "ambiguous", "absent")]
        shown = f"{sum(each.is_shown for each in own)} of {len(there)}" if there else "-"
        mean = f"{np.mean(there):.3f}" if there else "-"
        table.add_row(kind, str(len(own)), f"{np.mean([each.is_right for each in own]):.0%}", shown, mean, *findings)
    console.print(table)
    nothing = [each for each in answers if each.jaccard is None]
    failed = [each for each in answers if each.jaccard is not None and not each.is_shown]
    right = [each for each in answers if each.is_shown]
    console.print(f"found without the thing: {sum(each.finding == 'found' for each in nothing)} of {len(nothing)}")
    console.print(f"failures that are not found: {sum(each.finding != 'found' for each in failed)} of {len(failed)}")
    console.print(f"right masks that are not found: {sum(each.finding != 'found' for each in right)} of {len(right)}")
    console.print(f"masks of more than half the frame: {sum(each.largest > 0.5 for each in answers)} of {len(answers)}")
    empty, gone = np.sum([each.empty_when_gone for each in answers], axis=0)
    console.print(f"empty masks where the object is gone: {empty} of {gone} frames")


def main() -> None:
    console = Console()
    films = [film for film in collect_films(console) if re.search(sys.argv[1] if len(sys.argv) > 1 else "", film.name)]
    if not films:
        raise SystemExit("no film has such a name")
    answers = []
    for film in films:
        for answer in measure_film(film):
            answers.append(answer)
            sign, j = "  " if answer.is_right else "x ", "  -  " if answer.jaccard is None else f"{answer.jaccard:.3f}"
            print(f"{sign}{answer.finding:9} {j} {answer.film}: {answer.text} ({answer.why})", flush=True)
    console.print(f"{len(films)} films, {len(answers)} expressions")
    summarize(answers, console)


if __name__ == "__main__":
    main()
