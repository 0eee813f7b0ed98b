"""The thread of the models: jobs one after the other, previews between their frames."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

from alref_studio.events import EventHub
from alref_studio.worker import StudioJob, Worker, WorkerBusyError

SECONDS = 20


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(EventHub())
    made.start()
    yield made
    made.close()


def make_preview(run: str = "a") -> StudioJob:
    return StudioJob("preview", "a mask", lambda job: "counts", run=run)


def hold_job(kind: str, started: Event, resumed: Event, before_end: StudioJob) -> StudioJob:
    """Return a job of run "a" that reports one frame when it is resumed; its outcome says whether a preview was done then."""

    def work(job: StudioJob) -> bool:
        started.set()
        assert resumed.wait(SECONDS)
        job.show_progress("propagating", 1, 2)
        return before_end.finished.is_set()

    return StudioJob(kind, "a long job", work, run="a")


@pytest.mark.parametrize(("kind", "run", "is_between"), [("edit", "a", True), ("ask", "b", True), ("edit", "b", False)])
def test_a_preview_is_done_between_two_frames(worker: Worker, kind: str, run: str, is_between: bool) -> None:
    started, resumed, preview = Event(), Event(), make_preview(run)
    job = worker.submit(hold_job(kind, started, resumed, preview))
    assert started.wait(SECONDS)
    worker.submit_preview(preview)
    resumed.set()
    assert job.finished.wait(SECONDS)
    assert preview.finished.wait(SECONDS)
    assert (job.outcome, preview.outcome) == (is_between, "counts")


def test_a_preview_of_a_preview_waits(worker: Worker) -> None:
    inner = make_preview()

    def work(job: StudioJob) -> bool:
        worker.submit_preview(inner)
        job.show_progress("one frame", 1, 1)
        return inner.finished.is_set()

    outer = worker.submit_preview(StudioJob("preview", "a mask", work, run="a"))
    assert inner.finished.wait(SECONDS) if outer.finished.wait(SECONDS) else False
    assert outer.outcome is False


def test_a_newer_preparation_replaces_one_that_waits(worker: Worker) -> None:
    started, resumed, done = Event(), Event(), list[str]()
    job = worker.submit(hold_job("edit", started, resumed, make_preview()))
    assert started.wait(SECONDS)
    last = [StudioJob("prepare", name, lambda job: done.append(job.title), run="a") for name in ("first", "second")]
    for each in last:
        worker.submit_preview(each)
    resumed.set()
    assert job.finished.wait(SECONDS)
    assert last[1].finished.wait(SECONDS)
    assert done == ["second"]


def test_previews_take_no_place_of_a_job(worker: Worker) -> None:
    started, resumed = Event(), Event()
    worker.submit(hold_job("edit", started, resumed, make_preview()))
    assert started.wait(SECONDS)
    previews = [worker.submit_preview(make_preview()) for _ in range(3)]
    second = worker.submit(StudioJob("edit", "a short job", lambda job: None))
    with pytest.raises(WorkerBusyError):
        worker.submit(StudioJob("edit", "one too many", lambda job: None))
    resumed.set()
    assert second.finished.wait(SECONDS)
    assert all(each.outcome == "counts" for each in previews)
    told = worker.describe_job()
    assert told is not None
    assert told["title"] == "a short job"


def test_nobody_waits_for_a_closed_worker() -> None:
    worker, started, resumed = Worker(EventHub()), Event(), Event()
    worker.start()
    waiting = make_preview("b")
    job = worker.submit(hold_job("edit", started, resumed, waiting))
    assert started.wait(SECONDS)
    worker.submit_preview(waiting)
    worker.close(timeout=0)
    assert waiting.finished.is_set()
    resumed.set()
    assert job.finished.wait(SECONDS)
