"""``alref submit``: pack masks for a benchmark server."""

from __future__ import annotations

from pathlib import Path

import click

from alref.cli.plugin_option import add_plugin_option
from alref.errors import InputError
from alref.evaluation.folder import MASKS_FOLDER, EvaluationFolder, load_evaluation
from alref.plugins.manager import PluginManager


@click.command("submit")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the dataset; default: the one of the evaluation.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Output file; default RUN/submission.zip, or as the benchmark names it."
)
@add_plugin_option
def command(run: Path, data: Path | None, out: Path | None, plugin_files: tuple[Path, ...]) -> None:
    """Pack the masks of the evaluation in the folder RUN in the format of its benchmark server.

    \b
    alref eval ref-youtube-vos --data ryvos --out runs/ryvos
    alref submit runs/ryvos
    """
    spec = load_evaluation(run)
    dataset = PluginManager(files=plugin_files).get_dataset(spec.dataset)(data or Path(spec.root), spec.split)
    folder = EvaluationFolder(run, spec)
    if undone := [video for video in dataset.list_videos() if folder.read_row(video) is None]:
        many = f"{len(undone)} of {len(dataset.list_videos())} videos are not done, for example {undone[0]}"
        raise InputError(f"{run}: {many}; run all videos first: alref eval, without --limit and --videos")
    file = out or run / (dataset.result_file or "submission.zip")
    dataset.pack_submission(run / MASKS_FOLDER, file, dataset.list_videos())
    click.echo(file)
