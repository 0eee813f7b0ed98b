"""The two CSV files of the official program of DAVIS 2017."""

from __future__ import annotations

from collections.abc import Sequence

from alref import ObjectScores, VideoScores
from alref_benchmarks.metrics.means import compute_mean, compute_published_decay, compute_recall

HEADER = "J&F-Mean,J-Mean,J-Recall,J-Decay,F-Mean,F-Recall,F-Decay"


def format_davis_files(scores: Sequence[VideoScores], subset: str) -> dict[str, str]:
    """Return ``global_results-<subset>.csv`` and ``per-sequence_results-<subset>.csv`` in a folder for each annotator."""
    annotators = dict.fromkeys(part.case for each in scores for part in each.objects)
    files = {}
    for annotator in annotators:
        parts = {
            f"{each.video}_{place}": part
            for each in scores
            for place, part in enumerate((part for part in each.objects if part.case == annotator), 1)
        }
        home = f"anno_{annotator}/" if annotator else ""
        files[f"{home}global_results-{subset}.csv"] = f"{HEADER}\n{_format_global(list(parts.values()))}\n"
        lines = [
            ",".join([name, *(_format(compute_mean(part.columns[measure])) for measure in "JF")])
            for name, part in parts.items()
        ]
        files[f"{home}per-sequence_results-{subset}.csv"] = "\n".join(["Sequence,J-Mean,F-Mean", *lines, ""])
    return files


def _format_global(parts: Sequence[ObjectScores]) -> str:
    numbers = [
        compute_mean([statistic(part.columns[measure]) for part in parts])
        for measure in "JF"
        for statistic in (compute_mean, compute_recall, compute_published_decay)
    ]
    return ",".join(map(_format, [(numbers[0] + numbers[3]) / 2, *numbers]))


def _format(number: float) -> str:
    """Format with three decimals as the official program; nothing for NaN."""
    return f"{number:.3f}" if number == number else ""
