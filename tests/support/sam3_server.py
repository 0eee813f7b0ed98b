"""A server on the loopback address that speaks the protocol of the hosted SAM 3.1, and misbehaves on request."""

from __future__ import annotations

import json
import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler
from threading import Lock, Thread
from typing import Any, Literal

import numpy as np
from meta_sam_parser._mask_codec import _encode_raster

from alref.utils.masks import Mask
from support.llm_server import Listener

KEY = "sk-paid-for"
Objects = Mapping[int, Mapping[int, Mask]]
"""Masks bool (H, W) by object id and frame."""


@dataclass(frozen=True)
class Misbehavior:
    """What is done to one request: a status instead of an answer, or how the answer goes wrong."""

    status: int = 200
    code: str = ""
    retry_after: str = ""
    how: Literal["", "cut", "reset", "end early", "failed event", "refusal", "incomplete", "wrong lane"] = ""


def format_records(objects: Objects, confidence: float | None = 0.9, pad: bool = True) -> list[str]:
    """Return one line for each frame with an object, forward from the middle and then backward to the start."""
    frames = sorted({frame for masks in objects.values() for frame, mask in masks.items() if mask.any()})
    middle = len(frames) // 2
    return [_format_line(frame, objects, confidence, pad) for frame in [*frames[middle:], *reversed(frames[:middle])]]


def _format_line(frame: int, objects: Objects, confidence: float | None, pad: bool) -> str:
    shown = {each: masks[frame] for each, masks in objects.items() if frame in masks and masks[frame].any()}
    records = []
    for each, mask in shown.items():
        rows, columns = np.nonzero(mask)
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        inside = mask[top:bottom, left:right].astype(np.uint8)
        height, width = (side + side % 2 if pad else side for side in mask.shape)
        sure = "" if confidence is None else f";c={confidence}"
        payload = _encode_raster(inside.tobytes(), inside.shape[1], inside.shape[0])
        records.append(
            f"{each}<|box;x1={left};y1={top};x2={right - 1};y2={bottom - 1};w={width};h={height}{sure}|>"
            f"<|mask;x=0;y=0{sure};data={inside.shape[0]},{inside.shape[1]},{payload}|>"
        )
    return f"<{frame}f>{','.join(records)}"


class Sam3Server:
    """Answers each request with ``answer(text)``: lines of the protocol. ``plan`` is what happens to the next requests.

    ``key`` is the only key that it takes, any if empty. ``billed`` counts the requests that the service would put on the bill;
    ``uploads`` are the bytes of files.
    """

    def __init__(self, answer: Callable[[str], list[str]]) -> None:
        self.answer = answer
        self.plan: list[Misbehavior] = []
        self.upload_plan: list[Misbehavior] = []
        self.requests: list[dict[str, Any]] = []
        self.uploads: list[bytes] = []
        self.models = ["sam-3.1"]
        self.key = KEY
        self.billed = 0
        self.lock = Lock()
        server = self

        class Bound(Handler):
            service = server

        self.http = Listener(("127.0.0.1", 0), Bound)
        self.base_url = f"http://127.0.0.1:{self.http.server_port}/v1"

    @property
    def prompts(self) -> list[str]:
        """The text of each request."""
        return [each["input"][0]["content"][0]["text"] for each in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Sam3Server

    def do_GET(self) -> None:
        if self._is_allowed():
            self._send_json(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.service.models]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._is_allowed():
            return
        if self.path == "/v1/files":
            self._take_file(body)
        else:
            self._answer_request(json.loads(body))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def _is_allowed(self) -> bool:
        allowed = not self.service.key or self.headers.get("Authorization") == f"Bearer {self.service.key}"
        if not allowed:
            self._send_json(401, {"error": {"message": f"Incorrect key: {self.headers.get('Authorization')}"}})
        return allowed

    def _take_file(self, body: bytes) -> None:
        planned = self.service.upload_plan.pop(0) if self.service.upload_plan else Misbehavior()
        if planned.status != 200:
            self._send_error(planned)
            return
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        parts = {each.get_param("name", header="content-disposition"): each for each in message.iter_parts()}
        assert parts["purpose"].get_payload(decode=True) == b"user_data"
        assert parts["file"].get_content_type() == "video/mp4"
        self.service.uploads.append(parts["file"].get_payload(decode=True))
        self._send_json(200, {"id": f"file-{len(self.service.uploads)}", "object": "file", "purpose": "user_data"})

    def _answer_request(self, body: dict[str, Any]) -> None:
        with self.service.lock:
            self.service.requests.append(body)
            planned = self.service.plan.pop(0) if self.service.plan else Misbehavior()
        text, video = body["input"][0]["content"]
        assert body["model"] in self.service.models
        assert body["stream"] is True
        assert video["type"] == "input_video"
        assert re.fullmatch(r"file-\d+", video["file_id"])
        if planned.status != 200:
            self.service.billed += planned.status >= 500
            self._send_error(planned)
            return
        self.service.billed += 1
        if planned.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self._stream("".join(f"{line}\n" for line in self.service.answer(text["text"])), planned)

    def _stream(self, text: str, planned: Misbehavior) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        events = list(_list_events(text, planned))
        shown = events[: len(events) // 2] if planned.how in ("cut", "end early") else events
        for event in shown:
            self._send_chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        if planned.how != "cut":
            self._send_chunk(b"")
        self.close_connection = True

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _send_error(self, planned: Misbehavior) -> None:
        headers = {"Retry-After": planned.retry_after} if planned.retry_after else {}
        self._send_json(planned.status, {"error": {"message": f"refused with {KEY}", "code": planned.code}}, headers)

    def _send_json(self, status: int, data: Any, headers: Mapping[str, str] = {}) -> None:
        content = json.dumps(data).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _list_events(text: str, planned: Misbehavior) -> Iterator[dict[str, Any]]:
    """Yield the events of a response as the service sends them; chunks split anywhere."""
    lane = {"item_id": "message-1", "output_index": 0, "content_index": 0}
    response = {"id": "resp-1", "object": "response", "created_at": 1, "model": "sam-3.1", "output": [], "status": "completed"}
    yield {"type": "response.created", "response": {**response, "status": "in_progress"}}
    for start in range(0, len(text), 97):
        yield {"type": "response.output_text.delta", "delta": text[start : start + 97], **lane}
    if planned.how == "failed event":
        yield {"type": "response.failed", "response": {**response, "status": "failed", "error": {"message": "GPU lost"}}}
        return
    if planned.how == "refusal":
        yield {"type": "response.refusal.done", "refusal": "not this video", **lane}
        return
    part = {"type": "output_text", "text": text[:-1] if planned.how == "wrong lane" else text, "annotations": []}
    yield {"type": "response.content_part.done", "part": part, **lane}
    if planned.how == "incomplete":
        yield {"type": "response.incomplete", "response": {**response, "incomplete_details": {"reason": "max_output_tokens"}}}
        return
    yield {"type": "response.completed", "response": response}


@contextmanager
def serve_sam3(answer: Callable[[str], list[str]]) -> Iterator[Sam3Server]:
    """Run a server for the time of a ``with`` block."""
    server = Sam3Server(answer)
    thread = Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()
