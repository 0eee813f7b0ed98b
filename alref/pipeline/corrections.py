"""Corrections of a finished run: each is one decision of the user about one object, and one revision of the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alref.config import resolve_config
from alref.errors import InputError
from alref.llm.replay import TRACE_FILE
from alref.media.section import VideoSection
from alref.media.video import Video
from alref.output.revision_files import RevisionData, RevisionFiles, list_active_revisions, read_corrections
from alref.output.run_folder import STAGES_FOLDER, RunFolder, read_run_spec
from alref.output.source_video import open_source_video
from alref.output.trace import TraceWriter
from alref.pipeline import contracts, revisions
from alref.pipeline.engine import Pipeline
from alref.pipeline.repropagation import compute_change, segment_center, segment_prompt
from alref.pipeline.stage_cache import StageCache
from alref.plugins.manager import PluginManager
from alref.records import Correction, CorrectionAction, Prompt, Reference, TrackChange
from alref.result import Result
from alref.utils import atomic
from alref.utils.masks import Mask

Progress = Callable[[int, int], object]


def _ignore_progress(done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class _State:
    """A result with its corrections, the tracks whose start was wrong, and the first correction that is not computed yet."""

    result: Result
    without_start: frozenset[int] = field(default_factory=frozenset)
    pending: Correction | None = None


class Corrections:
    """The corrections of a run folder: ``preview`` while the user points, then ``correct``.

    ``video`` and ``pipeline`` are opened from ``run.yaml`` when they are first needed, unless they are given; given ones are
    not closed. One thread at a time may call the methods, but ``canceled`` may become true in another one. A method that
    changes the result locks the folder only as long as it works, so that other programs can work there in between; it computes
    first what an interrupted one left, and returns the new result.

    ``object`` is the id of an object, a key of ``objects``, or its words if no other object has them. Raises InputError if the
    folder has no finished run.
    """

    def __init__(self, folder: str | Path, video: Video | None = None, pipeline: Pipeline | None = None) -> None:
        self._folder = Path(folder)
        self._files, self._spec = RevisionFiles(self._folder), read_run_spec(self._folder)
        self._video, self._pipeline = video, pipeline
        self._own_pipeline: Pipeline | None = None
        self._last_frame: tuple[int, VideoSection] | None = None
        self._lines: list[Correction] = []
        self._base = self._files.read_base()
        self._state = _State(self._base)
        self._built: list[tuple[int, _State]] = []
        self._refresh()

    @property
    def result(self) -> Result:
        """The result with all corrections that are computed."""
        return self._state.result

    @property
    def history(self) -> list[Correction]:
        """All corrections in order, those that were undone too; the last one is the current revision."""
        return list(self._lines)

    @property
    def active(self) -> list[Correction]:
        """The corrections that the result has: those that were undone are left out."""
        return list_active_revisions(self._lines)[-1]

    @property
    def pending(self) -> Correction | None:
        """The correction whose computation was interrupted; ``resume`` completes it, ``undo`` takes it back."""
        return self._state.pending

    @property
    def objects(self) -> dict[str, int | None]:
        """The ids of all objects with the number of their track in ``result.tracks``; None for a reference without one."""
        return self.result.list_objects()

    @property
    def views_are_current(self) -> bool:
        """Return whether ``overlay.mp4`` and ``report.html`` show the current revision."""
        return self._files.read_views_revision() == len(self._lines)

    def preview(self, object: str, prompt: Prompt) -> Mask:
        """Return the mask bool (H, W) that ``correct`` would give the object on the frame of the prompt. Writes nothing.

        Raises InputError for an unknown object or a prompt outside the video, and MissingError with the propagators that accept
        the prompt if this one does not.
        """
        object = self.result.resolve_object(object)
        self._check_prompt(object, prompt)
        track = revisions.get_track(self.result, revisions.find_track(self.result, object), object)
        return segment_prompt(self._get_pipeline(), self._get_section(prompt.frame), self.result, track, prompt)

    def prepare(self, frame: int) -> None:
        """Load the models that ``preview`` needs, and compute what they need of a frame before the user clicks there.

        Raises InputError for a frame outside the video, and MissingError.
        """
        pipeline = self._get_pipeline()
        pipeline.load_component("propagator")
        segment_center(pipeline, self._get_section(frame))

    def correct(
        self,
        object: str,
        prompt: Prompt,
        *,
        progress: Progress = _ignore_progress,
        canceled: Callable[[], bool] = lambda: False,
    ) -> Result:
        """Give the object a prompt on a frame, and propagate it again between the nearest confirmed frames.

        Points correct the mask that the object has there, together with earlier points on that frame. ``progress`` gets the
        number of frames that are done, and of all. When ``canceled()`` is true after a frame, the frames that are done are
        kept; the others stay as they were. Raises what ``preview`` raises.
        """
        object = self.result.resolve_object(object)
        self._check_prompt(object, prompt)
        with self._work(progress):
            self._append("prompt", object=object, prompt=prompt)
            return self._compute_pending(progress, canceled)

    def confirm(self, object: str, frame: int) -> Result:
        """Say that the object is right on a frame, absent or not: nothing on the other side of it changes any more."""
        length = len(self.result.video.times)
        if not 0 <= frame < length:
            raise InputError(f"frame: expected a number from 0 to {length - 1}, got {frame}")
        return self._decide("confirm", object, frame=frame)

    def rename(self, object: str, name: str) -> Result:
        """Give the object a name; an empty one takes it back."""
        return self._decide("name", object, name=name.strip())

    def remove(self, object: str) -> Result:
        """Remove the object from all frames. The others keep their numbers."""
        return self._decide("remove", object)

    def add(self, reference: Reference | str, *, progress: Progress = _ignore_progress) -> Result:
        """Find one more reference, a text or with prompts, with the configuration of the run; nothing else changes.

        Raises what ``Pipeline.check`` raises, and InputError for an id that is taken.
        """
        with self._work(progress):
            if isinstance(reference, str):
                reference = Reference(id=revisions.make_new_id(self.result), text=reference)
            revisions.check_new_reference(self.result, reference)
            self._get_pipeline().check(self._get_video(), [reference])
            self._append("add", object=reference.id, reference=reference)
            return self._compute_pending(progress)

    def resume(self, *, progress: Progress = _ignore_progress) -> Result:
        """Complete what an interrupted program left; without that, nothing changes."""
        with self._work(progress):
            return self.result

    def undo(self) -> Result:
        """Take the last correction back. Raises InputError if there is none."""
        self._refresh()
        active = [line for line in self.active if line.action != "cancel"]
        if not active:
            raise InputError("undo: there is no correction to take back")
        return self.restore(active[-1].revision - 1)

    def restore(self, revision: int) -> Result:
        """Return to the result of a revision, 0 for that of the run. It becomes a new revision, so this can be undone too."""
        with self._work(completes=False):
            if not 0 <= revision <= len(self._lines):
                raise InputError(f"revision: expected a number from 0 to {len(self._lines)}, got {revision}")
            self._append("restore", restored=revision)
            return self._compute_pending()

    def replay(self, path: str | Path, *, progress: Progress = _ignore_progress) -> Result:
        """Repeat the corrections of another folder, or of its ``corrections.jsonl``, for the same video and references.

        An interrupted replay resumes. Raises InputError if this run has other corrections already.
        """
        lines = read_corrections(Path(path))
        with self._work(progress):
            done = [line.model_dump_json() for line in self._lines]
            if done != [line.model_dump_json() for line in lines[: len(done)]]:
                raise InputError(f"{path}: this run has {len(done)} other corrections; replay into a run without corrections")
            for line in lines[len(done) :]:
                if line.prompt is not None:
                    self._check_prompt(line.object, line.prompt)
                self._files.store_base()
                self._files.append_line(line)
                self._refresh()
                following = lines[line.revision] if line.revision < len(lines) else None
                done_frames = following.frames if following is not None and following.action == "cancel" else None
                self._compute_pending(progress, done_frames=done_frames)
            return self.result

    def write_views(self, progress: Progress = _ignore_progress) -> None:
        """Write ``overlay.mp4`` and ``report.html`` of the current revision, unless they show it already."""
        with self._work():
            if not self.views_are_current:
                RunFolder(self._folder, self._spec).write_views(self.result, self._get_video(), progress)
                self._files.store_views_revision(len(self._lines))

    def close(self) -> None:
        """Close the pipeline, unless it was given."""
        if self._own_pipeline is not None:
            self._own_pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _work(self, progress: Progress = _ignore_progress, completes: bool = True) -> Iterator[None]:
        """Lock the folder, and complete what an interrupted program left."""
        lock = atomic.lock_folder(self._folder)
        try:
            self._refresh()
            if self._lines and self._files.read_written_revision() != len(self._lines):
                RunFolder(self._folder, self._spec).remove_files(everything=False)
            if completes:
                self._compute_pending(progress)
            yield
        finally:
            lock.release()

    def _decide(self, action: CorrectionAction, object: str, **fields: Any) -> Result:
        """Append a decision for which nothing is computed."""
        object = self.result.resolve_object(object)
        with self._work():
            self._append(action, object=object, **fields)
            return self._compute_pending()

    def _append(self, action: CorrectionAction, **fields: Any) -> None:
        self._files.store_base()
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._files.append_line(Correction(revision=len(self._lines) + 1, time=time, action=action, **fields))
        self._refresh()

    def _refresh(self) -> None:
        """Read what this or another program has appended."""
        lines = self._files.read_lines()
        if len(lines) != len(self._lines) or self._state.pending is not None:
            self._lines = lines
            state = self._build_state(list_active_revisions(lines)[-1])
            result = state.result if state.pending else state.result.model_copy(update={"revision": len(lines)})
            self._state = replace(state, result=result)

    def _build_state(self, active: list[Correction]) -> _State:
        """Return the result with these corrections. What was built before for the first of them is used again."""
        num_reused = 0
        while num_reused < min(len(active), len(self._built)) and self._built[num_reused][0] == active[num_reused].revision:
            num_reused += 1
        del self._built[num_reused:]
        state = self._built[-1][1] if self._built else _State(self._base)
        for line in active[num_reused:]:
            data = self._files.read_data(line.revision) if line.action in ("prompt", "add") else RevisionData(revision=0)
            if data is None:
                return replace(state, pending=line)
            state = _State(
                revisions.apply_correction(state.result, line, data.change, data.added),
                state.without_start | self._find_wrong_starts(state.result, line, data.change),
            )
            self._built.append((line.revision, state))
        return state

    def _find_wrong_starts(self, result: Result, line: Correction, change: TrackChange | None) -> set[int]:
        """Return the tracks whose start a correction shows to be wrong."""
        removed = {revisions.find_track(result, line.object)} if line.action == "remove" else set[int]()
        return removed | ({change.track} if change and not change.keeps_start else set())

    def _compute_pending(
        self,
        progress: Progress = _ignore_progress,
        canceled: Callable[[], bool] = lambda: False,
        done_frames: tuple[int, ...] | None = None,
    ) -> Result:
        """Compute what is not computed yet, and write the masks that changed and ``result.json``."""
        while (line := self._state.pending) is not None:
            following = self._lines[line.revision] if line.revision < len(self._lines) else None
            if following is not None and following.action == "cancel":
                done_frames = following.frames
            cache = StageCache(self._folder / STAGES_FOLDER)
            if line.reference is not None:
                added = self._get_pipeline().run(self._get_video(), [line.reference], cache)
                self._files.write_data(RevisionData(revision=line.revision, added=added))
            else:
                has_start = revisions.find_track(self.result, line.object) not in self._state.without_start
                change, complete = compute_change(
                    self._get_pipeline(), self._get_video(), self.result, line, has_start, cache, progress, canceled
                )
                if not complete:
                    self._append("cancel", object=line.object, frames=change.frames)
                elif done_frames is not None:
                    change = change.keep_frames(done_frames)
                self._files.write_data(RevisionData(revision=line.revision, change=change))
            self._refresh()
        self._write_result()
        return self.result

    def _write_result(self) -> None:
        written = self._files.read_written_revision()
        if written != len(self._lines):
            before = self._build_state(list_active_revisions(self._lines)[written]).result
            frames = revisions.find_changed_frames(before, self.result)
            RunFolder(self._folder, self._spec).write_masks(self.result, frames)

    def _check_prompt(self, object: str, prompt: Prompt) -> None:
        revisions.find_track(self.result, object)
        contracts.check_prompt(prompt, self._get_video(), f"object {object!r}")
        self._get_pipeline().check_prompts(frozenset({*prompt.kinds, "mask"}))

    def _get_section(self, frame: int) -> VideoSection:
        """Return the video of one frame, with what components remember of it until another one is asked for."""
        if self._last_frame is None or self._last_frame[0] != frame:
            self._last_frame = frame, VideoSection(self._get_video(), frame, frame + 1)
        return self._last_frame[1]

    def _get_video(self) -> Video:
        if self._video is None:
            self._video = open_source_video(self._base)
        return self._video

    def _get_pipeline(self) -> Pipeline:
        if self._pipeline is None:
            plugins = PluginManager()
            self._pipeline = self._own_pipeline = Pipeline.from_config(resolve_config(plugins, [self._spec.config]), plugins)
            plugins.add_observer(TraceWriter(self._folder / TRACE_FILE))
        return self._pipeline
