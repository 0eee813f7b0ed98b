"""A model card of the Hugging Face Hub: README.md with the results as metadata, which the Hub shows, and as a table."""

from __future__ import annotations

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from alref import FinishedEvaluation, ScoreTable
from alref.utils import atomic

TASK, TASK_NAME = "image-segmentation", "Referring video object segmentation"
"""The nearest task of the Hub, and what was done."""


def write_card(evaluation: FinishedEvaluation) -> str:
    """Write ``README.md`` to the folder of the evaluation; return its path."""
    path = evaluation.folder / "README.md"
    atomic.write_text(path, str(build_card(evaluation)))
    return str(path)


def build_card(evaluation: FinishedEvaluation) -> ModelCard:
    """Build the card: scores in percent, counts as they are."""
    data = ModelCardData(
        model_name=evaluation.name,
        tags=["alref", "video-object-segmentation"],
        eval_results=[
            EvalResult(
                task_type=TASK,
                task_name=TASK_NAME,
                dataset_type=evaluation.dataset,
                dataset_name=evaluation.dataset,
                dataset_split=evaluation.split,
                metric_type=f"{table.protocol}/{name}",
                metric_name=f"{name} ({table.protocol})",
                metric_value=float(table.format_metric(name, 2).replace(",", "")),
            )
            for table in evaluation.tables
            for name in table.metrics
            if f"{table.protocol}/{name}" in evaluation.metrics
        ],
    )
    head = ["| protocol | metric | value | 95 % interval | mean ± std of runs |", "|---|---|---:|---|---|"]
    rows = [_format_row(evaluation, table, name) for table in evaluation.tables for name in table.metrics]
    videos = f"{evaluation.videos} of {evaluation.requested} videos"
    lines = [
        f"# {evaluation.name}",
        "",
        f"Scores on {evaluation.dataset}, split {evaluation.split}, {videos}, in percent. {evaluation.homepage}".strip(),
        "",
        *head,
        *rows,
        "",
        "Intervals are percentiles of a bootstrap over videos. Configuration:",
        "",
        "```yaml",
        yaml.safe_dump(dict(evaluation.config), sort_keys=False, allow_unicode=True).strip(),
        "```",
        "",
        f"Versions: {', '.join(f'{name} {version}' for name, version in evaluation.versions.items())}.",
    ]
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n".join(lines) + "\n")


def _format_row(evaluation: FinishedEvaluation, table: ScoreTable, name: str) -> str:
    interval, spread = (pairs.get(f"{table.protocol}/{name}") for pairs in (evaluation.intervals, evaluation.spreads))
    bounds = f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}" if interval else ""
    scale = 1 if name in table.counts else 100
    runs = f"{scale * spread[0]:.2f} ± {scale * spread[1]:.2f}" if spread else ""
    return f"| {table.protocol} | {table.describe_metric(name)} | {table.format_metric(name, 2)} | {bounds} | {runs} |"
