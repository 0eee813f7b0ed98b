"""Run one video into its run folder, with the trace of its questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from alref.llm.replay import TRACE_FILE
from alref.media.video import Video
from alref.output.run_folder import RunFolder, RunSpec
from alref.output.trace import TraceWriter
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.records import Reference
from alref.result import Result
from alref.utils.text import format_path


def make_run_spec(pipeline: Pipeline, video: Video, references: Sequence[Reference], source: Path, command: str) -> RunSpec:
    """Return the settings of a run of ``video``, which was opened from ``source``."""
    return RunSpec(
        command=command,
        input=format_path(source),
        fingerprint=video.fingerprint,
        versions={"alref": metadata.version("alref"), **pipeline.config.get_versions()},
        references=tuple(references),
        config=pipeline.config.to_dict(),
    )


def run_in_folder(
    pipeline: Pipeline, video: Video, folder: RunFolder, on_progress: Callable[[int, int], None] | None = None
) -> Result:
    """Segment the checked references of an open run folder and write its result, or return the result that is there.

    Raises what ``Pipeline.run_checked`` and ``RunFolder.write_result`` raise.
    """
    if folder.finished:
        return folder.read_result()
    trace = TraceWriter(folder.path / TRACE_FILE)
    pipeline.plugins.add_observer(trace)
    try:
        result = pipeline.run_checked(video, folder.spec.references, StageCache(folder.stages))
    finally:
        pipeline.plugins.remove_observer(trace)
    folder.write_result(result, video, on_progress)
    return result
