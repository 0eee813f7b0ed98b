"""Questions in batches of the server: few batches, the same results, half the price, and nothing is sent twice."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("openai")

from alref.cli import run_command
from alref.errors import InputError
from alref.llm.batch_service import BATCH_PRICE
from alref.output.store import open_store
from support.batch_server import BatchServer, serving_batches
from support.batches import INLINE, SETTINGS, get_states, read_results, run_batch, write_videos
from support.llm_server import TOKENS, Body

Capture = pytest.CaptureFixture[str]
ANSWER = '{"frame": 1, "box": 1, "reason": "it fits", "found": true}'
PRICE = sum(TOKENS) * 1e-6
NAMES = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("alref.batch.question_batches.FIRST_WAIT", 0.0)
    write_videos(tmp_path / "videos", NAMES)
    return tmp_path


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with serving_batches(ANSWER) as served:
        yield served


def ask(server: BatchServer, **more: Any) -> list[str]:
    """Return the flags of reasoners that ask the server in batches."""
    options = {"base_url": server.base_url, "model": "tiny", "input_price": 1, "output_price": 1, "ask_single": "true"}
    options |= {"batch": "true", **more}
    return ["--temporal", "openai", "--spatial", "openai"] + [
        word for name, value in options.items() for slot in ("temporal", "spatial") for word in ("-o", f"{slot}.{name}={value}")
    ]


def list_left(store: Path) -> Counter[str]:
    """Count what a batch left in its store besides results."""
    objects = open_store(store)
    return Counter({name: len(objects.list_objects(name)) for name in ("questions", "replies", "batches", "claims")})


def test_all_units_ask_in_two_batches_for_half_the_price(server: BatchServer, home: Path, capsys: Capture) -> None:
    events = run_batch(capsys, home / "videos", home / "store", *ask(server))
    assert get_states(events) == dict.fromkeys(NAMES, "done")
    assert [each["request_counts"]["total"] for each in server.batches.values()] == [3, 3]
    assert server.questions == []
    assert events[-2]["cost"] == pytest.approx(6 * BATCH_PRICE * PRICE)
    assert list_left(home / "store").total() == 0
    assert {each["input_file_id"] for each in server.batches.values()} <= set(server.removed)
    online = run_batch(capsys, home / "videos", home / "online", *ask(server, batch="false", answers=home / "other"))
    assert get_states(online) == dict.fromkeys(NAMES, "done")
    assert online[-2]["cost"] == pytest.approx(6 * PRICE)
    found = [read_results(home / name).values() for name in ("store", "online")]
    plain = [sorted(data.partition(b'"config"')[0] for data in each) for each in found]
    assert plain[0] == plain[1]


def test_answers_of_a_batch_are_in_the_answer_store(server: BatchServer, home: Path, capsys: Capture) -> None:
    run_batch(capsys, home / "videos", home / "store", *ask(server))
    again = run_batch(capsys, home / "videos", home / "other", *ask(server))
    assert get_states(again) == dict.fromkeys(NAMES, "done")
    assert again[-2]["cost"] == 0
    assert len(server.batches) == 2


@pytest.mark.parametrize("moment", ["uploaded", "made", "running"])
def test_a_killed_command_sends_nothing_twice(moment: str, server: BatchServer, home: Path, capsys: Capture) -> None:
    code = "import sys; from alref.cli import main; main(sys.argv[1:])"
    words = ["batch", str(home / "videos"), "the dog", "--out", str(home / "store"), *SETTINGS, "--plugin", str(INLINE)]
    killed = subprocess.Popen([sys.executable, "-c", code, *words, "--runner", "inline", *ask(server)], stderr=subprocess.PIPE)
    server.looks = 10**9
    if moment == "uploaded":
        server.before_batch = lambda: killed.kill() is None
    elif moment == "made":
        server.before_reply = killed.kill
    else:
        assert killed.stderr is not None
        next(line for line in killed.stderr if b"batch_0: 0 of 3" in line)
        killed.kill()
    killed.communicate()
    assert len(server.batches) == (moment != "uploaded")
    server.looks, server.before_batch, server.before_reply = 0, lambda: None, lambda: None
    events = run_batch(capsys, home / "videos", home / "store", *ask(server))
    assert get_states(events) == dict.fromkeys(NAMES, "done")
    assert len(server.batches) == 2
    assert set(server.sent.values()) == {1}
    assert list_left(home / "store").total() == 0


@pytest.mark.parametrize("fate", [(400, "the image is too large"), (0, "not done within 24 hours")])
def test_a_question_that_fails_is_named_and_asked_again(
    fate: tuple[int, str], server: BatchServer, home: Path, capsys: Capture
) -> None:
    unlucky: list[str] = []

    def decide(body: Body) -> tuple[int, str] | None:
        unlucky.append(str(body["messages"]))
        return fate if unlucky[0] == unlucky[-1] else None

    server.fate = decide
    events = run_batch(capsys, home / "videos", home / "store", *ask(server))
    assert Counter(get_states(events).values()) == {"done": 2, "failed": 1}
    (failure,) = events[-2]["failures"]
    assert fate[1] in failure["error"]
    assert events[-1]["code"] == InputError.exit_code
    server.fate = lambda body: None
    again = run_batch(capsys, home / "videos", home / "store", *ask(server), "--retry-failed")
    assert Counter(get_states(again).values()) == {"done": 1, "cached": 2}
    assert list_left(home / "store").total() == 0


def test_a_refused_parameter_is_left_out(server: BatchServer, home: Path, capsys: Capture) -> None:
    server.fate = lambda body: (400, "Unsupported parameter: temperature") if "temperature" in body else None
    events = run_batch(capsys, home / "videos", home / "store", *ask(server))
    assert get_states(events) == dict.fromkeys(NAMES, "done")
    assert len(server.batches) == 3


def test_an_answer_that_cannot_be_stored_is_asked_for_once(server: BatchServer, home: Path, capsys: Capture) -> None:
    server.finish = "content_filter"
    events = run_batch(capsys, home / "videos", home / "store", *ask(server))
    assert get_states(events) == dict.fromkeys(NAMES, "done")
    assert set(server.sent.values()) == {1}


def test_a_refused_batch_ends_the_command_and_is_sent_again(server: BatchServer, home: Path, capsys: Capture) -> None:
    server.refuses = "enqueued token limit reached"
    events = run_batch(capsys, home / "videos", home / "store", *ask(server))
    assert events[-1]["code"] == 5
    assert get_states(events) == {}
    server.refuses = ""
    assert get_states(run_batch(capsys, home / "videos", home / "store", *ask(server))) == dict.fromkeys(NAMES, "done")


def test_a_budget_holds_before_anything_is_sent(server: BatchServer, home: Path, capsys: Capture) -> None:
    events = run_batch(capsys, home / "videos", home / "store", *ask(server, max_cost=0.0001))
    assert events[-1]["code"] == 4
    assert server.batches == {}
    assert server.files == {}


def test_two_commands_send_each_question_once(server: BatchServer, home: Path) -> None:
    words = ["batch", str(home / "videos"), "the dog", "--out", str(home / "store"), *SETTINGS, "--quiet", *ask(server)]
    words += ["--plugin", str(INLINE), "--runner", "inline"]
    codes: list[int] = []
    threads = [Thread(target=lambda: codes.append(run_command(words))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]
    assert len(server.sent) == 6
    assert set(server.sent.values()) == {1}
    assert list_left(home / "store").total() == 0


def test_only_a_batch_of_videos_sends_batches(server: BatchServer, home: Path, capsys: Capture) -> None:
    video = str(home / "videos" / "a.gif")
    assert run_command(["run", video, "the dog", "--out", str(home / "run"), *SETTINGS, *ask(server)]) == 5
    assert "alref batch" in capsys.readouterr().err
