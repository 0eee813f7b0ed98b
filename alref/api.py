"""Three lines of Python: open a video, say what to look for, get masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alref.config import VideoOptions
from alref.media.reader import open_video
from alref.media.video import Video
from alref.pipeline import references
from alref.pipeline.engine import Pipeline
from alref.records import Reference
from alref.result import Result


def open_configured_video(path: str | Path, options: VideoOptions) -> Video:
    """Open a video file or a folder of pictures with the configured window. Raises InputError."""
    return open_video(path, **options.model_dump())


def segment(video: str | Path | Video, /, *expressions: str | Reference, preset: str | None = None, **settings: Any) -> Result:
    """Segment in every frame what each expression points at.

    ``video`` is a file, a folder of pictures or a Video; ``settings`` are those of a configuration file, for example
    ``propagator="sam2"``, ``proposer={"use": "grounding-dino", "box_threshold": 0.3}`` or ``video={"every": 5}``.
    Raises an AlrefError that says what is wrong and what to do.

    >>> result = segment("clip.mp4", "the red cup")  # doctest: +SKIP
    >>> result.masks().shape  # bool (T, H, W)  # doctest: +SKIP
    """
    texts = references.make_references([each for each in expressions if isinstance(each, str)])
    asked = [*texts, *(each for each in expressions if isinstance(each, Reference))]
    with Pipeline.from_layers(settings, preset=preset) as pipeline:
        source = video if isinstance(video, Video) else open_configured_video(video, pipeline.config.video)
        return pipeline.run(source, asked)
