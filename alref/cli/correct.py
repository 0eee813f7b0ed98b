"""``alref correct``: put one object of a finished run right, and compute only what that governs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from alref.cli.console import make_console
from alref.cli.plugin_option import add_plugin_option
from alref.cli.progress import ProgressBar, emit_event, reserve_stdout
from alref.cli.prompt_options import add_point_option, read_prompt_flags
from alref.config import resolve_config
from alref.errors import InputError
from alref.output.run_folder import load_result, read_run_spec
from alref.output.source_video import open_source_video
from alref.pipeline.corrections import Corrections, Progress
from alref.pipeline.engine import Pipeline
from alref.pipeline.references import make_prompt
from alref.pipeline.revisions import find_changed_frames, make_new_id
from alref.plugins.manager import PluginManager
from alref.records import Reference
from alref.result import Result
from alref.utils.text import format_path

ACTIONS = ("confirm", "name", "remove", "add", "undo", "restore", "replay")
"""Flags of which one command has at most one, and no prompt beside it but with --add."""


@click.command("correct")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--object", "name_of_object", metavar="OBJECT", help="Object to correct: its words or its id, such as `2` or `2.1`."
)
@click.option("--frame", type=int, help="Index of the frame, counted from 0.")
@add_point_option("Correct the mask by this point in pixels")
@click.option("--box", metavar="X0,Y0,X1,Y1", help="The object is in this box in pixels.")
@click.option("--mask", type=click.Path(path_type=Path), help="The object is what this mask image shows.")
@click.option("--absent", is_flag=True, help="The object is not on this frame.")
@click.option("--confirm", is_flag=True, help="The mask on this frame is right: nothing beyond it changes any more.")
@click.option("--name", metavar="TEXT", help="Name the object.")
@click.option("--remove", is_flag=True, help="Remove the object from all frames.")
@click.option("--add", metavar="TEXT", help="Find one more object, by words or with a prompt.")
@click.option("--undo", is_flag=True, help="Undo the last correction.")
@click.option("--restore", type=int, metavar="REVISION", help="Return to a revision; 0 is the run without corrections.")
@click.option(
    "--replay", type=click.Path(path_type=Path), metavar="FILE", help="Repeat the corrections.jsonl of the same run elsewhere."
)
@click.option("--video", type=click.Path(path_type=Path), help="The segmented video, if it was moved.")
@click.option("--no-views", is_flag=True, help="Do not write overlay.mp4 and report.html; the next `alref correct RUN` does.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON event per line.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
@add_plugin_option
def command(run: Path, **flags: Any) -> None:
    """Correct one object of the finished run in the folder RUN. The other objects do not change.

    \b
    alref correct alref-out/clip-the-dog --object 1 --frame 12 --point 120,80 --point=-30,40
    alref correct alref-out/clip-the-dog --object "the dog" --frame 13 --absent
    alref correct alref-out/clip-the-dog --object 1 --frame 6 --confirm
    alref correct alref-out/clip-the-dog --add "the second dog"
    alref correct alref-out/clip-the-dog --undo

    The object is propagated again between the nearest confirmed frames before and after the frame. Without an action, the
    command completes what was interrupted, and lists the corrections.
    """
    with reserve_stdout(flags["as_json"]):
        _check_flags(flags)
        plugins = PluginManager(files=flags["plugin_files"])
        video = open_source_video(load_result(run), flags["video"])
        with Pipeline.from_config(resolve_config(plugins, [read_run_spec(run).config]), plugins) as pipeline:
            corrections = Corrections(run, video, pipeline)
            before = corrections.result
            with _show_progress(run, flags) as progress:
                after = _apply_flags(corrections, flags, progress)
                if not flags["no_views"]:
                    corrections.write_views(progress)
            _report(run, corrections, find_changed_frames(before, after), flags)


def _check_flags(flags: Mapping[str, Any]) -> None:
    """Raise InputError unless the flags are one action with what it needs."""
    actions = [name for name in ACTIONS if flags[name] not in (None, False)]
    prompts = [name for name in ("points", "box", "mask", "absent") if flags[name]]
    if len(actions) > 1 or (prompts and actions and actions != ["add"]):
        raise InputError(f"expected one action, got {', '.join(f'--{name}' for name in [*actions, *prompts])}")
    needs_object = bool(actions and actions[0] in ("confirm", "name", "remove")) or (bool(prompts) and not actions)
    if needs_object and flags["name_of_object"] is None:
        raise InputError("--object: expected the words or the id of the object to correct; see: alref correct RUN")
    if (actions == ["confirm"] or prompts) and flags["frame"] is None:
        raise InputError("--frame: expected the frame that the correction is about, counted from 0")
    if flags["name_of_object"] is not None and not needs_object:
        raise InputError(
            "--object: expected what to do with it: --point, --box, --mask, --absent, --confirm, --name or --remove"
        )


def _apply_flags(corrections: Corrections, flags: Mapping[str, Any], progress: Progress) -> Result:
    """Do what the flags ask for, and return the result."""
    name, frame = flags["name_of_object"], flags["frame"]
    fields = {**read_prompt_flags(flags), "absent": flags["absent"]}
    has_prompt = any(fields[key] for key in ("points", "absent")) or fields["box"] is not None or fields["mask"] is not None
    prompts = (
        (make_prompt({key: value for key, value in fields.items() if value is not None}, "the correction"),)
        if has_prompt
        else ()
    )
    if flags["add"] is not None:
        reference = Reference(id=make_new_id(corrections.result), text=flags["add"], prompts=prompts)
        return corrections.add(reference, progress=progress)
    if flags["confirm"]:
        return corrections.confirm(name, frame)
    if flags["name"] is not None:
        return corrections.rename(name, flags["name"])
    if flags["remove"]:
        return corrections.remove(name)
    if flags["undo"]:
        return corrections.undo()
    if flags["restore"] is not None:
        return corrections.restore(flags["restore"])
    if flags["replay"] is not None:
        return corrections.replay(flags["replay"], progress=progress)
    return corrections.correct(name, prompts[0], progress=progress) if prompts else corrections.resume(progress=progress)


@contextmanager
def _show_progress(run: Path, flags: Mapping[str, Any]) -> Iterator[Progress]:
    """Yield what shows the progress; an interruption says what happens to the correction."""
    try:
        if flags["as_json"]:
            yield lambda done, total: emit_event("advanced", done=done, total=total)
        elif flags["quiet"]:
            yield lambda done, total: None
        else:
            with ProgressBar() as bar:
                yield lambda done, total: bar.show_progress(done, total, "correcting")
    except KeyboardInterrupt:
        folder = format_path(run)
        click.echo(
            f"the correction is stored; complete it: alref correct {folder}; or take it back: alref correct {folder} --undo",
            err=True,
        )
        raise


def _report(run: Path, corrections: Corrections, frames: list[int], flags: Mapping[str, Any]) -> None:
    result = corrections.result
    if flags["as_json"]:
        verdicts = [verdict.model_dump(mode="json") for verdict in result.verdicts]
        emit_event("finished", out=format_path(run), revision=result.revision, frames=frames, verdicts=verdicts)
    elif not flags["quiet"]:
        console = make_console()
        table = Table("object", "name", "frames", "corrected", "confirmed", "verdict")
        verdicts_by_id = {verdict.reference: verdict for verdict in result.verdicts}
        for name, number in corrections.objects.items():
            if number is None:
                table.add_row(name, "", "none", "", "", verdicts_by_id[name].finding)
                continue
            track = result.tracks[number]
            shown = sum(bool(rle.area) for rle in track.rles)
            places = (", ".join(map(str, frames)) for frames in (track.corrected, track.confirmed))
            finding = verdicts_by_id[track.phrase.reference].finding
            table.add_row(name, track.title, f"{shown} of {len(track.rles)}", *places, finding)
        console.print(table)
        console.print(f"revision {result.revision}: {len(frames)} frames changed", highlight=False)
