"""One thread owns the models. It does one job at a time, and one more may wait.

Previews, the masks of single frames while the user points, are done at once: between two frames of the running job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from threading import Event, Lock, Thread, current_thread
from typing import Any, Literal

from alref import AlrefError, StageEvent, hookimpl
from alref.errors import format_exception
from alref_studio.events import EventHub

State = Literal["waiting", "running", "done", "failed", "cancelled"]
_NUMBERS = count(1)


class JobCancelled(KeyboardInterrupt):
    """Ends a job between two frames; it passes through stages as Ctrl-C does."""


class WorkerBusyError(AlrefError):
    """A job runs, and another one waits already."""

    exit_code = 1


@dataclass(eq=False)
class StudioJob:
    """A job: ``work(job)`` returns what the page gets at its end, and calls ``advance`` now and then.

    ``is_cancelled`` is set by the page; the next ``advance`` then raises JobCancelled.
    """

    kind: str
    title: str
    work: Callable[[StudioJob], Any]
    run: str = ""
    state: State = "waiting"
    stage: str = ""
    component: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    outcome: Any = None
    number: int = field(default_factory=lambda: next(_NUMBERS))
    is_cancelled: Event = field(default_factory=Event)
    finished: Event = field(default_factory=Event)
    on_change: Callable[[StudioJob], None] = lambda job: None

    def advance(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Tell the pages how far the job is. Raises JobCancelled if it was cancelled."""
        if self.is_cancelled.is_set():
            raise JobCancelled
        self.show_progress(stage, done, total)

    def show_progress(self, stage: str, done: int, total: int) -> None:
        """Tell the pages how far the job is; a job that is asked whether it is cancelled ends by itself."""
        self.stage, self.done, self.total = stage, done, total
        self.on_change(self)

    def to_dict(self) -> dict[str, Any]:
        """Return what the page shows."""
        names = ("number", "kind", "title", "run", "state", "stage", "component", "done", "total", "message", "outcome")
        return {name: getattr(self, name) for name in names}


class Worker(Thread):
    """The thread of the models. It does jobs in the order in which they are submitted, and previews before anything else."""

    def __init__(self, hub: EventHub) -> None:
        super().__init__(name="models", daemon=True)
        self._hub = hub
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._lock = Lock()
        self._jobs: list[StudioJob] = []
        self._previews: list[StudioJob] = []
        self._is_previewing = False
        self._last: StudioJob | None = None

    def submit(self, job: StudioJob) -> StudioJob:
        """Start a job, or let it wait for the running one. Raises WorkerBusyError if one waits already."""
        job.on_change = self._tell
        with self._lock:
            if len(self._jobs) > 1:
                raise WorkerBusyError(f"busy with: {self._jobs[0].title}; wait until it ends, or cancel it")
            self._jobs.append(job)
        self._wake.put(True)
        self._tell(job)
        return job

    def submit_preview(self, job: StudioJob) -> StudioJob:
        """Do a job of which the pages do not hear, between two frames of the running one.

        While a correction of another run is computed, it waits for the end of that: the models may be those of that run. A
        preparation replaces one that waits, since the page shows another frame now.
        """
        with self._lock:
            if job.kind == "prepare":
                self._previews = [each for each in self._previews if each.kind != "prepare"]
            self._previews.append(job)
        self._wake.put(True)
        return job

    def cancel(self) -> None:
        """Cancel the running job, between two frames, and the waiting one."""
        with self._lock:
            for job in self._jobs:
                job.is_cancelled.set()

    def describe_job(self) -> dict[str, Any] | None:
        """Return the running job, else the last one, as the page shows it; None before the first."""
        with self._lock:
            job = self._jobs[0] if self._jobs else self._last
        return None if job is None else job.to_dict()

    def run(self) -> None:
        """Work until ``close``."""
        while self._wake.get():
            self._do_previews()
            with self._lock:
                job = self._jobs[0] if self._jobs else None
            if job is None:
                continue
            self._do_job(job)
            with self._lock:
                self._jobs.remove(job)
                self._last = job
            job.finished.set()
            self._tell(job)

    def close(self, timeout: float = 10.0) -> None:
        """Cancel all jobs and end the thread."""
        self.cancel()
        self._wake.put(False)
        if self.is_alive():
            self.join(timeout)
        for job in (*self._jobs, *self._previews):
            job.state = "cancelled"
            job.finished.set()

    def _do_previews(self, running: StudioJob | None = None) -> None:
        """Do the previews that wait, except those for which the running job has no models."""
        while True:
            with self._lock:
                fitting = [each for each in self._previews if not running or running.kind != "edit" or each.run == running.run]
                if not fitting:
                    return
                self._previews.remove(fitting[0])
            self._is_previewing = True
            self._do_job(fitting[0])
            self._is_previewing = False
            fitting[0].finished.set()

    def _do_job(self, job: StudioJob) -> None:
        try:
            job.state = "running"
            job.advance("starting")
            job.outcome = job.work(job)
            job.state = "cancelled" if job.is_cancelled.is_set() else "done"
        except KeyboardInterrupt:
            job.state = "cancelled"
        except AlrefError as error:
            job.state, job.message = "failed", str(error)
        except Exception as error:  # the last resort: a defect, which must not end the thread
            logging.getLogger("alref.studio").exception("%s failed", job.title)
            job.state, job.message = "failed", f"unexpected error: {format_exception(error)}"

    def _tell(self, job: StudioJob) -> None:
        self._hub.publish("job", job.to_dict())
        if current_thread() is self and job.state == "running" and not self._is_previewing:
            self._do_previews(job)


class JobObserver:
    """Tells the running job what the stages of its pipeline do."""

    def __init__(self) -> None:
        self.__name__ = "studio"
        self.job: StudioJob | None = None

    @hookimpl
    def stage_started(self, event: StageEvent) -> None:
        """Tell that a stage started."""
        self._advance(event)

    @hookimpl
    def stage_advanced(self, event: StageEvent) -> None:
        """Tell how far a stage is; a cancelled job ends here."""
        self._advance(event)

    @hookimpl
    def stage_finished(self, event: StageEvent) -> None:
        """Tell that a stage ended."""
        self._advance(event)

    def _advance(self, event: StageEvent) -> None:
        if self.job is not None:
            self.job.component = event.component
            self.job.advance(event.stage, event.done, event.total)
