"""No answer of a language model is paid twice, whatever machine asked first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("openai")
pytest.importorskip("s3fs")

from alref.batch.answers import ANSWERS
from alref.cli import run_command
from alref.output.store import open_store
from support.batches import SETTINGS, get_states, run_batch, write_videos
from support.llm_server import ChatServer, serving
from support.s3_server import run_s3_server

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving('{"frame": 1, "box": 1, "reason": "it fits", "found": true}') as served:
        yield served


def ask(server: ChatServer) -> list[str]:
    """Return the flags of a reasoner that asks the server."""
    options = {"base_url": server.base_url, "model": "tiny", "input_price": 1, "output_price": 1, "ask_single": "true"}
    return ["--temporal", "openai", "--spatial", "openai"] + [
        word for name, value in options.items() for slot in ("temporal", "spatial") for word in ("-o", f"{slot}.{name}={value}")
    ]


def test_machines_share_the_answers_in_the_store(
    server: ChatServer, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = write_videos(tmp_path / "videos", ["a", "b"])
    with run_s3_server(monkeypatch):
        monkeypatch.setenv("ALREF_HOME", str(tmp_path / "one"))
        first = run_batch(capsys, videos, "s3://bucket/run", *ask(server))
        assert set(get_states(first).values()) == {"done"}
        asked = len(server.questions)
        assert asked >= 2
        store = open_store("s3://bucket/run")
        kept = [store.read_bytes(f"{ANSWERS}/{each.name}") for each in store.list_objects(ANSWERS)]
        assert len(kept) == asked
        assert all(json.loads(data or b"")["question"] for data in kept)
        for each in store.list_objects("units"):
            store.remove(f"units/{each.name}")
        monkeypatch.setenv("ALREF_HOME", str(tmp_path / "other"))
        assert set(get_states(run_batch(capsys, videos, "s3://bucket/run", *ask(server))).values()) == {"done"}
        assert len(server.questions) == asked


def test_two_commands_spend_one_budget(
    server: ChatServer, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    videos = write_videos(tmp_path / "videos", list("abcdefgh"))
    limit, price = 0.0046, 110e-6
    budget = [word for slot in ("temporal", "spatial") for word in ("-o", f"{slot}.max_cost={limit}")]
    words = ["batch", str(videos), "the dog", "--out", str(tmp_path / "store"), *SETTINGS, *ask(server), *budget, "--quiet"]
    codes: list[int] = []
    threads = [Thread(target=lambda: codes.append(run_command(words))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [4, 4]
    assert 2 * price <= price * len(server.questions) <= limit
    assert run_batch(capsys, videos, tmp_path / "store", *ask(server), *budget)[-1]["code"] == 4
    assert price * len(server.questions) <= limit
    raised = [word.replace(str(limit), "5") for word in budget]
    again = run_batch(capsys, videos, tmp_path / "store", *ask(server), *raised)
    assert set(get_states(again).values()) <= {"done", "cached"}
    assert len(server.questions) == 16
