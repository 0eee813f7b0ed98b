"""The runner of one machine: workers are processes, each with models of its own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO

from alref import Runner, RunnerTask, WorkerEvent, WorkerFactory
from alref.models import cpu_tuning

CUDA_VARIABLE, THREADS_VARIABLE = "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"


@dataclass
class _Process:
    """A process, and the stream of what it is asked."""

    process: subprocess.Popen[bytes]
    requests: IO[bytes]


class LocalRunner(Runner):
    """Runs tasks in processes on this machine, each with models of its own."""

    name = "local"

    def open(self) -> None:
        """Prepare the queue of events."""
        self._events: SimpleQueue[WorkerEvent] = SimpleQueue()
        self._processes: dict[int, _Process] = {}
        self._numbers = count()

    def start_worker(self, make_worker: WorkerFactory, device: str) -> int:
        """Start a process and return its number."""
        number = next(self._numbers)
        process = subprocess.Popen(
            [sys.executable, "-m", "alref_baseline.worker_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._make_environment(device),
        )
        assert process.stdin is not None
        self._processes[number] = _Process(process, process.stdin)
        Thread(target=self._read_replies, args=(number, process), daemon=True, name=f"worker-{number}").start()
        self._send(number, (make_worker, device.partition(":")[0], self.overlap))
        return number

    def submit_task(self, worker: int, task: RunnerTask) -> None:
        """Send a task to a process."""
        self._send(worker, (task.key, task.content))

    def wait_events(self, seconds: float) -> list[WorkerEvent]:
        """Return the news that came, waiting for the first at most so long."""
        events: list[WorkerEvent] = []
        try:
            events.append(self._events.get(timeout=seconds))
            while True:
                events.append(self._events.get_nowait())
        except Empty:
            return [event for event in events if event.worker in self._processes]

    def stop_worker(self, worker: int) -> None:
        """Kill a process; an idle one has nothing to lose."""
        stopped = self._processes.pop(worker, None)
        if stopped is not None:
            stopped.process.kill()
            stopped.process.wait()

    def _make_environment(self, device: str) -> dict[str, str]:
        """Return the environment of a worker: where modules are, one device of its own, and its share of the cores."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}  # noqa: PTH109
        kind, _, index = device.partition(":")
        if kind == "cuda" and index:
            visible = [each for each in os.environ.get(CUDA_VARIABLE, "").split(",") if each]
            environment[CUDA_VARIABLE] = visible[int(index)] if int(index) < len(visible) else index
        if self.jobs > 1:
            environment.setdefault(THREADS_VARIABLE, str(max(1, cpu_tuning.count_threads() // self.jobs)))
        return environment

    def _send(self, worker: int, message: object) -> None:
        """Send a message to a process; one that has ended is reported where its replies are read."""
        requests = self._processes[worker].requests
        try:
            pickle.dump(message, requests, protocol=pickle.HIGHEST_PROTOCOL)
            requests.flush()
        except OSError:
            return

    def _read_replies(self, worker: int, process: subprocess.Popen[bytes]) -> None:
        """Put the replies of a process into the queue until it ends."""
        assert process.stdout is not None
        try:
            while True:
                kind, key, output, error = pickle.load(process.stdout)  # noqa: S301 - from a process of this run
                self._events.put(WorkerEvent(worker, kind, key, output, error))
        except (EOFError, OSError, pickle.UnpicklingError):
            code = process.wait()
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._events.put(WorkerEvent(worker, "lost", reason=reason))
        finally:
            process.stdout.close()
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
