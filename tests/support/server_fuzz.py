"""Mutated replies of servers: no traceback, no hang, only documented exit codes, and no question answered twice.

PYTHONPATH=tests python -m support.server_fuzz COUNT [SEED]    (500 take about five minutes)
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from alref.cli import run_command
from alref.plugins import manager
from alref.testing import make_moving_square, write_frames
from support.llm_run import ServerScript, arguments, right, settings
from support.llm_server import Body, ChatServer, Reply, ollama_data, openai_data, serving

EXIT_CODES = {0, 3, 5}
"""A question answered or given up with a visible fallback, a question refused, a server that fails."""
TIMEOUT = 0.5
LONGEST = 20.0
"""Seconds that a run may take: two questions, each sent at most twice with its time-out, on a busy machine."""
JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 10**400, float("nan"), float("inf")),
    *("", " ", "error", "stop", "length", "content_filter", "null", "\ud800", "\x00\x1b[31m", "9" * 5000, "<html>"),
    *([], {}, [[]], [None], {"error": "x"}, [{"type": "text", "text": "hi"}], {"message": None}),
)
STATUSES = (
    200,
    201,
    204,
    206,
    299,
    300,
    304,
    400,
    401,
    402,
    403,
    404,
    405,
    408,
    409,
    413,
    415,
    422,
    429,
    500,
    502,
    503,
    504,
    529,
    599,
)
HEADERS: tuple[dict[str, str], ...] = (
    *({"Retry-After": value} for value in ("-1", "nan", "inf", "soon", "0.001", "1e300", "Wed, 99 Foo 2026 00:00:00 GMT")),
    *({"Content-Type": value} for value in ("text/html", "text/event-stream", "", "application/json; charset=utf-99", "\x80")),
    *({"Content-Encoding": value} for value in ("gzip", "br", "zstd", "deflate", "identity, nonsense")),
    *({"Content-Length": value} for value in ("0", "1", "99999", "-1", "many")),
    *({"Transfer-Encoding": value} for value in ("chunked", "gzip")),
    {"X-Padding": "x" * 200_000},
)
LOCATIONS = ("", "/", "http://", "http://[::1", "ftp://127.0.0.1/", "//", "\x00", "http://127.0.0.1:1/v1", "javascript:1")


@dataclass
class Report:
    """What came of it: exit codes, and one line for each fault with the seed that makes it again."""

    codes: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def mutate_reply(dice: random.Random, service: str) -> Reply:
    """Return an answer that is wrong in one to four ways."""
    speak = openai_data if service == "openai" else ollama_data
    data: Any = speak({"model": "tiny"}, '{"why": "there", "finding": "found", "frame": 2, "box": 2}', Reply())
    reply: dict[str, Any] = {"headers": {"Retry-After": "0.001", "Connection": "close"}}
    content: bytes | None = None
    for _ in range(dice.randint(1, 4)):
        kind = dice.choice(("value", "value", "value", "bytes", "status", "header", "stream", "network", "error"))
        if kind == "value":
            data = change_value(dice, data)
        elif kind == "bytes":
            content = change_bytes(dice, write_json(data) if content is None else content)
        elif kind == "status":
            reply["status"] = dice.choice(STATUSES)
            if reply["status"] in (300, 304) or dice.random() < 0.2:
                reply["status"], reply["headers"] = (
                    dice.choice((301, 302, 307, 308)),
                    {"Location": dice.choice(LOCATIONS), "Connection": "close"},
                )
        elif kind == "header":
            reply["headers"] = {**reply["headers"], **dice.choice(HEADERS)}
        elif kind == "stream":
            content = make_stream(dice, data)
        elif kind == "network":
            reply[dice.choice(("cut", "reset", "silent", "trickle"))] = True
        else:
            error = {"message": dice.choice(JUNK), "code": dice.choice((*STATUSES, *JUNK)), "type": dice.choice(JUNK)}
            data = {**(data if isinstance(data, dict) else {}), "error": dice.choice((error, "down", *JUNK))}
    return Reply(raw=write_json(data) if content is None else content, **reply)


def write_json(data: Any) -> bytes:
    return json.dumps(data).encode()


def change_value(dice: random.Random, data: Any) -> Any:
    """Return plain data in which one value is replaced, left out, wrapped or renamed."""
    if isinstance(data, dict) and data and dice.random() < 0.85:
        name = dice.choice(sorted(data))
        what = dice.random()
        if what < 0.6:
            return {**data, name: change_value(dice, data[name])}
        rest = {each: value for each, value in data.items() if each != name}
        return rest if what < 0.85 else {**rest, f"{name}_": data[name]}
    if isinstance(data, list) and data and dice.random() < 0.85:
        return [change_value(dice, data[0]), *data[1:]]
    return dice.choice((*JUNK, [data], {"value": data}, [data, data]))


def change_bytes(dice: random.Random, content: bytes) -> bytes:
    """Return a body that is cut, repeated, nested, compressed, or has other bytes in it."""
    place = dice.randint(0, max(0, len(content) - 1))
    return dice.choice(
        (
            lambda: content[:place],
            lambda: content[:place] + bytes([dice.randint(0, 255)]) + content[place + 1 :],
            lambda: content[:place] + bytes(dice.randint(0, 255) for _ in range(8)) + content[place:],
            lambda: content * 2,
            lambda: b"\xef\xbb\xbf" + content,
            lambda: b"\n\n" + content + b"\n\n",
            lambda: b"[" * 100_000 + content,
            lambda: gzip.compress(content),
            lambda: content.decode("utf-8", "replace").encode("utf-16"),
        )
    )()


def make_stream(dice: random.Random, data: Any) -> bytes:
    """Return the answer as a stream of events or of lines, of which some are wrong."""
    deltas = [{"choices": [{"delta": {"content": part}, "finish_reason": None}]} for part in ('{"frame"', ": 2}")]
    parts = [*deltas, change_value(dice, deltas[0]), data, {"choices": [{"delta": {}, "finish_reason": "stop"}]}]
    dice.shuffle(parts)
    start, end = dice.choice((("data: ", "\n\n"), ("data:", "\r\n"), ("", "\n"), ("event: x\ndata: ", "\n\n")))
    body = "".join(f"{start}{json.dumps(part)}{end}" for part in parts[: dice.randint(1, len(parts))])
    return (body + dice.choice(("", "data: [DONE]\n\n", "data: {"))).encode()


class CountedAnswers:
    """Answers as a model does, and counts how often each question was answered."""

    def __init__(self) -> None:
        self.given: Counter[str] = Counter()

    def __call__(self, body: Body) -> str:
        self.given[hashlib.sha256(json.dumps(body["messages"], sort_keys=True).encode()).hexdigest()] += 1
        return right(body)


def try_reply(folder: Path, server: ChatServer, answers: CountedAnswers, service: str, dice: random.Random) -> tuple[int, str]:
    """Run a video with a mutated reply first, then once more without; return the exit code and the fault, if any."""
    server.queue[:] = [mutate_reply(dice, service) for _ in range(dice.randint(1, 3))]
    asked = settings(server, service, folder / "answers.sqlite", timeout=TIMEOUT, retries=1)
    line = [each for each in arguments(folder.parent / "clip", folder / "out", asked) if each not in ("the cat", "the cup")]
    shown = io.StringIO()
    started = time.perf_counter()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        code = run_command(line)
        taken = time.perf_counter() - started
        server.queue.clear()
        again = run_command(line)
    said = shown.getvalue()
    if code not in EXIT_CODES or again != 0:
        return code, f"exit codes {code}, {again}: {said[-300:]}"
    if "Traceback" in said or "unexpected error" in said:
        return code, said[-300:]
    if taken > LONGEST:
        return code, f"{taken:.0f} s"
    twice = [count for count in answers.given.values() if count > 1]
    return code, f"a question was answered {twice[0]} times" if twice else ""


def run_fuzz(count: int, seed: int = 0) -> Report:
    """Try ``count`` mutated replies, half of them of each protocol."""
    report, started = Report(), time.perf_counter()
    script = ServerScript()
    with (
        mock.patch.object(manager, "entry_points", return_value=script.entries),
        mock.patch("alref.llm.server_connection.FIRST_WAIT", 0.001),
        mock.patch("ssl.SSLContext.load_verify_locations", return_value=None),
        tempfile.TemporaryDirectory() as home,
    ):
        write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], Path(home) / "clip")
        for number in range(seed, seed + count):
            folder = Path(home) / str(number)
            folder.mkdir()
            answers = CountedAnswers()
            service = ("openai", "ollama")[number % 2]
            with serving(answers) as server:
                code, fault = try_reply(folder, server, answers, service, random.Random(number))
            report.codes[code] += 1
            report.faults += [f"seed {number}, {service}: {fault}"] if fault else []
    report.seconds = time.perf_counter() - started
    return report


if __name__ == "__main__":
    found = run_fuzz(*map(int, sys.argv[1:]))
    print(f"exit codes {dict(sorted(found.codes.items()))}, {found.seconds:.0f} s, {len(found.faults)} faults")
    print(*found.faults, sep="\n")
    sys.exit(bool(found.faults))
