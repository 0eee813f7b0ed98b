"""``alref eval``: a whole benchmark through one pipeline, scored, going on wherever it was stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from alref.cli.common_options import configuration, configured
from alref.cli.eval_output import Tally, show
from alref.cli.progress import events
from alref.components.dataset import Dataset
from alref.components.protocol import Protocol
from alref.errors import AlrefError
from alref.evaluation.folder import Evaluation, EvaluationFolder
from alref.evaluation.report import write
from alref.evaluation.runner import Work
from alref.evaluation.summary import Summary, summary
from alref.pipeline.engine import Pipeline
from alref.plugins.manager import Plugins


@click.command("eval")
@click.argument("dataset")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of the data set as downloaded.")
@click.option("--split", default="", help="Part of the data set; the usual one if not given.")
@configured
@click.option("--protocol", "protocols", multiple=True, help="How to score; the data set's own ways if not given.")
@click.option("--videos", help="Only these videos, by name: a,b.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N videos.")
@click.option("--jobs", type=click.IntRange(min=1), default=4, help="Videos under way at once.", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; alref-out/DATASET-SPLIT if not given.")
@click.option("--force", is_flag=True, help="Replace another evaluation that --out holds.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event a line, for programs.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of an error.")
def command(**flags: Any) -> int:
    """Run DATASET through a pipeline and score it by its published protocol.

    \b
    alref eval ref-davis17 --data ref-davis -c mine.yaml
    alref eval mevis --data mevis --split valid_u --limit 5 --out try

    The same command goes on after an interruption. A video that fails is named with its reason, and the others go on.
    """
    with events(flags["as_json"]):
        return _evaluated(flags)


def _evaluated(flags: dict[str, Any]) -> int:
    plugins = Plugins(files=flags["plugin_files"])
    dataset = plugins.dataset(flags["dataset"])(flags["data"], flags["split"])
    protocols = [plugins.metric(name)() for name in flags["protocols"] or dataset.protocols]
    config = configuration(plugins, flags)
    videos = chosen(dataset, flags["videos"], flags["limit"])
    path = flags["out"] or Path("alref-out") / f"{dataset.name}-{dataset.split}"
    with (
        EvaluationFolder.open(path, Evaluation.of(dataset, config, plugins.whole(dataset)), force=flags["force"]) as folder,
        Pipeline(config, plugins) as pipe,
    ):
        failed = _work(Work(pipe, dataset, folder, protocols, flags["jobs"]), videos, flags)
        done = _told(folder, dataset, videos, protocols)
    show(done, path, flags)
    return failed[0].exit_code if failed else 0


def chosen(dataset: Dataset, names: str | None, limit: int | None) -> list[str]:
    """Pick the videos asked for, in the data set's order. Raises InputError for a name that there is not."""
    videos = dataset.videos()
    asked = set(videos) if names is None else {dataset.known(name.strip()) for name in names.split(",")}
    return [video for video in videos if video in asked][:limit]


def _work(work: Work, videos: Sequence[str], flags: dict[str, Any]) -> list[AlrefError]:
    """Do all videos, telling of each; return what failed. An interruption tells how far it came."""
    failed: list[AlrefError] = []
    with Tally(len(videos), min(flags["jobs"], len(videos)), flags["as_json"], flags["quiet"], flags["verbose"]) as tally:
        for outcome in work.outcomes(videos):
            tally.add(outcome)
            if outcome.error is not None:
                failed.append(outcome.error)
    return failed


def _told(folder: EvaluationFolder, dataset: Dataset, videos: Sequence[str], protocols: Sequence[Protocol]) -> Summary:
    done = summary(folder, videos, protocols)
    write(folder, dataset, done)
    return done
