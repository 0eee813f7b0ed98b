"""The Python interface: list components, open a video, segment what references point at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alref.config import VideoOptions
from alref.errors import InputError, suggest_names
from alref.media.reader import open_video
from alref.media.video import Frame, Video
from alref.media.write import read_mask
from alref.output.export import EXPORTS_FOLDER, export_run, load_finished_run, make_exporters, write_export
from alref.pipeline.engine import Pipeline
from alref.pipeline.references import make_references
from alref.plugins.manager import PluginManager
from alref.plugins.registered import SLOTS
from alref.records import Reference
from alref.result import Result
from alref.utils.masks import Mask

Expressions = str | Reference | Iterable[str | Reference]
Box = Sequence[float] | npt.NDArray[Any]
Points = Sequence[Sequence[float]] | npt.NDArray[Any]


@dataclass(frozen=True)
class ComponentInfo:
    """A component: its ``name``, its package and the first line of its docstring."""

    name: str
    package: str
    version: str
    summary: str


def list_components(slot: str) -> list[ComponentInfo]:
    """List the installed components that can fill a slot, sorted by name.

    ``slot`` is one of unifier, tagger, transcriber, locator, temporal, spatial, proposer, propagator, tracker,
    selector, reviewer; ``reasoner`` stands for the components that fill both temporal and spatial. Raises InputError for
    another word.
    """
    plugins = PluginManager()
    if slot not in (known := [*SLOTS, "reasoner"]):
        raise InputError(f"slot: unknown slot {slot!r}{suggest_names(str(slot), known)}; slots: {', '.join(known)}")
    found = plugins.list_components("temporal" if slot == "reasoner" else slot)
    return [
        ComponentInfo(
            plugins.get_component_name(component.slots[0], component),
            component.distribution,
            component.version,
            component.summary,
        )
        for component in found
        if slot != "reasoner" or "spatial" in component.slots
    ]


def open_configured_video(video: str | Path | Frame, options: VideoOptions) -> Video:
    """Open a file, a folder of images or an array of frames with the configured window. Raises InputError."""
    return open_video(video, **options.model_dump())


def segment(
    video: str | Path | Video | Frame,
    /,
    *expressions: Expressions,
    sound: bool = False,
    spoken: str | Path | Iterable[str | Path] | None = None,
    box: Box | None = None,
    mask: Mask | str | Path | None = None,
    points: Points | None = None,
    labels: Sequence[bool] | None = None,
    frame: int | None = None,
    start: float | None = None,
    end: float | None = None,
    every: int | None = None,
    fps: float | None = None,
    preset: str | None = None,
    **settings: Any,
) -> Result:
    """Segment what each expression refers to, in every frame.

    Args:
        video: a file, a folder of images, an array uint8 (T, H, W, 3) RGB, or an open Video.
        expressions: texts, References, or lists of them.
        sound: segment what makes the sound; can be combined with expressions.
        spoken: an audio file with a spoken expression, or a list of them.
        box: ``xyxy`` in pixels of ``frame``: start from this box instead of reasoning.
        mask: bool (H, W) of ``frame``, or an image file: start from this mask instead of reasoning.
        points: ``x, y`` in pixels of ``frame``, one or more: start from what is there instead of reasoning.
        labels: for each point, whether it is on the object; by default all are.
        frame: index of the frame of ``box``, ``mask`` or ``points``, counted from 0 after ``start`` and ``every``; default 0.
        start: first second to read.
        end: second to stop before.
        every: read only every n-th frame.
        fps: frames per second of a folder of images or an array; default 24.
        preset: a shipped configuration; default ``baseline``, or ``standard`` if the settings name a model.
        settings: settings as in a configuration file, for example ``propagator="sam2"``,
            ``proposer={"use": "grounding-dino", "box_threshold": 0.3}`` or ``video={"max_size": 640}``.

    Returns:
        The result: masks, verdicts and every decision.

    Raises:
        AlrefError: a subclass for invalid input, invalid configuration or a missing requirement.

    >>> result = segment("clip.mp4", "the red cup")  # doctest: +SKIP
    >>> result.masks().shape  # bool (T, H, W)  # doctest: +SKIP
    """
    prompt = {
        "box": None if box is None else np.asarray(box).tolist(),
        "mask": read_mask(Path(mask)) if isinstance(mask, (str, Path)) else mask,
        "points": None if points is None else np.asarray(points).tolist(),
        "labels": labels,
        "frame": frame,
    }
    references = _build_references(expressions, sound, spoken, prompt)
    window = {name: value for name, value in zip(_WINDOW, (start, end, every, fps), strict=True) if value is not None}
    if isinstance(video, Video):
        _refuse_window([*window, *(["video"] if settings.get("video") else [])])
    if window:
        options = settings.get("video", {})
        if not isinstance(options, dict):
            raise InputError(f"video: expected a mapping of options such as {{'max_size': 640}}, got {options!r}")
        settings["video"] = {**options, **window}
    with Pipeline(preset, **settings) as pipeline:
        opened = video if isinstance(video, Video) else open_configured_video(video, pipeline.config.video)
        return pipeline.run(opened, references)


def export(
    run: str | Path | Result,
    format: str,
    path: str | Path | None = None,
    *,
    video: str | Path | Video | None = None,
    **options: Any,
) -> Path:
    """Write a finished run in one format, as ``alref export`` does, and return the path of the file or folder.

    Args:
        run: the folder of a run, or a Result.
        format: the name of an export format: ``coco``, ``prores``, …
        path: where to write; default ``exports/`` in the folder of the run, where an older export of the format is replaced.
        video: the segmented video, if it was moved or was in memory.
        options: options of the format.

    Raises:
        AlrefError: a subclass for an unknown format or option, a missing library or video, or a path that exists.

    >>> export("alref-out/clip-the-dog", "coco", images="none")  # doctest: +SKIP
    """
    (exporter,) = make_exporters(PluginManager(), [format], {format: options})
    if path is not None:
        return write_export(exporter, load_finished_run(run, video), Path(path)).path
    if isinstance(run, Result):
        raise InputError("path: expected where to write the export of a result in memory")
    (done,) = export_run(run, [exporter], Path(run, EXPORTS_FOLDER), video=video, overwrite=True)
    return done.path


_WINDOW = ("start", "end", "every", "fps")


def _refuse_window(names: list[str]) -> None:
    if names:
        raise InputError(
            f"{', '.join(names)}: cannot be set for a Video that is open already; "
            "pass the path instead, or set it in alref.open_video(path, ...)"
        )


def _build_references(
    expressions: Sequence[Expressions],
    sound: bool,
    spoken: str | Path | Iterable[str | Path] | None,
    prompt: dict[str, Any],
) -> list[Reference]:
    """Create references in the order of the expressions, with texts numbered as on the command line; prompts come last."""
    if not isinstance(sound, bool):
        raise InputError(f"sound: expected True or False, got {sound!r:.80}; pass an audio file as spoken=PATH")
    given = list(_flatten_expressions(expressions))
    typed = make_references([item for item in given if isinstance(item, str)], _list_paths(spoken), sound, **prompt)
    taken = {item.id for item in given if isinstance(item, Reference)}
    numbers = (str(number) for number in count(1) if str(number) not in taken)
    numbered = (reference.model_copy(update={"id": id_}) for reference, id_ in zip(typed, numbers, strict=False))
    return [*(next(numbered) if isinstance(item, str) else item for item in given), *numbered]


def _flatten_expressions(expressions: Sequence[Any]) -> Iterator[str | Reference]:
    for number, given in enumerate(expressions):
        many = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Path, Reference, np.ndarray))
        for item in given if many else [given]:
            if not isinstance(item, (str, Reference)):
                hint = "; pass an audio file as spoken=PATH" if isinstance(item, Path) else ""
                raise InputError(f"expressions[{number}]: expected a text or an alref.Reference, got {item!r:.80}{hint}")
            yield item


def _list_paths(spoken: Any) -> list[Path]:
    paths = [] if spoken is None else [spoken] if isinstance(spoken, (str, Path)) else spoken
    if not isinstance(paths, Iterable) or not all(isinstance(path, (str, Path)) for path in paths):
        raise InputError(f"spoken: expected the path of an audio file, or a list of them, got {spoken!r:.80}")
    return [Path(path) for path in paths]
