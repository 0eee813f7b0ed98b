"""What the page can ask for: run folders are read and written by alref's own functions, in the worker where models run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from alref.api import open_configured_video
from alref.cli.run import make_run_name
from alref.config import VideoOptions
from alref.errors import InputError, OutputError
from alref.output.run_folder import RESULT_FILE, RunFolder, RunSpec, load_result
from alref.pipeline.engine import Pipeline
from alref.pipeline.folder_run import make_run_spec, run_in_folder
from alref.pipeline.references import make_references
from alref.records import Reference
from alref.result import Result
from alref_studio import view
from alref_studio.events import EventHub
from alref_studio.frames import JpegCache
from alref_studio.library import Library, OpenedRun, make_id
from alref_studio.worker import JobObserver, StudioJob, Worker

MAX_TEXTS = 20


@dataclass
class _LoadedResult:
    """A result in memory, and the time of its file: another command may write it anew."""

    changed: int
    result: Result


@dataclass
class Studio:
    """The state of a server: what was opened, the worker with its pipeline, and the events to the pages."""

    library: Library
    pipeline: Pipeline
    hub: EventHub = field(default_factory=EventHub)
    images: JpegCache = field(default_factory=JpegCache)

    def __post_init__(self) -> None:
        self.worker = Worker(self.hub)
        self._observer = JobObserver()
        self.pipeline.plugins.add_observer(self._observer)
        self._results: dict[Path, _LoadedResult] = {}
        self._lock = Lock()
        self.worker.start()

    def close(self) -> None:
        """End the worker and close its models."""
        self.hub.close()
        self.worker.close()
        self.images.close()
        self.pipeline.close()

    def describe_state(self) -> dict[str, Any]:
        """Return what every page shows: the videos with their runs, and the job."""
        return {
            "videos": [view.describe_video(entry) for entry in self.library.list_videos()],
            "job": self.worker.describe_job(),
        }

    def read_result(self, run: OpenedRun) -> Result | None:
        """Return the result of a run as it is on disk now, None if the run is not finished."""
        path = run.path / RESULT_FILE
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        with self._lock:
            found = self._results.get(path)
            if found is None or found.changed != changed:
                found = self._results[path] = _LoadedResult(changed, load_result(run.path))
            return found.result

    def require_result(self, run: OpenedRun) -> Result:
        """Return the result of a finished run. Raises InputError."""
        result = self.read_result(run)
        if result is None:
            raise InputError("this run is not finished; resume it first")
        return result

    def describe_run(self, run: OpenedRun) -> dict[str, Any]:
        """Return what the page shows of a run. Raises InputError if its video is not there."""
        shared = self.library.share_run_video(run)
        if shared.video.fingerprint != run.spec.fingerprint:
            raise InputError(f"{shared.path}: is not the video of this run; its content has changed")
        return view.describe_run(run, shared, self.read_result(run))

    def ask(self, video_id: str, body: Mapping[str, Any], spoken: Sequence[Path] = ()) -> StudioJob:
        """Start a run of what the user typed. Raises InputError for a reference that cannot be used."""
        entry = self.library.get_video(video_id)
        texts = [str(each).strip() for each in body.get("texts", []) if str(each).strip()][:MAX_TEXTS]
        references = make_references(texts, spoken, bool(body.get("sound")))
        if not references:
            raise InputError("type what to segment, for example: the red cup")
        options = self._make_options(body)
        path = self._choose_folder(entry.path, references)

        def work(job: StudioJob) -> dict[str, Any]:
            return self._run(job, entry.path, options, references, path)

        title = ", ".join(each.title for each in references)
        return self.worker.submit(StudioJob("ask", title, work, run=make_id(path.resolve())))

    def resume(self, run_id: str) -> StudioJob:
        """Complete a run that was interrupted. Raises InputError."""
        run = self.library.get_run(run_id)
        if run.video_path is None:
            raise InputError(f"{run.spec.input}: the video of this run is not there")
        source, options = run.video_path, VideoOptions(**run.spec.config.get("video", {}))

        def work(job: StudioJob) -> dict[str, Any]:
            return self._run(job, source, options, run.spec.references, run.path, run.spec)

        return self.worker.submit(StudioJob("ask", run.title, work, run=run.id))

    def _make_options(self, body: Mapping[str, Any]) -> VideoOptions:
        """Return the options of the video with the range that the user chose, in seconds."""
        window = {name: float(body[name]) for name in ("start", "end") if body.get(name) not in (None, "")}
        return VideoOptions.model_validate({**self.library.options.model_dump(), **window})

    def _choose_folder(self, source: Path, references: Sequence[Reference]) -> Path:
        """Return a folder for a run: one that does not exist, named by the video and the words."""
        name = make_run_name(source, list(references))
        names = (name if number == 1 else f"{name}-{number}" for number in count(1))
        return next(path for path in (self.library.out / each for each in names) if not path.exists())

    def _run(
        self,
        job: StudioJob,
        source: Path,
        options: VideoOptions,
        references: Sequence[Reference],
        path: Path,
        known: RunSpec | None = None,
    ) -> dict[str, Any]:
        """Run in the worker, and tell the pages that the run is there as soon as its folder is."""
        pipeline = self.pipeline
        pipeline.config = replace(pipeline.config, video=options)
        video = open_configured_video(source, options)
        pipeline.check(video, references)
        command = known.command if known else "alref studio"
        spec = make_run_spec(pipeline, video, references, source, command)
        if known and (differences := known.describe_differences(spec)):
            raise OutputError(f"this run has other settings than this studio: {differences[0]}; resume it with: alref run")
        self._observer.job = job
        try:
            with RunFolder.open(path, spec) as folder:
                self.hub.publish("videos", self.describe_state()["videos"])
                run_in_folder(pipeline, video, folder, lambda done, total: job.advance("writing", done, total))
        finally:
            self._observer.job = None
            self.hub.publish("videos", self.describe_state()["videos"])
        return {"run": make_id(path.resolve())}
