"""Workers that do what their task says, in the process of a runner."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

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


def fail_to_start(device: str) -> TaskWorker:
    raise MissingError("the weights are missing")


def end_at_start(device: str) -> TaskWorker:
    os._exit(9)
