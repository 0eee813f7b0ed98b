"""No answer of a language model is paid twice, whatever machine asked first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("openai")
pytest.importorskip("s3fs")

from alref.batch.answers import ANSWERS
from alref.output.store import open_store
from support.batches import get_states, run_batch, write_videos
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


def test_a_budget_is_that_of_all_workers(
    server: ChatServer, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    videos = write_videos(tmp_path / "videos", list("abcdefgh"))
    budget = [word for slot in ("temporal", "spatial") for word in ("-o", f"{slot}.max_cost=0.0046")]
    events = run_batch(capsys, videos, tmp_path / "store", *ask(server), *budget, "--runner", "local", "--jobs", "2")
    assert events[-1]["code"] == 4
    spent = 110e-6 * len(server.questions)
    assert spent <= 0.0046
    done = sum(state == "done" for state in get_states(events).values())
    assert done < 8
    raised = [word.replace("0.0046", "5") for word in budget]
    again = run_batch(capsys, videos, tmp_path / "store", *ask(server), *raised)
    assert sum(state == "cached" for state in get_states(again).values()) >= done
    assert set(get_states(again).values()) <= {"done", "cached"}
