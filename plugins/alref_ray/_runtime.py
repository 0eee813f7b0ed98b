"""The actors of a Ray cluster that do tasks."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone unless the user asks for it

import ray
from ray.exceptions import RayError

from alref import AlrefError, MissingError, Problem, RunnerTask, Worker, WorkerEvent, WorkerFactory
from alref.errors import format_exception, sanitize_line

CONNECT_SECONDS = 5.0
MAX_REASON = 120
"""Characters of Ray's own words about a lost actor; its log has the rest."""
START_HINT = "start a cluster with `ray start --head`, and name it in RAY_ADDRESS; or use --runner local"


def check_address(address: str) -> None:
    """Raise MissingError if nothing listens at the address of a cluster; Ray itself would wait for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not (colon and port.isdecimal()):
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        message = f"no Ray cluster at RAY_ADDRESS={address} ({error.strerror or error})"
        raise MissingError(Problem(message=message, hint=START_HINT)) from None


class RayWorker:
    """An actor: it makes a worker once, and does its tasks. What is printed goes to the log that Ray brings back."""

    def __init__(self) -> None:
        sys.stdout = sys.stderr  # standard output of the command is for its events
        self._worker: Worker | None = None

    def make(self, make_worker: WorkerFactory, device: str, folder: str) -> AlrefError | None:
        """Make the worker, in the folder of the command if this machine has it; return the error if that is not possible."""
        try:
            if Path(folder).is_dir():
                os.chdir(folder)  # relative paths mean the same here
            self._worker = make_worker(device)
        except AlrefError as error:
            return error
        return None

    def do(self, content: Any) -> tuple[Any, AlrefError | None]:
        """Do one task; return its output, or its error."""
        assert self._worker is not None
        try:
            return self._worker(content), None
        except AlrefError as error:
            return None, error
        except Exception as error:  # a defect is the outcome of a task, and not the end of a worker
            return None, AlrefError(f"unexpected error: {format_exception(error)}")


class RayWorkers:
    """The actors of one run, by number, and the calls that are under way."""

    def __init__(self, devices: Sequence[str], overlap: int) -> None:
        self._connected_here = not ray.is_initialized()
        if self._connected_here:
            check_address(os.environ.get("RAY_ADDRESS", ""))
            os.environ.setdefault("RAY_worker_niceness", "0")  # else workers that Ray starts here give way to every program
            try:
                ray.init(include_dashboard=False, logging_level=logging.WARNING, log_to_driver=True)
            except (ConnectionError, OSError, RuntimeError, ValueError) as error:
                raise MissingError(Problem(message=f"no Ray cluster ({format_exception(error)})", hint=START_HINT)) from error
        kinds = {device.partition(":")[0] for device in devices}
        self._on_gpu = "cuda" in kinds or (not kinds and ray.cluster_resources().get("GPU", 0) > 0)
        resources = {"num_gpus": 1, "num_cpus": 0} if self._on_gpu else {"num_cpus": 1}
        self._actor_class = ray.remote(max_restarts=0, max_task_retries=0, max_concurrency=max(1, overlap), **resources)(
            RayWorker
        )
        self._actors: dict[int, Any] = {}
        self._calls: dict[Any, tuple[int, str]] = {}
        self._numbers = count()

    def count_devices(self) -> int:
        """Return the number of GPUs of the cluster, or of its CPUs."""
        return max(1, int(ray.cluster_resources().get("GPU" if self._on_gpu else "CPU", 1)))

    def start(self, make_worker: WorkerFactory, device: str) -> int:
        """Start an actor and return its number."""
        number = next(self._numbers)
        self._actors[number] = self._actor_class.remote()
        self._calls[self._actors[number].make.remote(make_worker, device, str(Path.cwd()))] = (number, "")
        return number

    def submit(self, worker: int, task: RunnerTask) -> None:
        """Call an actor with a task."""
        self._calls[self._actors[worker].do.remote(task.content)] = (worker, task.key)

    def wait(self, seconds: float) -> list[WorkerEvent]:
        """Return the news of all calls that ended, waiting for the first at most so long."""
        ended, _ = ray.wait(list(self._calls), timeout=seconds)
        if ended:
            ended, _ = ray.wait(list(self._calls), num_returns=len(self._calls), timeout=0)
        return [self._read_call(call) for call in ended]

    def stop(self, worker: int) -> None:
        """Kill an actor, and forget its calls."""
        actor = self._actors.pop(worker, None)
        if actor is not None:
            ray.kill(actor, no_restart=True)
        self._calls = {call: (number, key) for call, (number, key) in self._calls.items() if number != worker}

    def close(self) -> None:
        """Disconnect, if this run connected."""
        if self._connected_here:
            ray.shutdown()

    def _read_call(self, call: Any) -> WorkerEvent:
        worker, key = self._calls.pop(call)
        try:
            answer = ray.get(call)
        except RayError as error:
            return WorkerEvent(worker, "lost", reason=sanitize_line(str(error), MAX_REASON))
        if key:
            return WorkerEvent(worker, "finished", key, *answer)
        return WorkerEvent(worker, "ready") if answer is None else WorkerEvent(worker, "lost", error=answer)
