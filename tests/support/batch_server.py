# ruff: noqa: N802 - names of http.server
"""A server on the loopback address with files and batches, as OpenAI's Batch API has them, which misbehaves on request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from threading import Thread
from typing import Any

from support.llm_server import Asked, Body, ChatServer, Handler, Reply, openai_data

Line = dict[str, Any]


class BatchServer(ChatServer):
    """Answers the questions of a batch with ``answer(body)`` when it has been looked at ``looks`` times.

    ``fate`` is called with the body of a question and returns the status and the words of an error, or None. ``before_batch``
    is called before a batch is made, which is not made if that returns True; ``before_reply`` before the reply is sent.
    """

    def __init__(self, answer: Callable[[Body], str], looks: int = 1) -> None:
        super().__init__(answer)
        self.http.RequestHandlerClass = type("Bound", (BatchHandler,), {"chat": self})
        self.looks = looks
        self.files: dict[str, str] = {}
        self.batches: dict[str, Line] = {}
        self.sent: Counter[str] = Counter()
        self.fate: Callable[[Body], tuple[int, str] | None] = lambda body: None
        self.finish = "stop"
        self.refuses = ""
        self.before_batch: Callable[[], object] = lambda: None
        self.before_reply: Callable[[], object] = lambda: None
        self.removed: list[str] = []

    def reply(self, asked: Asked) -> Reply:
        if not asked.path.startswith(("/v1/files", "/v1/batches")):
            return super().reply(asked)
        with self.lock:
            _, _, kind, *rest = asked.path.partition("?")[0].split("/")
            if kind == "files":
                return Reply(raw=self.files[rest[0]].encode())
            if asked.body:
                return self._create_batch(asked.body)
            if rest:
                return Reply(data=self._look(self.batches[rest[0]]))
            return Reply(data={"object": "list", "data": [*self.batches.values()], "has_more": False})

    def add_file(self, content: str) -> Line:
        """Store a file and return its description."""
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return {"id": name, "object": "file", "bytes": len(content), "created_at": 1, "filename": "f", "purpose": "batch"}

    def _create_batch(self, body: Body) -> Reply:
        if self.before_batch():
            return Reply(reset=True)
        name = f"batch_{len(self.batches)}"
        lines = list(map(json.loads, self.files[body["input_file_id"]].splitlines()))
        self.sent.update(line["custom_id"] for line in lines)
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "created_at": 1,
            "status": "in_progress",
            **{key: body[key] for key in ("endpoint", "input_file_id", "completion_window")},
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        self.looked_at = Counter(dict.fromkeys(self.batches, 0))
        self.before_reply()
        return Reply(data=self.batches[name])

    def _look(self, batch: Line) -> Line:
        self.looked_at[batch["id"]] += 1
        if batch["status"] == "in_progress" and self.looked_at[batch["id"]] > self.looks:
            if self.refuses:
                batch |= {"status": "failed", "errors": {"object": "list", "data": [{"code": "x", "message": self.refuses}]}}
            else:
                self._finish(batch)
        return batch

    def _finish(self, batch: Line) -> None:
        done: list[Line] = []
        failed: list[Line] = []
        for line in map(json.loads, self.files[batch["input_file_id"]].splitlines()):
            fate = self.fate(line["body"])
            response: Line = {"status_code": 200, "request_id": "r"}
            if fate is None:
                response["body"] = openai_data(line["body"], self.answer(line["body"]), Reply(finish=self.finish))
                done.append({"id": "1", "custom_id": line["custom_id"], "response": response, "error": None})
            elif fate[0]:
                response |= {"status_code": fate[0], "body": {"error": {"message": fate[1]}}}
                failed.append({"id": "1", "custom_id": line["custom_id"], "response": response, "error": None})
            else:
                error = {"code": "batch_expired", "message": fate[1]}
                failed.append({"id": "1", "custom_id": line["custom_id"], "response": None, "error": error})
        for name, lines in (("output_file_id", done), ("error_file_id", failed)):
            batch[name] = self.add_file("\n".join(map(json.dumps, lines)))["id"] if lines else None
        counts = {"total": len(done) + len(failed), "completed": len(done), "failed": len(failed)}
        batch |= {"status": "completed", "request_counts": counts}


class BatchHandler(Handler):
    chat: BatchServer

    def do_POST(self) -> None:
        if not self.path.startswith("/v1/files"):
            super().do_POST()
            return
        content = self.rfile.read(int(self.headers["Content-Length"]))
        message = BytesParser().parsebytes(b"Content-Type: " + self.headers["Content-Type"].encode() + b"\n\n" + content)
        parts = {part.get_param("name", header="content-disposition"): part for part in message.get_payload()}
        assert parts["purpose"].get_payload() == "batch"
        self._send(Reply(data=self.chat.add_file(parts["file"].get_payload(decode=True).decode())))

    def do_DELETE(self) -> None:
        name = self.path.rpartition("/")[2]
        self.chat.removed.append(name)
        self._send(Reply(data={"id": name, "object": "file", "deleted": True}))


@contextmanager
def serving_batches(answer: str, **facts: Any) -> Iterator[BatchServer]:
    """Run a server for the time of a ``with`` block."""
    server = BatchServer(lambda body: answer, **facts)
    thread = Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()
