"""Videos at web addresses: fetched once, copied within a limit, and named when they cannot be had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from alref.batch.video_files import VideoCache
from support.batches import get_states, run_batch, write_videos


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the videos of a folder; ``/loop`` redirects to itself for ever."""
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = write_videos(tmp_path / "served", ["a", "b"])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = folder / self.path.strip("/")
            data = path.read_bytes() if path.is_file() else b""
            self.send_response(302 if self.path == "/loop" else 200 if data else 404)
            for name, value in {"Location": "/loop", "Content-Length": str(len(data)), "ETag": f'"{path.name}"'}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_urls_are_rows_and_bad_ones_are_named(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"whole": "a.gif", "endless": "loop", "missing": "nothing.gif"}
    rows = [{"id": name, "video": f"{address}/{path}"} for name, path in names.items()]
    rows.append({"id": "nobody", "video": "http://127.0.0.1:1/a.gif"})
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    events = run_batch(capsys, tmp_path / "rows.jsonl", tmp_path / "store")
    assert get_states(events) == {"whole": "done", "endless": "failed", "missing": "failed", "nobody": "failed"}
    errors = {each["id"]: each["error"] for each in events[-2]["failures"]}
    assert "redirects" in errors["endless"]
    assert all("cannot be downloaded" in error for error in errors.values())
    assert get_states(run_batch(capsys, tmp_path / "rows.jsonl", tmp_path / "store"))["whole"] == "cached"


def test_copies_keep_to_their_limit_and_one_in_use_stays(address: str, tmp_path: Path) -> None:
    cache = VideoCache(tmp_path / "copies", limit=1)
    with cache.fetch(f"{address}/a.gif", "1") as first, cache.fetch(f"{address}/b.gif", "2") as second:
        assert first.read_bytes() == (tmp_path / "served" / "a.gif").read_bytes()
        assert second.read_bytes() == (tmp_path / "served" / "b.gif").read_bytes()
    with cache.fetch(f"{address}/a.gif", "3"):
        assert [path.name for path in (tmp_path / "copies").iterdir() if path.suffix == ".gif"] == ["3.gif"]
