from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from alref.errors import OutputError
from alref.models.weights import Weights
from support.fake_hub import COMMIT, FakeHub
from support.tiny_hub import NAME, fetch_with_error, find_problem, run_tiny_hub, safetensors

pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    with run_tiny_hub(monkeypatch, tmp_path) as hub:
        yield hub


def folder(path: Path, **files: bytes) -> Path:
    path.mkdir()
    for name, data in {"config.json": b"{}", "model.safetensors": safetensors(), **files}.items():
        (path / name).write_bytes(data)
    return path


def test_a_folder_is_used_where_it_is(tmp_path: Path) -> None:
    place = folder(tmp_path / "own")
    weights = Weights(str(place))
    assert weights.problems() == []
    assert weights.find_complete_path() == weights.fetch_files() == Path(weights.get_source()) == place


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file(tmp_path: Path, name: str) -> None:
    place = folder(tmp_path / "own")
    (place / name).unlink()
    weights = Weights(str(place), option="backbone")
    problem = find_problem(weights)
    assert name in problem.message
    assert (problem.hint, problem.option, problem.value) == (f"hf download NAME --local-dir {place}", "backbone", "FOLDER")
    assert weights.find_complete_path() is None
    assert fetch_with_error(weights) == problem


def test_one_of_several_names_is_enough(tmp_path: Path) -> None:
    weights = Weights(str(folder(tmp_path / "own", vocab=b"")), files=("config.json", "tokenizer.json|vocab"))
    assert weights.problems() == []
    (tmp_path / "own" / "vocab").unlink()
    assert "tokenizer.json" in find_problem(weights).message


def test_weights_in_parts_are_all_looked_for(tmp_path: Path) -> None:
    place = folder(tmp_path / "own")
    (place / "model.safetensors").rename(place / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (place / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00002-of-00002.safetensors" in find_problem(Weights(str(place))).message
    (place / "model-00002-of-00002.safetensors").write_bytes(safetensors(9)[:-1])
    assert "model-00002-of-00002.safetensors" in find_problem(Weights(str(place))).message
    (place / "model-00002-of-00002.safetensors").write_bytes(safetensors(9))
    assert Weights(str(place)).problems() == []
    (place / "model.safetensors.index.json").write_text("{")
    assert "model.safetensors.index.json" in find_problem(Weights(str(place))).message


def test_weights_that_could_run_code_are_not_taken(tmp_path: Path) -> None:
    place = folder(tmp_path / "own", **{"pytorch_model.bin": b""})
    (place / "model.safetensors").unlink()
    assert "safetensors" in find_problem(Weights(str(place))).message
    assert fetch_with_error(Weights(str(place))) == find_problem(Weights(str(place)))


@pytest.mark.parametrize("data", [safetensors()[:-1], safetensors()[:20], b"", b"\xff" * 50, b"<html>not found</html>"])
def test_a_file_of_weights_that_is_cut_off(tmp_path: Path, data: bytes) -> None:
    weights = Weights(str(folder(tmp_path / "own", **{"model.safetensors": data})))
    problem = find_problem(weights)
    assert "model.safetensors" in problem.message
    if len(data) > 50:
        assert f"{len(data):,}" in problem.message
    assert problem.hint.startswith("hf download NAME")
    assert weights.find_complete_path() is None


def test_only_the_header_of_safetensors_is_read(tmp_path: Path) -> None:
    place = folder(tmp_path / "own")
    with (place / "model.safetensors").open("wb") as file:
        header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1000000000000]}}'
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 10**12)
    assert Weights(str(place)).problems() == []


def test_a_file_of_the_user_that_is_not_the_one_expected(tmp_path: Path) -> None:
    place = folder(tmp_path / "own")
    digest = hashlib.sha256(safetensors()).hexdigest()
    weights = Weights(str(place), sha256={"model.safetensors": digest})
    assert weights.problems() == []
    (place / "model.safetensors").write_bytes(safetensors()[:-1] + b"x")
    assert digest in find_problem(weights).message


@pytest.mark.parametrize("model", ["./nowhere", "~/nowhere", "/no/where", "no name!"])
def test_neither_a_place_nor_a_name(model: str) -> None:
    problem = find_problem(Weights(model))
    assert model in problem.message
    assert problem.value == "FOLDER"


def test_a_model_is_fetched_from_the_hub(hub: FakeHub) -> None:
    weights = Weights(NAME)
    assert weights.problems() == []
    assert (weights.find_complete_path(), weights.get_source()) == (None, NAME)
    place = weights.fetch_files()
    assert place.name == COMMIT
    assert sorted(path.name for path in place.iterdir()) == ["config.json", "model.safetensors"]
    assert (weights.find_complete_path(), weights.get_source(), weights.problems()) == (place, str(place), [])
    before = len(hub.requests)
    assert weights.fetch_files() == place
    assert len(hub.requests) == before


def test_words_and_parts_are_fetched_and_nothing_else(hub: FakeHub) -> None:
    del hub.models[NAME]["model.safetensors"]
    parts = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = {"weight_map": {str(place): name for place, name in enumerate(parts)}}
    words = dict.fromkeys(("tokenizer.json", "merges.txt", "chat_template.jinja", "README.md"), b"{}")
    others = dict.fromkeys(("consolidated.safetensors", "onnx/config.json", "model.onnx", "flax_model.msgpack"), b"")
    hub.models[NAME] |= dict.fromkeys(parts, safetensors(9)) | words | others
    hub.models[NAME]["model.safetensors.index.json"] = json.dumps(index).encode()
    place = Weights(NAME).fetch_files()
    got = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert got == {"config.json", "model.safetensors.index.json", *parts, *words}


def test_a_fetch_goes_on_where_the_connection_was_cut(hub: FakeHub) -> None:
    hub.cuts = [100_000]
    place = Weights(NAME).fetch_files()
    assert (place / "model.safetensors").read_bytes() == safetensors()
    first, second = hub.downloads("model.safetensors")
    assert "bytes=" not in first
    assert 0 < int(second.partition("bytes=")[2].rstrip("-")) <= 100_000


def test_what_an_earlier_fetch_brought_whole_is_not_fetched_again(hub: FakeHub) -> None:
    hub.cuts = [100_000, *[0] * 5]
    assert NAME in fetch_with_error(Weights(NAME)).message
    assert Weights(NAME).find_complete_path() is None
    hub.requests.clear()
    assert (Weights(NAME).fetch_files() / "model.safetensors").read_bytes() == safetensors()
    assert hub.downloads("resolve") == hub.downloads("model.safetensors")


def test_what_lies_damaged_in_the_cache_is_fetched_anew(hub: FakeHub) -> None:
    weights = Weights(NAME)
    place = weights.fetch_files()
    path = (place / "model.safetensors").resolve()
    path.write_bytes(path.read_bytes()[:1000])
    problem = find_problem(weights)
    assert "model.safetensors" in problem.message
    assert "1,000" in problem.message
    assert "alref models pull" in problem.hint
    assert (weights.fetch_files() / "model.safetensors").read_bytes() == safetensors()


def test_what_the_cache_holds_in_part_is_completed(hub: FakeHub) -> None:
    weights = Weights(NAME)
    (weights.fetch_files() / "config.json").unlink()
    assert (weights.find_complete_path(), weights.problems()) == (None, [])
    assert (weights.fetch_files() / "config.json").read_bytes() == b"{}"


def test_a_model_that_is_here_needs_no_hub(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Weights(NAME).fetch_files()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.requests.clear()
    assert Weights(NAME).problems() == []
    assert Weights(NAME).fetch_files() == place
    assert hub.requests == []


def test_a_model_that_is_not_here_when_offline() -> None:
    problem = find_problem(Weights(NAME))
    assert all(fact in problem.message for fact in (NAME, "HF_HUB_OFFLINE"))
    assert problem.value == "FOLDER"
    assert fetch_with_error(Weights(NAME)).message == problem.message


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert NAME in find_problem(Weights(NAME)).message


def test_a_model_that_the_hub_does_not_have(hub: FakeHub) -> None:
    assert "someone/else" in find_problem(Weights("someone/else")).message


def test_a_revision_that_the_hub_does_not_have(hub: FakeHub) -> None:
    assert Weights(NAME, revision=COMMIT).problems() == []
    assert "'v2'" in find_problem(Weights(NAME, revision="v2")).message


def test_a_model_whose_terms_must_be_accepted(hub: FakeHub) -> None:
    hub.gated = True
    assert Weights(NAME).problems() == []
    hub.closed = True
    assert all(step in find_problem(Weights(NAME)).hint for step in (f"https://huggingface.co/{NAME}", "hf auth login"))
    assert "write to the makers" in str(fetch_with_error(Weights(NAME, gated="write to the makers")))


def test_a_model_that_comes_in_no_safetensors(hub: FakeHub) -> None:
    del hub.models[NAME]["model.safetensors"]
    assert "model.safetensors" in find_problem(Weights(NAME)).message
    assert hub.downloads("resolve") == []


def test_a_cache_that_cannot_be_written(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file")
    with pytest.raises(OutputError, match=str(tmp_path / "hub")):
        Weights(NAME).fetch_files()


def test_a_file_of_another_size_than_the_hub_says(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*given: object, **named: object) -> None:
        raise OSError("Consistency check failed: file should be of size 9 but has size 8\n(model.safetensors)")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", short)
    assert all(fact in fetch_with_error(Weights(NAME)).message for fact in (NAME, "size 9"))


def test_what_is_known_of_a_model(hub: FakeHub) -> None:
    hub.models[NAME]["README.md"] = card = b"---\nlicense: mit\n---\nwords"
    whole = len(safetensors()) + len(b"{}")
    before = Weights(NAME).get_info()
    assert (before.path, before.size, before.license) == (None, whole + len(card), "apache-2.0")
    Weights(NAME).fetch_files()
    after = Weights(NAME).get_info()
    assert (after.path, after.size, after.license) == (Weights(NAME).find_complete_path(), whole, "mit")
    assert Weights(NAME, license="Apache-2.0").get_info().license == "Apache-2.0"


def test_what_is_said_of_a_model_is_not_asked_for(hub: FakeHub) -> None:
    facts = Weights(NAME, size=9, license="MIT").get_info()
    assert (facts.size, facts.license) == (9, "MIT")
    assert hub.requests == []


def test_nothing_is_known_of_a_model_that_nobody_can_be_asked_about() -> None:
    facts = Weights(NAME).get_info()
    assert (facts.path, facts.size, facts.license) == (None, None, "")
