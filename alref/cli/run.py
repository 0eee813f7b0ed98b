"""``alref run``: segment one video and write a run folder."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.table import Table

from alref.api import open_configured_video
from alref.cli.common_options import add_config_options, add_window_options, resolve_configuration
from alref.cli.console import make_console
from alref.cli.progress import JsonEventWriter, ProgressBar, emit_event, reserve_stdout
from alref.cli.prompt_options import add_point_option, read_prompt_flags
from alref.llm.usage import format_usage
from alref.media.video import Video
from alref.output.run_folder import RunFolder
from alref.pipeline import references
from alref.pipeline.engine import Pipeline
from alref.pipeline.folder_run import make_run_spec, run_in_folder
from alref.pipeline.forecast import forecast_usage, format_forecast
from alref.plugins.manager import PluginManager
from alref.records import Reference
from alref.result import Result
from alref.utils.text import format_path

ProgressCallback = Callable[[int, int], None]
MAX_STEM_BYTES, MAX_WORDS_BYTES = 80, 60
"""Bytes of a folder's name: encrypted file systems take 143, others 255."""


@click.command("run", context_settings={"show_default": False})
@click.argument("video", type=click.Path(path_type=Path))
@click.argument("expressions", nargs=-1, metavar="[EXPRESSION]...")
@click.option("-r", "--reference", "file", type=click.Path(path_type=Path), help="YAML file with several references.")
@click.option("--sound", is_flag=True, help="Segment what makes the sound; can be combined with an expression.")
@click.option(
    "--spoken", multiple=True, type=click.Path(path_type=Path), help="Audio file with a spoken expression; repeatable."
)
@click.option("--box", metavar="X0,Y0,X1,Y1", help="Start from this box in pixels instead of reasoning.")
@click.option("--mask", type=click.Path(path_type=Path), help="Start from this mask image instead of reasoning.")
@add_point_option("Start from what is at this point in pixels instead of reasoning")
@click.option("--frame", type=int, help="Index of the frame of the prompt, counted from 0 after --start and --every.")
@add_config_options
@add_window_options
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    help="Replay recorded LLM answers from this run folder or store instead of calling the model.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Output folder; default alref-out/VIDEO-EXPRESSION.")
@click.option("--force", is_flag=True, help="Overwrite any other run in --out.")
@click.option("--dry-run", is_flag=True, help="Check everything and print what would run; do not run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event per line.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
def command(**flags: Any) -> None:
    """Segment what each EXPRESSION refers to in VIDEO, a file or a folder of images.

    \b
    alref run clip.mp4 "the red cup" "the dog that jumps"
    alref run clip.mp4 --sound
    alref run clip.mp4 --box 40,60,200,180 --frame 12
    alref run clip.mp4 --point 120,80 --point=-30,40 --frame 12
    alref run clip.mp4 "the dog" --spatial top-score -o proposer.max_candidates=1

    The output folder holds result.json, masks, overlay.mp4 and report.html. Re-run the same command to resume.
    Times are in seconds. Frame numbers count frames after --start and --every.
    """
    with reserve_stdout(flags["as_json"]):
        asked = _build_references(flags)
        plugins = PluginManager(files=flags["plugin_files"])
        window = {name: flags[name] for name in ("start", "end", "every", "max_size", "audio_track", "video_track", "fps")}
        config = resolve_configuration(plugins, flags, window, flags["replay"])
        video = open_configured_video(flags["video"], config.video)
        with Pipeline.from_config(config, plugins) as pipeline:
            if flags["dry_run"]:
                _print_dry_run(pipeline, video, asked)
            else:
                run_pipeline(pipeline, video, asked, flags)


def _build_references(flags: dict[str, Any]) -> list[Reference]:
    prompt = read_prompt_flags(flags)
    typed = references.make_references(flags["expressions"], flags["spoken"], flags["sound"], **prompt)
    return [*typed, *(references.read_references(flags["file"]) if flags["file"] else [])]


def _print_dry_run(pipeline: Pipeline, video: Video, run_references: list[Reference]) -> None:
    seconds = float(video.times[-1] - video.times[0])
    click.echo(f"# {video.name}: {len(video)} frames of {video.width} x {video.height}, {seconds:.1f} s")
    for warning in video.warnings:
        click.echo(f"# warning: {warning}")
    for reference in run_references:
        click.echo(f"# reference {reference.id}: {reference.title}")
    if usages := forecast_usage(pipeline.config, len(video), run_references):
        click.echo(f"# {format_forecast(usages)}")
    click.echo(pipeline.config.to_yaml(), nl=False)
    pipeline.check(video, run_references)


def run_pipeline(pipeline: Pipeline, video: Video, run_references: list[Reference], flags: Mapping[str, Any]) -> Result:
    """Check the configuration, run one video, write its folder, and print and return the result."""
    pipeline.check(video, run_references)
    command_line = format_path(shlex.join(["alref", *sys.argv[1:]]))
    run = make_run_spec(pipeline, video, run_references, flags["video"], command_line)
    path = flags["out"] or Path("alref-out") / make_run_name(flags["video"], run_references)
    with RunFolder.open(path, run, force=flags["force"]) as folder, _show_progress(pipeline, flags) as advanced:
        result = run_in_folder(pipeline, video, folder, advanced)
    _report_result(result, path, flags)
    return result


def make_run_name(video: Path, run_references: list[Reference]) -> str:
    """Return a folder name from the video and the first expression, ``clip-the-red-cup``, that every file system takes."""
    words = re.sub(r"\W+", "-", run_references[0].title.lower()).strip("-") if run_references else ""
    stem = video.stem or video.name
    if len(os.fsencode(stem)) > MAX_STEM_BYTES:
        digest = hashlib.blake2b(os.fsencode(stem), digest_size=4).hexdigest()
        stem = f"{_cut_bytes(stem, MAX_STEM_BYTES - len(digest) - 1)}-{digest}"
    return f"{stem}-{_cut_bytes(words[:40], MAX_WORDS_BYTES).strip('-') or 'box'}"


def _cut_bytes(text: str, length: int) -> str:
    """Return the beginning of a text, at most ``length`` bytes in UTF-8."""
    return text.encode("utf-8", "replace")[:length].decode("utf-8", "ignore")


@contextmanager
def _show_progress(pipeline: Pipeline, flags: Mapping[str, Any]) -> Iterator[ProgressCallback]:
    if flags["as_json"]:
        pipeline.plugins.add_observer(JsonEventWriter())
        yield lambda done, total: emit_event("writing", done=done, total=total)
    elif flags["quiet"]:
        yield lambda done, total: None
    else:
        with ProgressBar() as bar:
            pipeline.plugins.add_observer(bar)
            yield bar.show_progress


def _report_result(result: Result, path: Path, flags: Mapping[str, Any]) -> None:
    if flags["as_json"]:
        verdicts = [verdict.model_dump(mode="json") for verdict in result.verdicts]
        usage = [each.model_dump(mode="json") for each in result.usage]
        emit_event(
            "finished",
            out=format_path(path),
            verdicts=verdicts,
            warnings=list(result.warnings),
            seconds=result.seconds,
            usage=usage,
        )
    elif not flags["quiet"]:
        _print_table(result, path)


def _print_table(result: Result, path: Path) -> None:
    console = make_console()
    table = Table("reference", "verdict", "frames", "why")
    for reference, verdict in zip(result.references, result.verdicts, strict=True):
        areas = np.array([[rle.area for rle in track.rles] for track in result.get_tracks(reference.id)])
        shown = int(areas.any(axis=0).sum()) if areas.size else 0
        finding = verdict.finding if verdict.source != "fallback" else f"{verdict.finding} (fallback)"
        table.add_row(reference.title, finding, f"{shown} of {len(result.video.times)}", verdict.why)
    console.print(table)
    for warning in result.warnings:
        make_console(stderr=True).print(f"warning: {warning}")
    if result.usage:
        console.print(format_usage(result.usage))
    for name in ("overlay.mp4", "report.html", "result.json"):
        console.print(format_path(path / name), soft_wrap=True)
