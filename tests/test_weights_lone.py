"""Weights that are one file of their own: a checkpoint of the user, or of an address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from alref.errors import OutputError
from alref.models.weights import Weights
from support.fake_hub import FakeHub, shut
from support.tiny_hub import LONE, SIZE, archive, holding, problem, refused


@pytest.fixture(autouse=True)
def _away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shut(monkeypatch, tmp_path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    with holding(monkeypatch, tmp_path) as hub:
        yield hub


def lone(hub: FakeHub, **given: object) -> Weights:
    digest = hashlib.sha256(hub.models["lone/files"][LONE]).hexdigest()
    return Weights("tiny", urls={"tiny": f"{hub.address}/{LONE}"}, **{"sha256": {LONE: digest}, **given})


def test_a_lone_checkpoint_of_the_user(tmp_path: Path) -> None:
    path = archive(tmp_path / "own.pt")
    weights = Weights(str(path), files=("own.pt",))
    assert weights.problems() == []
    assert weights.get_source() == str(path)
    assert "is a file, not a folder" in problem(Weights(str(path)))
    path.write_bytes(path.read_bytes()[: SIZE // 2])
    assert f"{path} is cut off: -o model=FILE" in problem(weights)


def test_a_lone_checkpoint_is_fetched_and_checked(hub: FakeHub, tmp_path: Path) -> None:
    weights = lone(hub)
    assert (weights.problems(), weights.find_complete_path()) == ([], None)
    assert weights.fetch_files() == weights.find_complete_path() == tmp_path / "home" / "weights" / LONE
    before = len(hub.requests)
    assert weights.fetch_files().read_bytes() == hub.models["lone/files"][LONE]
    assert len(hub.requests) == before


def test_a_folder_of_the_same_name_does_not_stand_for_a_lone_checkpoint(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    assert lone(hub).fetch_files().name == LONE


def test_a_lone_checkpoint_is_gone_on_with(hub: FakeHub) -> None:
    hub.cuts = [100_000, 0]
    assert f"the connection was cut at 100,000 of {len(hub.models['lone/files'][LONE]):,} bytes" in refused(lone(hub))
    assert lone(hub).find_complete_path() is None
    hub.requests.clear()
    assert lone(hub).fetch_files().read_bytes() == hub.models["lone/files"][LONE]
    assert hub.downloads(LONE) == [f"GET /{LONE} bytes=100000-"]


def test_a_server_that_cannot_go_on_is_asked_from_the_start(hub: FakeHub) -> None:
    hub.ranges = False
    hub.cuts = [100_000, 50_000]
    assert "the connection was cut at 50,000 of" in refused(lone(hub))
    assert lone(hub).fetch_files().read_bytes() == hub.models["lone/files"][LONE]


def test_a_lone_checkpoint_that_came_whole_before_a_kill_is_not_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    part = tmp_path / "home" / "weights" / f"{LONE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(hub.models["lone/files"][LONE])
    assert lone(hub).fetch_files().is_file()
    assert not part.exists()


def test_another_lone_checkpoint_than_the_one_expected_is_thrown_away(hub: FakeHub, tmp_path: Path) -> None:
    weights = lone(hub, sha256={LONE: "0" * 64})
    assert "gave another file than expected (SHA-256 " in refused(weights)
    assert [path for path in (tmp_path / "home" / "weights").iterdir() if path.suffix != ".lock"] == []


def test_a_lone_checkpoint_that_was_changed_is_fetched_anew(hub: FakeHub) -> None:
    weights = lone(hub)
    path = weights.fetch_files()
    path.write_bytes(b"PK" + bytes(SIZE))
    assert problem(weights) == f"{path} is cut off: alref models pull, with the same flags"
    assert weights.fetch_files().read_bytes() == hub.models["lone/files"][LONE]


def test_a_lone_checkpoint_that_is_not_given(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Weights("tiny", urls={"tiny": f"{hub.address}/gone.pt"}, sha256={"gone.pt": ""})
    assert problem(gone) == f"download failed: {hub.address}/gone.pt: 404 Not Found: -o model=FILE"
    nobody = Weights("tiny", urls={"tiny": "http://127.0.0.1:9/a.pt"}, sha256={"a.pt": ""})
    assert "http://127.0.0.1:9/a.pt cannot be reached (" in problem(nobody)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "a.pt is not here, and HF_HUB_OFFLINE is set: unset it" in problem(nobody)


def test_a_folder_for_downloads_that_cannot_be_written(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(OutputError, match=r"home.weights: cannot be written: .*; name .* ALREF_HOME"):
        lone(hub).fetch_files()


def test_the_size_of_a_lone_checkpoint_is_known_before_it_is_fetched(hub: FakeHub) -> None:
    assert lone(hub).get_info().size == len(hub.models["lone/files"][LONE])
