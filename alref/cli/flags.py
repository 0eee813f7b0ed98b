"""``alref flags``: the doubtful frames of a finished run, worst first."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from PIL import Image
from rich.table import Table

from alref.cli.console import make_console
from alref.cli.progress import emit_event, reserve_stdout
from alref.errors import InputError
from alref.output.run_folder import load_result
from alref.output.source_video import open_source_video
from alref.output.thumbnails import ObjectMasks, draw_masks
from alref.pipeline.doubtful_frames import DoubtfulFrames, list_doubtful_frames
from alref.result import Result
from alref.utils import atomic
from alref.utils.text import format_path

FLAGS_FOLDER = "flags"


@click.command("flags")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--object", "name", metavar="OBJECT", help="List only this object: its words or its id, such as `2` or `2.1`.")
@click.option("--show", type=int, metavar="FRAME", help="Write this frame with its masks to RUN/flags.")
@click.option("--video", type=click.Path(path_type=Path), help="The segmented video, if it was moved.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event per line.")
def command(run: Path, name: str | None, show: int | None, video: Path | None, as_json: bool) -> None:
    """List the doubtful frames of the finished run in the folder RUN, worst first: a mask jumps, or a score dips.

    \b
    alref flags alref-out/clip-the-dog
    alref flags alref-out/clip-the-dog --show 12

    The commands that show and settle the worst one are printed below the list. A corrected or confirmed frame leaves the list.
    """
    with reserve_stdout(as_json):
        result = load_result(run)
        if show is not None:
            path = _draw_frame(run, result, show, video)
            emit_event("drawn", path=format_path(path)) if as_json else click.echo(format_path(path))
            return
        object_id = None if name is None else result.resolve_object(name)
        queue = [entry for entry in list_doubtful_frames(result) if object_id in (None, entry.object)]
        if as_json:
            for entry in queue:
                emit_event("doubtful", **_describe(run, result, entry))
        else:
            _print_queue(run, result, queue)


def _describe(run: Path, result: Result, entry: DoubtfulFrames) -> dict[str, object]:
    folder = shlex.quote(format_path(run))
    target = f"alref correct {folder} --object {shlex.quote(entry.object)} --frame {entry.frame}"
    return {
        "object": entry.object,
        "title": entry.title,
        "frame": entry.frame,
        "time": result.video.times[entry.frame],
        "first": entry.first,
        "last": entry.last,
        "kind": entry.flag.kind,
        "why": entry.flag.why,
        "severity": entry.flag.severity,
        "show": f"alref flags {folder} --show {entry.frame}",
        "correct": f"{target} --point X,Y",
        "confirm": f"{target} --confirm",
    }


def _print_queue(run: Path, result: Result, queue: list[DoubtfulFrames]) -> None:
    console = make_console()
    if not queue:
        console.print("no doubtful frames")
        return
    table = Table("object", "frame", "time", "frames", "why")
    for entry in queue:
        span = str(entry.first) if entry.first == entry.last else f"{entry.first}-{entry.last}"
        time = f"{result.video.times[entry.frame]:.2f} s"
        table.add_row(entry.object, str(entry.frame), time, span, f"{entry.flag.kind}: {entry.flag.why}")
    console.print(table)
    worst = _describe(run, result, queue[0])
    for name in ("show", "correct", "confirm"):
        console.print(f"{name}: {worst[name]}", soft_wrap=True, highlight=False)


def _draw_frame(run: Path, result: Result, frame: int, video: Path | None) -> Path:
    """Write one frame with its masks, and return the path of the image."""
    if not 0 <= frame < len(result.video.times):
        raise InputError(f"--show: expected a frame from 0 to {len(result.video.times) - 1}, got {frame}")
    drawn = draw_masks(open_source_video(result, video).read_frame(frame), ObjectMasks(result.tracks).decode_masks(frame))
    folder = run / FLAGS_FOLDER
    atomic.make_folder(folder)
    with atomic.atomic_path(folder / f"{frame:05d}.png") as part:
        Image.fromarray(drawn).save(part)
    return folder / f"{frame:05d}.png"
