"""Estimate what is left of an evaluation, from its finished videos: nothing is run."""

from __future__ import annotations

from collections.abc import Sequence

from alref.components.dataset import Dataset
from alref.errors import InputError
from alref.evaluation.change_detection import find_unchanged_row
from alref.evaluation.folder import EvaluationFolder, EvaluationRow, load_evaluation
from alref.evaluation.repeats import EvaluationRun
from alref.llm.usage import sum_known, sum_usage
from alref.records import Record


class EvaluationPlan(Record):
    """Counts of an evaluation, and estimates for the videos that are left; None where nothing was measured.

    ``videos`` and ``references`` are those of one of the ``runs``; ``done`` counts the finished videos of all. With
    several runs, estimates are upper bounds, since what does not depend on a seed is computed once. ``tokens`` and ``dollars``
    are also None if finished videos only had cached answers, or if a price is not known.
    """

    videos: int
    references: int
    done: int
    runs: int = 1
    measured_references: int = 0
    questions: int | None = None
    tokens: int | None = None
    dollars: float | None = None
    hours: float | None = None


def plan_evaluation(runs: Sequence[EvaluationRun], dataset: Dataset, videos: Sequence[str], jobs: int) -> EvaluationPlan:
    """Count the videos and estimate the rest, if the folders of ``runs`` have finished ones; ``jobs`` run at a time."""
    counts = {video: dataset.count_references([video]) for video in videos}
    rows = [row for run in runs for row in _read_finished_rows(run, dataset, videos)]
    plan = EvaluationPlan(videos=len(videos), references=sum(counts.values()), done=len(rows), runs=len(runs))
    measured = sum(counts[row.video] for row in rows)
    if not measured:
        return plan
    share = (len(runs) * plan.references - measured) / measured
    usage = sum_usage([each for row in rows for each in row.usage])
    uncached = usage.questions - usage.cached
    scale = share * usage.questions / uncached if uncached else None if usage.questions else 0.0
    spent = sum_known([each.uncached_cost for row in rows for each in row.usage])
    seconds = sum(sum(row.seconds.values()) for row in rows)
    return plan.model_copy(
        update={
            "measured_references": measured,
            "questions": round(share * usage.questions),
            "tokens": None if scale is None else round(scale * (usage.prompt_tokens + usage.completion_tokens)),
            "dollars": None if scale is None or spent is None else share * spent,
            "hours": share * seconds / max(1, min(jobs, len(videos))) / 3600,
        }
    )


def _read_finished_rows(run: EvaluationRun, dataset: Dataset, videos: Sequence[str]) -> list[EvaluationRow]:
    """Read the rows of finished videos in the folder of a run; none if it has other settings or there is none."""
    try:
        found = load_evaluation(run.path)
    except InputError:
        return []
    if dict(found.iterate_settings()) != dict(run.spec.iterate_settings()):
        return []
    folder = EvaluationFolder(run.path, found)
    return [row for video in videos if (row := find_unchanged_row(folder, dataset, video)) is not None]
