"""``alref cache``: show or clear the stage cache that the ablations of this user share."""

from __future__ import annotations

from pathlib import Path

import click

from alref.pipeline import stage_cache


@click.group("cache")
def command() -> None:
    """Show or clear the cache of stage outputs that ablations share.

    \b
    alref cache info
    alref cache clear
    """


@command.command("info")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def show_info(folder: Path | None) -> None:
    """Print the path of the cache, and the number and size of its outputs by stage.

    FOLDER defaults to the user's own cache.
    """
    path = folder or stage_cache.get_default_folder()
    held = stage_cache.count_outputs(path)
    click.echo(path)
    click.echo(f"{sum(held.counts.values()):,} outputs, {sum(held.sizes.values()) / 1e6:.1f} MB")
    for call, size in sorted(held.sizes.items(), key=lambda item: -item[1]):
        click.echo(f"{size / 1e6:10,.1f} MB  {held.counts[call]:8,}  {call.replace('-', ' ')}")


@command.command("clear")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def clear_cache(folder: Path | None) -> None:
    """Remove all cached outputs. They are computed again when needed. Runs and evaluations are not changed.

    FOLDER defaults to the user's own cache.
    """
    path = folder or stage_cache.get_default_folder()
    count = stage_cache.clear_outputs(path)
    click.echo(f"{path}: {count:,} outputs removed")
