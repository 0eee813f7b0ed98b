"""Corrections that the page asks for, each a job of the worker: ``alref.pipeline.corrections`` does them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from alref import AlrefError, Corrections, InputError, Pipeline, Prompt, Reference, encode_mask, load_result
from alref.llm.replay import TRACE_FILE
from alref.output.revision_files import list_active_revisions, read_corrections
from alref.output.source_video import open_source_video
from alref.output.trace import TraceWriter
from alref.pipeline.references import make_prompt
from alref_studio.candidates import list_candidates
from alref_studio.library import OpenedRun
from alref_studio.worker import StudioJob

MAX_NAME = 200
TITLES = {
    "prompt": "re-propagate",
    "confirm": "confirm frame",
    "name": "rename",
    "remove": "reject",
    "add": "add an object",
    "choose": "use another candidate",
    "undo": "undo",
    "restore": "restore a revision",
    "resume": "complete a correction",
    "views": "update overlay and report",
}
"""What the page calls each action while it is done."""


class Editor:
    """The corrections of the runs that were edited, with their models. Only the worker calls its methods.

    A run with the settings of ``pipeline`` shares its models; another one opens its own, and only the last one stays open.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._run: OpenedRun | None = None
        self._corrections: Corrections | None = None

    def close(self) -> None:
        """Close what was opened."""
        if self._corrections is not None:
            self._corrections.close()
        self._run = self._corrections = None

    def preview(self, run: OpenedRun, body: Mapping[str, Any]) -> str:
        """Return the run-length counts of the mask that points give an object on one frame."""
        mask = self._open(run).preview(str(body.get("object")), read_prompt(body))
        return encode_mask(mask).counts if mask.any() else ""

    def prepare(self, run: OpenedRun, frame: int) -> None:
        """Do what a preview on a frame needs first, unless it would be an error: a preview then says what is missing."""
        try:
            self._open(run).prepare(frame)
        except AlrefError:
            return

    def edit(self, run: OpenedRun, body: Mapping[str, Any], job: StudioJob) -> dict[str, Any]:
        """Do what the page asks for. Raises InputError, and what the corrections raise."""
        corrections, action, name = self._open(run), str(body.get("action")), str(body.get("object", ""))

        def progress(done: int, total: int) -> None:
            job.show_progress("propagating", done, total)

        calls: dict[str, Callable[[], object]] = {
            "prompt": lambda: corrections.correct(name, read_prompt(body), progress=progress, canceled=job.is_cancelled.is_set),
            "confirm": lambda: corrections.confirm(name, read_number(body, "frame")),
            "name": lambda: corrections.rename(name, str(body.get("name", ""))[:MAX_NAME]),
            "remove": lambda: corrections.remove(name),
            "add": lambda: corrections.add(str(body.get("text", "")).strip(), progress=progress),
            "choose": lambda: self._choose(corrections, name, read_number(body, "candidate"), job),
            "undo": corrections.undo,
            "restore": lambda: corrections.restore(read_number(body, "revision")),
            "resume": lambda: corrections.resume(progress=progress),
            "views": lambda: corrections.write_views(lambda done, total: job.advance("writing", done, total)),
        }
        if action not in calls:
            raise InputError(f"action: expected {', '.join(calls)}, got {action!r:.40}")
        with self._trace_questions(run):
            calls[action]()
        return {"revision": corrections.result.revision}

    def _choose(self, corrections: Corrections, name: str, index: int, job: StudioJob) -> None:
        """Take a candidate: another box for the object, or a track as a new object."""
        listed = list_candidates(corrections.result)
        if not 0 <= index < len(listed):
            raise InputError(f"candidate: expected a number below {len(listed)}, got {index}")
        candidate = listed[index]

        def progress(done: int, total: int) -> None:
            job.show_progress("propagating", done, total)

        if candidate.is_track:
            taken = {each.id for each in corrections.result.references}
            id_ = next(name for number in range(1, 10**6) if (name := f"{candidate.reference}-{number}") not in taken)
            corrections.add(Reference(id=id_, text=candidate.title, prompts=(candidate.prompt,)), progress=progress)
        else:
            corrections.correct(name, candidate.prompt, progress=progress, canceled=job.is_cancelled.is_set)

    @contextmanager
    def _trace_questions(self, run: OpenedRun) -> Iterator[None]:
        """Write the questions of shared models to the trace of the run; models of its own do so themselves."""
        if not has_same_components(run.spec.config, self._pipeline):
            yield
            return
        trace = TraceWriter(run.path / TRACE_FILE)
        self._pipeline.plugins.add_observer(trace)
        try:
            yield
        finally:
            self._pipeline.plugins.remove_observer(trace)

    def _open(self, run: OpenedRun) -> Corrections:
        """Return the corrections of a run, which stay open until another run is edited."""
        if self._corrections is None or self._run is None or self._run.id != run.id:
            self.close()
            video = open_source_video(load_result(run.path), run.video_path)
            shared = self._pipeline if has_same_components(run.spec.config, self._pipeline) else None
            self._run, self._corrections = run, Corrections(run.path, video, shared)
        return self._corrections


def has_same_components(config: Mapping[str, Any], pipeline: Pipeline) -> bool:
    """Return whether a run has the components and options of a pipeline; the part of the video may be another one."""
    here = pipeline.config.to_dict()
    return {**config, "video": None} == {**here, "video": None}


def read_prompt(body: Mapping[str, Any]) -> Prompt:
    """Return the prompt that the page sends: points with labels, a box, or absent. Raises InputError."""
    fields = {name: body[name] for name in ("points", "labels", "box", "absent") if body.get(name) is not None}
    if "labels" in fields:
        fields["labels"] = np.array(fields["labels"], np.bool_)
    return make_prompt({**fields, "frame": read_number(body, "frame")}, "correction")


def read_number(body: Mapping[str, Any], name: str) -> int:
    """Return a whole number from what the page sends. Raises InputError."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(f"{name}: expected a whole number from 0, got {value!r:.40}")
    return value


def describe_history(run: OpenedRun) -> list[dict[str, Any]]:
    """Return the corrections of a run, oldest first; ``active`` is false for those that were undone."""
    try:
        lines = read_corrections(run.path)
    except InputError:
        return []
    active = {line.revision for line in list_active_revisions(lines)[-1]}
    return [
        {
            "revision": line.revision,
            "time": line.time,
            "action": line.action,
            "object": line.object,
            "what": line.prompt.describe() if line.prompt else line.name or (line.reference.title if line.reference else ""),
            "frame": line.prompt.frame if line.prompt else line.frame,
            "restored": line.restored,
            "active": line.revision in active,
        }
        for line in lines
    ]
