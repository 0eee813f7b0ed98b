"""The server of the page without a browser: who may use it, and what it gives."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from alref.config import VideoOptions
from alref.errors import InputError
from alref.media.reader import open_video
from alref.utils.masks import Mask, Rle, decode_mask
from alref_studio import StudioCommand
from alref_studio.library import Library
from support.studio import FRAMES, HEIGHT, TOKEN, WIDTH, SteppedPropagator, make_studio_pipeline, save_squares, serve_studio


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, list[list[Mask]]]]:
    """Return the address of a studio with one run, the clip, and the true masks."""
    folder = tmp_path_factory.mktemp("studio")
    pipeline = make_studio_pipeline()
    clip, run, truth = save_squares(folder, pipeline)
    with serve_studio([clip], run.parent, pipeline) as (address, _):
        yield address, clip, truth


def request(address: str, path: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, bytes, Any]:
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port or 0, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    payload = None if body is None else json.dumps(body).encode()
    if payload is not None:
        sent.setdefault("content-type", "application/json")
    connection.request(method, path if path.startswith("/") else place.path + path, payload, sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def read(address: str, path: str) -> Any:
    status, content, _ = request(address, path)
    assert status == 200, content
    return json.loads(content)


def find_run(address: str) -> str:
    run: str = read(address, "state")["videos"][0]["runs"][0]["id"]
    return run


@pytest.mark.parametrize("path", ["/", "/state", "/page/main.js", "/wrong/state", f"/{TOKEN}x/state"])
def test_nothing_is_told_without_the_token(served: Any, path: str) -> None:
    assert request(served[0], path)[0] == 403


def test_the_token_without_a_slash_leads_to_the_page(served: Any) -> None:
    status, _, headers = request(served[0], f"/{TOKEN}")
    assert (status, headers["location"]) == (307, f"{TOKEN}/")


def test_a_prefix_of_a_proxy_may_stand_before_the_token(served: Any) -> None:
    assert request(served[0], f"/user/me/proxy/8421/{TOKEN}/state")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_the_servers_is_refused(served: Any, host: str) -> None:
    assert request(served[0], "state", host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:8421"])
def test_a_tunnel_may_use_another_port(served: Any, host: str) -> None:
    assert request(served[0], "state", host=host)[0] == 200


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}], ids=str
)
def test_another_site_changes_nothing(served: Any, headers: dict[str, str]) -> None:
    assert request(served[0], "cancel", "POST", {}, **headers)[0] == 403


def test_the_page_itself_may(served: Any) -> None:
    place = urlsplit(served[0]).netloc
    assert request(served[0], "cancel", "POST", {}, origin=f"http://{place}", host=place)[0] == 200


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [("text/plain", {}, 415), ("application/json", [], 400), ("application/json", {"x": "y" * 1_000_001}, 413)],
    ids=["form", "list", "large"],
)
def test_what_is_sent_is_checked(served: Any, content_type: str, body: Any, status: int) -> None:
    assert request(served[0], "cancel", "POST", body, content_type=content_type)[0] == status


@pytest.mark.parametrize("path", ["page/../__init__.py", "page/..%2f__init__.py", "page/%2e%2e/_runtime.py", "runs/../state2"])
def test_no_file_outside_the_page_is_given(served: Any, path: str) -> None:
    assert request(served[0], path)[0] == 404


def test_answers_may_not_be_framed_or_kept(served: Any) -> None:
    headers = request(served[0], "state")[2]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")


def test_a_frame_is_the_one_that_alref_reads(served: Any) -> None:
    address, clip, _ = served
    video = open_video(clip)
    for base in (f"runs/{find_run(address)}", f"videos/{read(address, 'state')['videos'][0]['id']}"):
        for index in (0, 7, FRAMES - 1):
            status, content, headers = request(address, f"{base}/frames/{index}?w=4000")
            assert (status, headers["content-type"]) == (200, "image/jpeg")
            image = cv2.cvtColor(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            assert image.shape == (HEIGHT, WIDTH, 3)
            assert np.abs(image.astype(int) - video[index]).mean() < 4


def test_a_frame_is_shrunk_to_the_width_that_is_asked(served: Any) -> None:
    content = request(served[0], f"runs/{find_run(served[0])}/frames/3?w=64")[1]
    assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape == (HEIGHT // 2, 64, 3)


@pytest.mark.parametrize("path", [f"frames/{FRAMES}", "frames/1?w=x", "frames/1?w=-5", "masks?from=x", "objects/9/thumbnail"])
def test_what_is_not_there_is_an_error_in_words(served: Any, path: str) -> None:
    status, content, _ = request(served[0], f"runs/{find_run(served[0])}/{path}")
    assert status == 422
    assert "expected" in json.loads(content)["error"]


def test_masks_are_those_of_the_run(served: Any) -> None:
    address, _, truth = served
    found = read(address, f"runs/{find_run(address)}/masks?from=4&to=99")
    assert (found["first"], found["size"]) == (4, [HEIGHT, WIDTH])
    for number, masks in enumerate(truth, 1):
        counts = found["counts"][str(number)]
        assert len(counts) == FRAMES - 4
        for frame, text in enumerate(counts, 4):
            expected = masks[frame]
            assert bool(text) == expected.any()
            assert not text or np.array_equal(decode_mask(Rle(size=(HEIGHT, WIDTH), counts=text)), expected)


def test_a_run_tells_where_its_objects_are(served: Any) -> None:
    run = read(served[0], f"runs/{find_run(served[0])}")
    red, green, blue = run["objects"]
    assert (red["present"], green["present"]) == ([[0, FRAMES - 1]], [[0, FRAMES // 2 - 1]])
    assert [flag["frame"] for flag in blue["flags"]] == [5]
    assert len({tuple(each["color"]) for each in run["objects"]}) == 3
    assert run["video"]["times"] == sorted(run["video"]["times"])


def test_a_thumbnail_shows_the_object(served: Any) -> None:
    content = request(served[0], f"runs/{find_run(served[0])}/objects/1/thumbnail")[1]
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    blue, _, red = image[image.shape[0] // 2, image.shape[1] // 2].tolist()
    assert red > 100
    assert max(image.shape[:2]) == 160
    assert blue != red


def test_what_cannot_be_opened_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.yaml").write_text("format: 99")
    (tmp_path / "empty").mkdir()
    for path in ("run", "empty", "missing.mp4"):
        with pytest.raises(InputError, match=path):
            Library([tmp_path / path], tmp_path / "out", VideoOptions())


def test_a_run_that_cannot_be_read_is_listed_with_its_error(served: Any) -> None:
    folder = served[1].parent / "runs" / "old"
    folder.mkdir()
    (folder / "run.yaml").write_text("format: 0")
    (fault,) = read(served[0], "state")["faults"]
    assert fault["folder"] == "old"
    assert fault["error"].startswith("old/run.yaml: cannot be read")
    assert len(read(served[0], "state")["videos"][0]["runs"]) == 1


def test_no_path_is_told_to_find_a_video(served: Any) -> None:
    state = read(served[0], "state")
    assert str(served[1].parent) not in json.dumps(state)
    assert request(served[0], "videos/../../etc")[0] == 404
    assert request(served[0], "videos/squares")[0] == 422


def test_the_models_of_a_run_are_loaded_before_a_click(served: Any) -> None:
    SteppedPropagator.loaded.clear()
    assert request(served[0], f"runs/{find_run(served[0])}/prepare", "POST", {"frame": 3})[0] == 200
    assert SteppedPropagator.loaded.wait(20)


def test_uploads_are_off_by_default(served: Any) -> None:
    assert request(served[0], "uploads?name=a.wav", "POST", {})[0] == 403


def test_all_videos_of_a_folder_are_listed(tmp_path: Path) -> None:
    for name in ("b.mov", "a.mp4", "notes.txt"):
        (tmp_path / name).touch()
    library = Library([tmp_path], tmp_path / "out", VideoOptions())
    assert [video.path.name for video in library.list_videos()] == ["a.mp4", "b.mov"]


def test_the_command_prints_how_to_open_the_page_from_elsewhere(
    served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alref_studio._runtime.serve", lambda *given: None)
    arguments = [str(served[1]), "--out", str(tmp_path), "--no-browser", "--port", "0"]
    found = CliRunner().invoke(StudioCommand.build_command(), arguments)
    assert found.exit_code == 0, found.output
    address = re.search(r"http://127\.0\.0\.1:(\d+)/[\w-]{32,}/", found.output)
    assert address is not None
    assert f"ssh -L {address[1]}:127.0.0.1:{address[1]} " in found.output
