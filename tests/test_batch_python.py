"""``alref.batch``: results of many videos as they are finished."""

from __future__ import annotations

from pathlib import Path

import pytest

import alref
from alref.batch.units import UnitFailure
from support.batches import INLINE, PLUGIN, write_videos

QUICK = {**dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "quick"), "plugin_files": [PLUGIN]}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    return tmp_path


def test_results_come_as_they_are_finished_and_again_from_the_store(home: Path) -> None:
    videos = write_videos(home / "videos", ["a", "b", "c"])
    rows = [{"video": str(path), "expressions": ["the dog", "the cat"]} for path in sorted(videos.iterdir())]
    first = list(alref.batch(rows, out=home / "store", jobs=2, **QUICK))
    again = list(alref.batch(str(videos), "the dog", "the cat", out=home / "store", **QUICK))
    for results in (first, again):
        assert sorted(Path(result.video.path or "").name for result in results) == ["a.gif", "b.gif", "c.gif"]
        assert all(len(result.references) == 2 and result.masks(1).any() for result in results)
    assert {result.seconds["propagator"] for result in first} == {result.seconds["propagator"] for result in again}


def test_failures_do_not_end_the_others(home: Path) -> None:
    videos = write_videos(home / "videos", ["a", "broken"])
    settings = {**QUICK, "plugin_files": [PLUGIN, INLINE], "runner": "inline"}
    failures: list[UnitFailure] = []
    assert len(list(alref.batch(videos, "the dog", failures=failures, **settings))) == 1
    assert [Path(each.id).stem for each in failures] == ["broken"]
    with pytest.raises(alref.InputError, match="broken"):
        list(alref.batch(videos, "the dog", **settings))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"runner": "nobody"}, alref.ConfigError),
        ({"propagator": "nobody"}, alref.ConfigError),
        ({"shard": "2"}, alref.InputError),
    ],
    ids=["runner", "component", "shard"],
)
def test_wrong_settings_are_named_at_once(settings: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        alref.batch([], **settings)
