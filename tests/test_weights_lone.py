"""Weights that are one file of their own: a checkpoint of the user, or of an address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from alref.errors import OutputError
from alref.models.weights import Weights
from support.fake_hub import FakeHub
from support.tiny_hub import LONE, SIZE, archive, fetch_with_error, find_problem, run_tiny_hub

pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    with run_tiny_hub(monkeypatch, tmp_path) as hub:
        yield hub


def lone(hub: FakeHub, **given: object) -> Weights:
    digest = hashlib.sha256(hub.models["lone/files"][LONE]).hexdigest()
    return Weights("tiny", urls={"tiny": f"{hub.address}/{LONE}"}, **{"sha256": {LONE: digest}, **given})


def test_a_lone_checkpoint_of_the_user(tmp_path: Path) -> None:
    path = archive(tmp_path / "own.pt")
    weights = Weights(str(path), files=("own.pt",))
    assert weights.problems() == []
    assert weights.get_source() == str(path)
    assert "config.json" in find_problem(Weights(str(path))).message
    path.write_bytes(path.read_bytes()[: SIZE // 2])
    problem = find_problem(weights)
    assert str(path) in problem.message
    assert problem.value == "FILE"


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
    message = fetch_with_error(lone(hub)).message
    assert all(fact in message for fact in ("100,000", f"{len(hub.models['lone/files'][LONE]):,}"))
    assert lone(hub).find_complete_path() is None
    hub.requests.clear()
    assert lone(hub).fetch_files().read_bytes() == hub.models["lone/files"][LONE]
    assert hub.downloads(LONE) == [f"GET /{LONE} bytes=100000-"]


def test_a_server_that_cannot_go_on_is_asked_from_the_start(hub: FakeHub) -> None:
    hub.ranges = False
    hub.cuts = [100_000, 50_000]
    assert "50,000" in fetch_with_error(lone(hub)).message
    assert lone(hub).fetch_files().read_bytes() == hub.models["lone/files"][LONE]


def test_a_lone_checkpoint_that_came_whole_before_a_kill_is_not_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    part = tmp_path / "home" / "weights" / f"{LONE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(hub.models["lone/files"][LONE])
    assert lone(hub).fetch_files().is_file()
    assert not part.exists()


def test_another_lone_checkpoint_than_the_one_expected_is_thrown_away(hub: FakeHub, tmp_path: Path) -> None:
    weights = lone(hub, sha256={LONE: "0" * 64})
    assert "0" * 64 in fetch_with_error(weights).message
    assert [path for path in (tmp_path / "home" / "weights").iterdir() if path.suffix != ".lock"] == []


def test_a_lone_checkpoint_that_was_changed_is_fetched_anew(hub: FakeHub) -> None:
    weights = lone(hub)
    path = weights.fetch_files()
    path.write_bytes(b"PK" + bytes(SIZE))
    problem = find_problem(weights)
    assert str(path) in problem.message
    assert "alref models pull" in problem.hint
    assert weights.fetch_files().read_bytes() == hub.models["lone/files"][LONE]


def test_a_lone_checkpoint_that_is_not_given(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Weights("tiny", urls={"tiny": f"{hub.address}/gone.pt"}, sha256={"gone.pt": ""})
    problem = find_problem(gone)
    assert all(fact in problem.message for fact in (f"{hub.address}/gone.pt", "404"))
    assert problem.value == "FILE"
    nobody = Weights("tiny", urls={"tiny": "http://127.0.0.1:9/a.pt"}, sha256={"a.pt": ""})
    assert "http://127.0.0.1:9/a.pt" in find_problem(nobody).message
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in find_problem(nobody).message


def test_a_folder_for_downloads_that_cannot_be_written(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(OutputError, match=r"home.weights\b.*\bALREF_HOME"):
        lone(hub).fetch_files()


def test_the_size_of_a_lone_checkpoint_is_known_before_it_is_fetched(hub: FakeHub) -> None:
    assert lone(hub).get_info().size == len(hub.models["lone/files"][LONE])
