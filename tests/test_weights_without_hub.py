"""Weights where the library of the hub is not installed: addresses and files work, names on the hub say what to install."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from alref.cli import run_command
from alref.errors import ContractError, MissingError
from alref.models.weights import Weights

DATA = b"weights of a small model"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _without_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "huggingface_hub"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.chdir(tmp_path)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def describe(model: str, address: str = "http://127.0.0.1:9") -> Weights:
    return Weights(model, urls={"small": f"{address}/small.onnx"}, sha256={"small.onnx": DIGEST})


def test_the_default_comes_from_its_address(tmp_path: Path) -> None:
    (tmp_path / "small.onnx").write_bytes(DATA)
    with serving(tmp_path) as address:
        weights = describe("small", address)
        assert weights.problems() == []
        assert weights.get_info().size == len(DATA)
        assert weights.fetch_files() == tmp_path / "home" / "weights" / "small.onnx"
    info = weights.get_info()
    assert (info.path, info.size, info.license) == (weights.fetch_files(), len(DATA), "")


def test_a_file_of_the_user_takes_the_place_of_the_default(tmp_path: Path) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes(b"other weights")
    weights = describe(str(own))
    assert weights.problems() == []
    assert weights.fetch_files() == weights.get_info().path == own


@pytest.mark.parametrize("model", ["own.onnx", "smal", "owner/model", "/nowhere/small.onnx"])
def test_a_file_that_does_not_exist_is_never_the_default(model: str, tmp_path: Path) -> None:
    place = tmp_path / "home" / "weights" / "small.onnx"
    place.parent.mkdir(parents=True)
    place.write_bytes(DATA)
    weights = describe(model)
    assert weights.find_complete_path() is None
    (problem,) = weights.problems()
    assert (problem.option, problem.value) == ("model", "FILE")
    assert model in problem.message
    assert "small" in problem.message
    with pytest.raises(MissingError):
        weights.fetch_files()


def test_an_address_without_a_digest_is_an_error_of_the_author() -> None:
    with pytest.raises(ContractError, match=r"small\.onnx"):
        Weights("small", urls={"small": "http://127.0.0.1:9/small.onnx"})


def test_a_name_on_the_hub_says_what_to_install() -> None:
    weights = Weights("owner/model")
    assert weights.find_complete_path() is None
    assert "pip install" in weights.problems()[0].hint
    assert weights.get_info().path is None
    with pytest.raises(MissingError, match="huggingface"):
        weights.fetch_files()


def test_a_folder_of_the_user_has_its_license_read(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.json").write_text("{}")
    (own / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    info = Weights(str(own), files=("config.json",)).get_info()
    assert (info.path, info.license) == (own, "mit")


def test_models_lists_and_downloads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.onnx").write_bytes(DATA)
    flags = ["--preset", "baseline", "--plugin", "mine.py", "--proposer", "mine"]
    with serving(tmp_path) as address:
        (tmp_path / "mine.py").write_text(PLUGIN.format(address=address, digest=DIGEST))
        assert run_command(["models", *flags]) == 0
        assert "alref models pull" in capsys.readouterr().out
        assert run_command(["models", "pull", *flags]) == 0
    assert (tmp_path / "home" / "weights" / "small.onnx").read_bytes() == DATA
    assert run_command(["models", *flags]) == 0


def test_doctor_works() -> None:
    assert run_command(["doctor"]) == 0


PLUGIN = '''
import alref
from alref.models.weights import Weights


class Mine(alref.Proposer):
    """Proposes nothing."""

    name = "mine"

    def weights(self):
        return [Weights("small", urls={{"small": "{address}/small.onnx"}}, sha256={{"small.onnx": "{digest}"}})]

    def propose(self, video, pivots):
        return []


@alref.hookimpl
def register_proposers():
    return [Mine]
'''


def test_weights_that_come_with_the_plugin_are_found_by_their_name(tmp_path: Path) -> None:
    brought, own = tmp_path / "brought.tflite", tmp_path / "own.tflite"
    brought.write_bytes(DATA)
    own.write_bytes(b"other weights")
    for model, path in (("small", brought), (str(own), own)):
        weights = Weights(model, included={"small": brought})
        assert weights.problems() == []
        assert weights.fetch_files() == weights.get_info().path == path
    (problem,) = Weights("smal", included={"small": brought}).problems()
    assert (problem.option, problem.value) == ("model", "FILE")
    with pytest.raises(MissingError):
        Weights("small", included={"small": tmp_path / "lost.tflite"}).fetch_files()
