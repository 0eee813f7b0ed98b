"""``alref cache``: the outputs of stages that are kept for all ablations of this user."""

from __future__ import annotations

from pathlib import Path

import click

from alref.pipeline import stage_cache


@click.group("cache")
def command() -> None:
    """Show or empty the cache of stage outputs that ablations share.

    \b
    alref cache info
    alref cache clear
    """


@command.command("info")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def show_info(folder: Path | None) -> None:
    """Say where the outputs are kept, how many there are of each kind, and how large they are.

    FOLDER is another one than the user's own.
    """
    place = folder or stage_cache.get_default_folder()
    held = stage_cache.count_outputs(place)
    click.echo(place)
    click.echo(f"{sum(held.counts.values()):,} outputs, {sum(held.sizes.values()) / 1e6:.1f} MB")
    for call, size in sorted(held.sizes.items(), key=lambda item: -item[1]):
        click.echo(f"{size / 1e6:10,.1f} MB  {held.counts[call]:8,}  {call.replace('-', ' ')}")


@command.command("clear")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def clear_cache(folder: Path | None) -> None:
    """Remove all outputs: what needs them computes them again. Runs and evaluations stay as they are.

    FOLDER is another one than the user's own.
    """
    place = folder or stage_cache.get_default_folder()
    count = stage_cache.clear_outputs(place)
    click.echo(f"{place}: {count:,} outputs removed")
