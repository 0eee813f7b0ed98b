"""``alref collect``: merge the store of a batch into one index."""

from __future__ import annotations

from pathlib import Path

import click

from alref.batch.collect import write_index, write_shards
from alref.batch.unit_store import UnitStore
from alref.cli.progress import emit_event, reserve_stdout
from alref.output.store import open_store
from alref.utils.text import format_path


@click.command("collect")
@click.argument("store")
@click.option(
    "--index", type=click.Path(path_type=Path), default="index.csv", show_default=True, help="File to write: .csv, or .parquet."
)
@click.option("--shards", type=click.Path(path_type=Path), help="Also write the results as WebDataset shards to this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event per line.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
def command(store: str, index: Path, shards: Path | None, as_json: bool, quiet: bool) -> None:
    """Merge the results in STORE, a folder or a URL, into one table.

    \b
    alref collect results
    alref collect s3://bucket/run --index index.parquet --shards shards

    The table has a row for each object: video, reference, verdict, frames, flags, seconds, cost and the path of the result,
    and a row with the error for each video that failed.
    """
    with reserve_stdout(as_json):
        units = UnitStore(open_store(store))
        rows = write_index(units, index)
        written = write_shards(units, shards) if shards else []
        if as_json:
            emit_event("finished", index=format_path(index), rows=rows, shards=[format_path(path) for path in written])
        elif not quiet:
            for path in (index, *written):
                click.echo(format_path(path))
