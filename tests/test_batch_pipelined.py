"""A worker reasons about the next videos while it propagates one: shown by events, on which both sides wait."""

from __future__ import annotations

import json
import socketserver
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest

pytest.importorskip("openai")

from support.batch_plugin import GATE
from support.batches import get_states, run_batch, write_videos
from support.llm_server import Body, ChatServer, serving, text_of

ANSWER = '{"frame": 1, "box": 1, "reason": "it fits", "found": true}'
DEADLINE = 120.0
"""Seconds after which one side gives up waiting for the other, so that a failure ends."""


@dataclass
class Rendezvous:
    """The questions about ``video b`` wait until a video is propagated, and that waits until they are asked."""

    propagated: Event = field(default_factory=Event)
    asked: Event = field(default_factory=Event)
    met: list[bool] = field(default_factory=list)

    def answer(self, body: Body) -> str:
        if "video b" in text_of(body) and not self.asked.is_set():
            self.met.append(self.propagated.wait(DEADLINE))
            self.asked.set()
        return ANSWER

    def open_gate(self) -> None:
        self.propagated.set()
        self.met.append(self.asked.wait(DEADLINE))


@pytest.fixture
def rendezvous(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Rendezvous, ChatServer]]:
    made = Rendezvous()

    class Gate(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            made.open_gate()
            self.request.sendall(b"!")

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(made.answer) as llm, socketserver.ThreadingTCPServer(("127.0.0.1", 0), Gate) as gate:
        thread = Thread(target=gate.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv(GATE, str(gate.server_address[1]))
        yield made, llm
        gate.shutdown()
        thread.join()


@pytest.mark.parametrize("runner", ["local", "ray"])
def test_questions_are_asked_while_a_video_is_propagated(
    runner: str,
    rendezvous: tuple[Rendezvous, ChatServer],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if runner == "ray":
        pytest.importorskip("ray")
        monkeypatch.setenv("RAY_ADDRESS", "local")
    met, llm = rendezvous
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    write_videos(tmp_path, ["a", "b"])
    rows = [{"id": name, "video": f"{name}.gif", "expressions": [f"the video {name}"]} for name in "ab"]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    options = {"base_url": llm.base_url, "model": "tiny", "ask_single": "true"}
    asked = [
        word for name, value in options.items() for word in ("-o", f"temporal.{name}={value}", "-o", f"spatial.{name}={value}")
    ]
    words = ["--temporal", "openai", "--spatial", "openai", *asked, "--runner", runner, "--jobs", "1"]
    events = run_batch(capsys, tmp_path / "rows.jsonl", tmp_path / "store", *words)
    assert get_states(events) == {"a": "done", "b": "done"}
    assert met.met
    assert all(met.met)
