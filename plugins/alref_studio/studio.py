"""What the page can ask for: run folders are read and written by alref's own functions, in the worker where models run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from alref import AlrefError, InputError, OutputError, Pipeline, Reference, Result, load_result
from alref.api import open_configured_video
from alref.cli.run import make_run_name
from alref.config import VideoOptions
from alref.output.export import EXPORTS_FOLDER, ExportProgress, export_run, make_exporters
from alref.output.revision_files import RevisionFiles
from alref.output.run_folder import RESULT_FILE, RunFolder, RunSpec
from alref.pipeline.folder_run import make_run_spec, run_in_folder
from alref.pipeline.forecast import forecast_usage, format_forecast
from alref.pipeline.references import make_references
from alref.utils import atomic
from alref_studio import view
from alref_studio.candidates import StudioCandidate, draw_candidate, list_candidates
from alref_studio.editing import TITLES, Editor, describe_history, read_number
from alref_studio.events import EventHub
from alref_studio.frames import JpegCache, SharedVideo
from alref_studio.library import Library, OpenedRun, make_id
from alref_studio.worker import JobObserver, StudioJob, Worker

MAX_TEXTS = 20
PREVIEW_SECONDS = 120.0
UPLOADS_FOLDER = "uploads"


def list_texts(body: Mapping[str, Any]) -> list[str]:
    """Return the expressions that the user typed, without empty ones. Raises InputError if there are too many."""
    given = body.get("texts", [])
    texts = [str(each).strip() for each in given if str(each).strip()] if isinstance(given, list) else []
    if len(texts) > MAX_TEXTS:
        raise InputError(f"expected at most {MAX_TEXTS} expressions, got {len(texts)}")
    return texts


def list_exports(run: OpenedRun) -> list[Path]:
    """List the exports of a run, by name."""
    folder = run.path / EXPORTS_FOLDER
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


@dataclass
class _LoadedResult:
    """A result in memory with what the page shows of it, and the time of its file: another command may write it anew."""

    changed: int
    result: Result

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The objects as the page shows them."""
        return view.describe_objects(self.result)

    @cached_property
    def candidates(self) -> list[StudioCandidate]:
        """The alternatives."""
        return list_candidates(self.result)


@dataclass
class Studio:
    """The state of a server: what was opened, the worker with its pipeline, and the events to the pages.

    ``max_upload`` is the largest size of an uploaded file in bytes; 0 allows none.
    """

    library: Library
    pipeline: Pipeline
    max_upload: int = 0
    hub: EventHub = field(default_factory=EventHub)
    images: JpegCache = field(default_factory=JpegCache)

    def __post_init__(self) -> None:
        self.worker, self._editor = Worker(self.hub), Editor(self.pipeline)
        self._observer = JobObserver()
        self.pipeline.plugins.add_observer(self._observer)
        self._results: dict[Path, _LoadedResult] = {}
        self._lock = Lock()
        self.worker.start()

    def close(self) -> None:
        """End the worker and close its models."""
        self.hub.close()
        self.worker.close()
        self._editor.close()
        self.pipeline.close()

    def describe_state(self) -> dict[str, Any]:
        """Return what every page shows: the videos with their runs, and the job."""
        return {
            "videos": [view.describe_video(entry) for entry in self.library.list_videos()],
            "faults": [{"folder": folder, "error": error} for folder, error in self.library.list_faults()],
            "job": self.worker.describe_job(),
            "settings": {"uploads": self.max_upload, "formats": self.list_formats()},
        }

    def read_result(self, run: OpenedRun) -> Result | None:
        """Return the result of a run as it is on disk now, None if the run is not finished."""
        loaded = self._load(run)
        return None if loaded is None else loaded.result

    def require_result(self, run: OpenedRun) -> Result:
        """Return the result of a finished run. Raises InputError."""
        return self._require_loaded(run).result

    def _require_loaded(self, run: OpenedRun) -> _LoadedResult:
        loaded = self._load(run)
        if loaded is None:
            raise InputError("this run is not finished; resume it first")
        return loaded

    def _load(self, run: OpenedRun) -> _LoadedResult | None:
        path = run.path / RESULT_FILE
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        with self._lock:
            found = self._results.get(path)
            if found is None or found.changed != changed:
                found = self._results[path] = _LoadedResult(changed, load_result(run.path))
            return found

    def share_checked_video(self, run: OpenedRun) -> SharedVideo:
        """Return the reader of a run's video. Raises InputError if the video is not there or has changed."""
        shared = self.library.share_run_video(run)
        if shared.video.fingerprint != run.spec.fingerprint:
            raise InputError(f"{shared.path}: is not the video of this run; its content has changed")
        return shared

    def describe_run(self, run: OpenedRun) -> dict[str, Any]:
        """Return what the page shows of a run. Raises InputError if its video is not there."""
        loaded = self._load(run)
        shown = view.describe_run(run, self.share_checked_video(run), self.read_result(run))
        shown |= {"exports": [], "history": describe_history(run), "candidates": []}
        if loaded is not None:
            shown["exports"] = [
                {"name": path.name, "is_current": path.stat().st_mtime_ns >= loaded.changed} for path in list_exports(run)
            ]
            revision = loaded.result.revision
            shown["objects"] = loaded.objects
            shown["candidates"] = [each.to_dict(index) for index, each in enumerate(loaded.candidates)]
            shown["revision"] = revision
            shown["views_are_current"] = RevisionFiles(run.path).read_views_revision() == revision
        return shown

    def ask(self, video_id: str, body: Mapping[str, Any]) -> StudioJob:
        """Start a run of what the user typed. Raises InputError for a reference that cannot be used."""
        entry, texts = self.library.get_video(video_id), list_texts(body)
        references = make_references(texts, self._find_recordings(body), bool(body.get("sound")))
        if not references:
            raise InputError("type what to segment, for example: the red cup")
        options = self._make_options(body)
        path = self._choose_folder(entry.path, references)

        def work(job: StudioJob) -> dict[str, Any]:
            return self._run(job, entry.path, options, references, path)

        title = ", ".join(each.title for each in references)
        return self.worker.submit(StudioJob("ask", title, work, run=make_id(path.resolve())))

    def preview(self, run_id: str, body: Mapping[str, Any]) -> str:
        """Return the run-length counts of the mask that points give an object, computed in the worker.

        Raises what the preview raises, and InputError if it takes too long.
        """
        run, failure = self.library.get_run(run_id), list[AlrefError]()

        def work(job: StudioJob) -> str:
            outer, self._observer.job = self._observer.job, None
            try:
                return self._editor.preview(run, body)
            except AlrefError as error:
                failure.append(error)
                return ""
            finally:
                self._observer.job = outer

        job = self.worker.submit_preview(StudioJob("preview", "the mask of one frame", work, run=run_id))
        if not job.finished.wait(PREVIEW_SECONDS):
            raise InputError("the mask takes too long; wait until the job ends, or cancel it")
        if failure:
            raise failure[0]
        return str(job.outcome or "")

    def prepare(self, run_id: str, body: Mapping[str, Any]) -> None:
        """Load the models of a finished run in the worker, before the user clicks on a frame, and let them look at it."""
        run = self.library.get_run(run_id)
        self.require_result(run)
        frame = read_number(body, "frame")
        job = StudioJob("prepare", "the models", lambda job: self._editor.prepare(run, frame), run=run_id)
        self.worker.submit_preview(job)

    def edit(self, run_id: str, body: Mapping[str, Any]) -> StudioJob:
        """Start a correction of a finished run."""
        run = self.library.get_run(run_id)
        result, name = self.require_result(run), str(body.get("object", ""))

        def work(job: StudioJob) -> dict[str, Any]:
            return self._editor.edit(run, body, job)

        number = result.list_objects().get(name)
        title = run.title if number is None else result.tracks[number].title
        action = TITLES.get(str(body.get("action")), "correction")
        return self.worker.submit(StudioJob("edit", f"{action} · {title}", work, run=run_id))

    def draw_candidate(self, run_id: str, index: int) -> bytes:
        """Return a small image of a candidate as JPEG. Raises InputError if there is none of this number."""
        run = self.library.get_run(run_id)
        listed = self._require_loaded(run).candidates
        if not 0 <= index < len(listed):
            raise InputError(f"expected a candidate below {len(listed)}, got {index}")
        return draw_candidate(self.library.share_run_video(run), listed[index])

    def forecast(self, video_id: str, body: Mapping[str, Any]) -> str:
        """Return what a run of what the user typed may cost, in one line; empty if no language model is asked."""
        entry, texts = self.library.get_video(video_id), list_texts(body)
        references = make_references(texts, (), bool(body.get("sound")) or not texts)
        shared = self.library.share_video(entry.path, self._make_options(body))
        return format_forecast(forecast_usage(self.pipeline.config, len(shared.video), references))

    def export(self, run_id: str, body: Mapping[str, Any]) -> StudioJob:
        """Start the export of a finished run in one format. Raises ConfigError for another name."""
        run, name = self.library.get_run(run_id), str(body.get("format"))
        exporters = make_exporters(self.pipeline.plugins, [name], {})
        result = self.require_result(run)

        def work(job: StudioJob) -> dict[str, Any]:
            folder, place = run.path / EXPORTS_FOLDER, run.video_path
            progress: ExportProgress = lambda name, done, total: job.advance(f"export {name}", done, total)  # noqa: E731
            done = list(export_run(result, exporters, folder, video=place, overwrite=True, on_progress=progress))
            return {"exported": [each.path.name for each in done]}

        return self.worker.submit(StudioJob("export", f"{name} of {run.title}", work, run=run_id))

    def list_formats(self) -> list[dict[str, str]]:
        """List the export formats, with what each lacks, empty if it can be written."""
        exporters = sorted(self.pipeline.plugins.exporters.items())
        return [
            {
                "name": name,
                "summary": (cls.__doc__ or "").strip().partition("\n")[0],
                "problem": "; ".join(problem.describe() for problem in cls(cls.Options()).problems()),
            }
            for name, cls in exporters
        ]

    def find_export(self, run_id: str, name: str) -> Path:
        """Return the file or folder of an export. Raises InputError if there is none of this name."""
        found = {path.name: path for path in list_exports(self.library.get_run(run_id))}
        if name not in found:
            raise InputError("no such export; write it first")
        return found[name]

    def resume(self, run_id: str) -> StudioJob:
        """Complete a run that was interrupted. Raises InputError."""
        run = self.library.get_run(run_id)
        if run.video_path is None:
            raise InputError(f"{run.spec.input}: the video of this run is not there")
        source, options = run.video_path, VideoOptions(**run.spec.config.get("video", {}))

        def work(job: StudioJob) -> dict[str, Any]:
            return self._run(job, source, options, run.spec.references, run.path, run.spec)

        return self.worker.submit(StudioJob("ask", run.title, work, run=run.id))

    def store_upload(self, name: str, content: bytes) -> str:
        """Store an audio file with a spoken expression in the folder of new runs, and return the name for ``ask``."""
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        stored = f"{digest}{Path(name).suffix.lower()[:8] if Path(name).suffix.isascii() else ''}"
        atomic.make_folder(self.library.out / UPLOADS_FOLDER)
        atomic.write_bytes(self.library.out / UPLOADS_FOLDER / stored, content)
        return stored

    def _find_recordings(self, body: Mapping[str, Any]) -> list[Path]:
        """Return the uploaded file that the user names. Raises InputError if it was not uploaded."""
        name = str(body.get("spoken") or "")
        folder = self.library.out / UPLOADS_FOLDER
        if name and name not in ({path.name for path in folder.iterdir()} if folder.is_dir() else ()):
            raise InputError("the spoken expression is not there; choose the file again")
        return [folder / name] if name else []

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
