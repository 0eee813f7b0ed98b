"""A runner for the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alref import Runner, RunnerTask, WorkerEvent, WorkerFactory, hookimpl

if TYPE_CHECKING:
    from alref_ray._runtime import RayWorkers


class RayRunner(Runner):
    """Runs tasks on a Ray cluster: one actor for each GPU, or for each CPU; RAY_ADDRESS names the cluster."""

    name = "ray"
    extra = "ray"
    needs = ("ray",)
    queue = 1

    def __init__(
        self, jobs: int | None = None, devices: Sequence[str] = (), timeout: float | None = None, overlap: int = 1
    ) -> None:
        super().__init__(jobs, devices, timeout, overlap)
        self._asked = jobs or len(self.devices)
        self._workers: RayWorkers | None = None

    @property
    def workers(self) -> RayWorkers:
        """The actors of the cluster, after ``open``."""
        assert self._workers is not None, "open() comes first"
        return self._workers

    def open(self) -> None:
        """Connect to the cluster that RAY_ADDRESS names, or to that of this machine, or start one here."""
        from alref_ray._runtime import RayWorkers

        self._workers = RayWorkers(self.devices, self.overlap)
        self.jobs = self._asked or self._workers.count_devices()

    def start_worker(self, make_worker: WorkerFactory, device: str) -> int:
        """Ask the cluster for an actor; it waits until there is room, which a cluster that scales may make."""
        return self.workers.start(make_worker, device.partition(":")[0])

    def submit_task(self, worker: int, task: RunnerTask) -> None:
        """Send a task to an actor."""
        self.workers.submit(worker, task)

    def wait_events(self, seconds: float) -> list[WorkerEvent]:
        """Return the news that came, waiting for the first at most so long."""
        return self.workers.wait(seconds)

    def stop_worker(self, worker: int) -> None:
        """Kill an actor."""
        self.workers.stop(worker)

    def close(self) -> None:
        """Disconnect from the cluster, unless the program was connected before."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None


@hookimpl
def register_runners() -> list[type[Runner]]:
    """Register the runner of Ray clusters."""
    return [RayRunner]
