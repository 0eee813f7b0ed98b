"""Batches whose workers, commands and store fail at random moments, compared with an undisturbed one.

Two commands write to one store at the same time. Now and then a worker or a command is killed, or the store refuses requests.
A command that ends before it is done is started again.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from alref.output.store import ObjectStore, open_store
from support.batch_plugin import LOG
from support.batches import SETTINGS
from support.llm_server import ChatServer
from support.s3_server import S3Server

ANSWER = '{"frame": 1, "box": 1, "reason": "it fits", "found": true}'
COMMANDS = 2
UNDER_WAY = 4
"""Units that an event may lose for each worker: three are computed at a time, and one is being written."""


@dataclass
class Chaos:
    """One store, the commands that write to it, and what was done to them."""

    videos: Path
    home: Path
    llm: ChatServer
    bucket: S3Server | None = None
    runner: str = "local"
    jobs: int = 2
    seed: int = 0
    seconds: float = 0.05
    commands: list[subprocess.Popen[bytes]] = field(default_factory=list)
    done_to: Counter[str] = field(default_factory=Counter)

    @property
    def store(self) -> str:
        return "s3://bucket/chaos" if self.bucket else str(self.home / "store")

    def start_command(self) -> subprocess.Popen[bytes]:
        """Start one command in a process of its own."""
        options = {"base_url": self.llm.base_url, "model": "tiny", "ask_single": "true"}
        asked = [
            w for name, value in options.items() for slot in ("temporal", "spatial") for w in ("-o", f"{slot}.{name}={value}")
        ]
        words = ["batch", str(self.videos), "the dog", "--out", self.store, *SETTINGS, "--quiet", "--retry-failed"]
        words += ["--temporal", "openai", "--spatial", "openai", *asked, "--runner", self.runner, "--jobs", str(self.jobs)]
        environment = {
            **os.environ,
            "ALREF_HOME": str(self.home / "alref"),
            LOG: str(self.home / "log"),
            "BATCH_SECONDS": str(self.seconds),
            "RAY_ADDRESS": "local",
            "RAY_worker_niceness": "0",
        }
        code = "import sys; from alref.cli import main; main(sys.argv[1:])"
        with (self.home / "stderr").open("ab") as errors:
            return subprocess.Popen([sys.executable, "-c", code, *words], env=environment, stdout=errors, stderr=errors)

    def run_undisturbed(self) -> None:
        """Run one command to its end."""
        self.home.mkdir(parents=True)
        assert self.start_command().wait() == 0, (self.home / "stderr").read_text()

    def run_disturbed(self, events: int, pause: float) -> None:
        """Run two commands, do something to them ``events`` times, and let them end."""
        self.home.mkdir(parents=True)
        chance = random.Random(self.seed)
        self.commands = [self.start_command() for _ in range(COMMANDS)]
        deadline = time.monotonic() + 600
        while any(each.poll() != 0 for each in self.commands):
            assert time.monotonic() < deadline, (self.home / "stderr").read_text()[-4000:]
            self._restart_ended()
            time.sleep(pause * chance.uniform(0.3, 1.0))
            if self.done_to.total() < events and (self.home / "log").exists():
                self._disturb(chance)

    def _restart_ended(self) -> None:
        for number, each in enumerate(self.commands):
            if each.poll() not in (None, 0):
                self.commands[number] = self.start_command()

    def _disturb(self, chance: random.Random) -> None:
        kinds = ["worker", "worker", "command", *(["store"] if self.bucket else [])]
        kind = chance.choice(kinds)
        if kind == "store":
            assert self.bucket is not None
            self.bucket.queue.extend(chance.choice(["busy", "broken", "conflict"]) for _ in range(chance.randint(1, 4)))
        else:
            running = [each.pid for each in self.commands if each.poll() is None]
            found = running if kind == "command" else sorted(self._list_workers(running))
            if not found:
                return
            try:
                os.kill(chance.choice(found), signal.SIGKILL)
            except ProcessLookupError:
                return
        self.done_to[kind] += 1

    def _list_workers(self, commands: list[int]) -> Iterator[int]:
        wanted = "ray::RayWorker" if self.runner == "ray" else "alref_baseline.worker_process"
        for process, words in list_descendants(commands):
            if wanted in words:
                yield process

    def open_store(self) -> ObjectStore:
        return open_store(self.store)

    def read_results(self) -> dict[str, bytes]:
        """Return ``result.json`` of every unit by key; an answer from the store counts as one of the model."""
        store, found = self.open_store(), {}
        for each in store.list_objects("units"):
            with tarfile.open(fileobj=BytesIO(store.read_bytes(f"units/{each.name}") or b"")) as archive:
                file = archive.extractfile("result.json")
                assert file is not None
                found[each.name] = re.sub(rb'"source":"cache"', b'"source":"model"', file.read())
        return found

    def count_computed(self) -> Counter[str]:
        """Return how often each video was computed."""
        return Counter((self.home / "log").read_text().split())


def list_descendants(roots: list[int]) -> Iterator[tuple[int, str]]:
    """Yield the processes below some processes, with their command lines."""
    parents: dict[int, int] = {}
    words: dict[int, str] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat, line = (path / "stat").read_text(), (path / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(path.name)] = int(stat.rpartition(")")[2].split()[1])
        words[int(path.name)] = line.replace(b"\0", b" ").decode(errors="replace")
    for process in parents:
        above = process
        while above in parents and above not in roots:
            above = parents[above]
        if above in roots and process not in roots:
            yield process, words[process]


def count_questions(llm: ChatServer) -> Counter[str]:
    """Return how often the server answered each question."""
    return Counter(json.dumps(body, sort_keys=True) for body in llm.questions)
