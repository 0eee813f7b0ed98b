"""Workers that do what their task says, in the process of a runner."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Any

from alref.components.runner import Runner, RunnerTask, WorkerEvent, WorkerFactory
from alref.errors import InputError, MissingError


class TaskWorker:
    """Returns what it is given with its process; ends, hangs or fails when it is told to."""

    def __init__(self, device: str) -> None:
        self.device = device

    def __call__(self, content: Any) -> Any:
        if content == "end":
            os._exit(3)
        if content == "hang":
            time.sleep(600)
        if content == "block":  # in C, without letting another thread of Python run
            ctypes.PyDLL(None).sleep(600)
        if content == "fail":
            raise InputError("this video cannot be read")
        if content == "defect":
            raise ZeroDivisionError("division by zero")
        if isinstance(content, Path):  # end the first process that does it
            if not content.exists():
                content.touch()
                os._exit(3)
            content = content.name
        print("what a component prints is no reply")
        return content, os.getpid(), self.device


class QueueRunner(Runner):
    """Has workers that hold one task more than they do, and a clock that each task moves on by its content in seconds."""

    name = "queue"
    queue = 1

    def open(self) -> None:
        self.clock = 0.0
        self.most_held = 0
        self._held: list[list[RunnerTask]] = []

    def start_worker(self, make_worker: WorkerFactory, device: str) -> int:
        self._held.append([])
        return len(self._held) - 1

    def submit_task(self, worker: int, task: RunnerTask) -> None:
        self._held[worker].append(task)
        self.most_held = max(self.most_held, len(self._held[worker]))

    def wait_events(self, seconds: float) -> list[WorkerEvent]:
        worker = len(self._held) - 1
        if not self._held[worker]:
            return [WorkerEvent(worker, "ready")]
        task = self._held[worker].pop(0)
        if task.content == "end":
            return [WorkerEvent(worker, "lost", reason="ended")]
        self.clock += task.content
        return [WorkerEvent(worker, "finished", task.key)]

    def stop_worker(self, worker: int) -> None:
        self._held[worker].clear()


def fail_to_start(device: str) -> TaskWorker:
    raise MissingError("the weights are missing")


def end_at_start(device: str) -> TaskWorker:
    os._exit(9)
