"""``alref score``: score masks of any program by a benchmark's published protocol."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import click

from alref.cli.console import make_console
from alref.cli.eval_output import build_score_table
from alref.cli.plugin_option import add_plugin_option
from alref.cli.progress_lines import show_progress
from alref.cli.verbose_option import is_verbose
from alref.cli.video_selection import select_videos
from alref.components.dataset import Dataset
from alref.components.scores import VideoScores
from alref.errors import AlrefError, InputError
from alref.evaluation.mask_check import check_masks
from alref.evaluation.scoring import score_videos
from alref.evaluation.summary import EvaluationSummary, summarize_external_scores
from alref.plugins.manager import PluginManager
from alref.utils import atomic
from alref.utils.text import escape_controls


@click.command("score")
@click.argument("dataset")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of the dataset as downloaded.")
@click.option("--masks", type=click.Path(path_type=Path), required=True, help="Folder of masks in the layout of the dataset.")
@click.option("--split", default="", help="Split of the dataset; default: its usual one.")
@click.option("--protocol", "protocols", multiple=True, help="Evaluation protocol; default: all of the dataset; repeatable.")
@click.option("--videos", help="Use only these videos, by name: a,b.")
@click.option("--limit", type=click.IntRange(min=1), help="Use only the first N videos.")
@click.option("--annotator", help="Score the result of one annotator alone, as of Ref-DAVIS17: 0 to 3.")
@click.option("--jobs", type=click.IntRange(min=0), default=0, help="Number of processes; default: one per CPU core.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file to write the metrics to.")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")
@add_plugin_option
def command(**flags: Any) -> int:
    """Score masks of DATASET by its published protocol.

    \b
    alref score mevis --data mevis --split valid_u --masks my-results
    """
    plugins = PluginManager(files=flags["plugin_files"])
    dataset = plugins.get_dataset(flags["dataset"])(flags["data"], flags["split"])
    if flags["annotator"] is not None:
        dataset.select_annotator(flags["annotator"])
    protocols = plugins.make_protocols(flags["protocols"] or dataset.protocols)
    videos = select_videos(dataset, flags["videos"], flags["limit"])
    if not protocols:
        dataset.require_ground_truth()
    if not flags["masks"].is_dir():
        raise InputError(
            f"{flags['masks']}: no such folder; expected masks in the layout of {dataset.name}, see docs/datasets.md"
        )
    masks, warnings = check_masks(dataset, videos, flags["masks"])
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    found: dict[str, list[VideoScores]] = {protocol.name: [] for protocol in protocols}
    failed: dict[str, AlrefError] = {}
    scores = score_videos(dataset, videos, flags["masks"], protocols, flags["jobs"], flags["plugin_files"])
    with show_progress("videos", len(videos), flags["as_json"]) as advance:
        for scored in scores:
            for each in scored.scores:
                found[each.protocol].append(each)
            if scored.error is not None:
                failed[scored.video] = scored.error
                if is_verbose():
                    click.echo(scored.traceback, err=True)
            advance()
    why = {video: str(error) for video, error in failed.items()}
    done = summarize_external_scores(dataset, videos, {protocol: found[protocol.name] for protocol in protocols}, why)
    references = {} if flags["annotator"] is not None else _count_references(dataset, videos, failed, done)
    held = {"videos": (len(videos) - len(failed), len(videos)), **references, "masks": masks}
    done = done.model_copy(update={"held": held})
    _report_summary(done, flags)
    if failed:
        return next(iter(failed.values())).exit_code
    return InputError.exit_code if done.is_partial else 0


def _count_references(
    dataset: Dataset, videos: Sequence[str], failed: Collection[str], summary: EvaluationSummary
) -> dict[str, tuple[int, int]]:
    """Count the references that are scored and that should be."""
    total = dataset.count_references(videos)
    dropped = max((int(table.metrics.get("dropped", 0)) for table in summary.tables), default=0)
    return {"references": (total - dataset.count_references(failed) - dropped, total)}


def _report_summary(summary: EvaluationSummary, flags: dict[str, Any]) -> None:
    text = summary.model_dump_json(indent=1)
    if flags["out"]:
        atomic.write_text(flags["out"], text)
    if flags["as_json"]:
        click.echo(text)
        return
    for video, why in summary.failed.items():
        click.echo(escape_controls(f"{video}: {why}"), err=True)
    make_console().print(build_score_table(summary))
