"""``alref batch``: every row has one outcome, a store has each unit once, and the same command resumes."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("pyarrow")

import pyarrow
from pyarrow import parquet

from alref.batch.collect import collect_rows
from alref.batch.shards import Shard
from alref.batch.unit_store import UnitStore
from alref.batch.units import load_unit
from alref.cli import run_command
from alref.errors import InputError
from alref.output.store import open_store
from support.batch_plugin import LOG
from support.batches import SETTINGS, get_states, read_results, run_batch, write_videos
from support.s3_server import run_s3_server

Capture = pytest.CaptureFixture[str]
LOCAL = ("--runner", "local")
"""Workers in processes of their own, where a test is about them."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    return tmp_path


def read_log(home: Path) -> list[str]:
    """Return the videos that were computed, in order of their names."""
    return sorted((home / "log").read_text().split()) if (home / "log").exists() else []


def test_a_folder_is_computed_once_and_resumed(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a", "b", "c"])
    events = run_batch(capsys, videos, home / "store", *LOCAL, "--jobs", "2")
    assert get_states(events) == {"a": "done", "b": "done", "c": "done"}
    assert events[-1]["code"] == 0
    write_videos(videos, ["a", "b", "c", "d"])
    again = run_batch(capsys, videos, home / "store")
    assert get_states(again) == {"a": "cached", "b": "cached", "c": "cached", "d": "done"}
    assert read_log(home) == ["a.gif", "b.gif", "c.gif", "d.gif"]
    page = (home / "store" / "report.html").read_text()
    assert all(f"{name}.gif" in page for name in "abcd")


def test_a_unit_is_a_result_that_python_reads(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a"])
    events = run_batch(capsys, videos, home / "store")
    key = next(each["key"] for each in events if each["event"] == "unit")
    result = load_unit(str(home / "store" / "units" / f"{key}.tar"))
    assert result.masks().shape == (3, 16, 24)
    assert result.masks().any()
    assert result.seconds["propagator"] >= 0
    with pytest.raises(InputError, match="nothing"):
        load_unit(str(home / "nothing.tar"))


def test_a_moved_video_is_not_computed_again_and_a_changed_one_is(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a", "b"])
    run_batch(capsys, videos, home / "store")
    moved = videos.rename(home / "moved")
    (moved / "a.gif").write_bytes((moved / "b.gif").read_bytes())
    write_videos(home / "other", ["x", "y", "z"])
    (home / "other" / "z.gif").rename(moved / "b.gif")
    assert get_states(run_batch(capsys, moved, home / "store")) == {"a": "cached", "b": "done"}


def test_other_settings_are_other_units_and_other_resources_are_not(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a"])
    run_batch(capsys, videos, home / "store")
    assert get_states(run_batch(capsys, videos, home / "store", "--device", "cpu", "--jobs", "2")) == {"a": "cached"}
    assert get_states(run_batch(capsys, videos, home / "store", "--every", "2")) == {"a": "done"}
    assert len(read_results(home / "store")) == 2


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_names_videos_references_and_windows(kind: str, home: Path, capsys: Capture) -> None:
    write_videos(home / "videos", ["a", "b"])
    (home / "two.yaml").write_text("[the cat, the cup]\n")
    rows = [
        {"clip": "videos/a.gif", "expressions": '["the dog", "the ball"]', "name": "first"},
        {"clip": "videos/b.gif", "references": "two.yaml", "name": "second", "start": "0.1"},
        {"clip": "videos/b.gif", "name": "third"},
    ]
    table, columns = home / f"videos.{kind}", ["clip", "expressions", "references", "name", "start"]
    if kind == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(rows)
        table.write_text(text.getvalue())
    elif kind == "jsonl":
        table.write_text("\n".join(map(json.dumps, rows)))
    else:
        parquet.write_table(pyarrow.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows]), table)
    events = run_batch(capsys, table, home / "store", "--column", "video=clip", "--column", "id=name")
    assert get_states(events) == dict.fromkeys(["first", "second", "third"], "done")
    results = {
        each["id"]: load_unit(str(home / f"store/units/{each['key']}.tar")) for each in events if each["event"] == "unit"
    }
    assert [each.text for each in results["first"].references] == ["the dog", "the ball"]
    assert [each.text for each in results["second"].references] == ["the cat", "the cup"]
    assert len(results["second"].video.times) == 2
    assert [each.text for each in results["third"].references] == ["the dog"]


def test_a_glob_and_lines_of_standard_input(home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = write_videos(home / "videos", ["a", "b", "c"])
    assert get_states(run_batch(capsys, f"{videos}/[ab].gif", home / "store")) == {"a": "done", "b": "done"}
    lines = [str(videos / "b.gif"), "", json.dumps({"video": str(videos / "c.gif"), "id": "see"}), "{broken"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    events = run_batch(capsys, "-", home / "store")
    assert get_states(events) == {"b": "cached", "see": "done", "row 3": "failed"}


def test_a_wrong_row_is_one_error_and_the_others_are_done(home: Path, capsys: Capture) -> None:
    write_videos(home, ["a", "broken", "crash"])
    (home / "text.gif").write_text("no video")
    os.mkfifo(home / "pipe.gif")
    rows: list[object] = [
        {"id": "no video"},
        {"id": "missing", "video": "missing.gif"},
        {"id": "twice", "video": "a.gif"},
        {"id": "twice", "video": "a.gif", "expressions": ["the cat"]},
        {"id": "start", "video": "a.gif", "start": "soon"},
        {"id": "text", "video": "text.gif"},
        {"id": "pipe", "video": "pipe.gif"},
        {"id": "broken", "video": "broken.gif"},
        {"id": "crash", "video": "crash.gif"},
        {"id": "empty", "video": "a.gif", "expressions": [" "]},
        ["a list"],
    ]
    (home / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    events = run_batch(capsys, home / "rows.jsonl", home / "store", *LOCAL)
    outcomes = [(each["id"], each["state"]) for each in events if each["event"] == "unit"]
    assert len(outcomes) == len(rows)
    assert [name for name, state in outcomes if state == "done"] == ["twice"]
    finished = events[-2]
    assert (finished["done"], finished["failed"], events[-1]["code"]) == (1, 10, 3)
    assert all(each["error"] and each["command"].endswith("--retry-failed") for each in finished["failures"])
    failed = UnitStore(open_store(home / "store")).read_failures()
    assert {each.id for each in failed.values()} == {name for name, _ in outcomes}


def test_failures_are_tried_again_when_asked(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a", "broken"])
    assert get_states(run_batch(capsys, videos, home / "store")) == {"a": "done", "broken": "failed"}
    assert get_states(run_batch(capsys, videos, home / "store")) == {"a": "cached", "broken": "failed"}
    again = run_batch(capsys, videos, home / "store", "--retry-failed")
    (failure,) = again[-2]["failures"]
    assert failure["attempt"] == 2
    (videos / "broken.gif").rename(videos / "whole.gif")
    repaired = run_batch(capsys, videos, home / "store", "--retry-failed")
    assert get_states(repaired) == {"a": "cached", "whole": "done"}
    assert UnitStore(open_store(home / "store")).read_failures() == {}


def test_each_unit_is_exported_in_the_formats_that_are_named(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a", "b"])
    events = run_batch(capsys, videos, home / "store", "--export", "coco")
    assert get_states(events) == {"a": "done", "b": "done"}
    files = sorted((home / "store" / "exports").rglob("*.json"))
    assert len(files) == 2
    assert all(json.loads(path.read_text())["annotations"] for path in files)
    assert run_command(["batch", str(videos), "the dog", "--out", "x", *SETTINGS, "--export", "nothing"]) == 4


def test_a_video_that_hangs_is_stopped(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a", "hang", "z"])
    events = run_batch(capsys, videos, home / "store", *LOCAL, "--timeout", "3")
    assert get_states(events) == {"a": "done", "hang": "failed", "z": "done"}


def test_shards_share_the_rows_whatever_rows_there_are() -> None:
    names = [f"video {number}.mp4" for number in range(1000)]
    shares = [{name for name in names if Shard(index, 4).holds(name)} for index in range(4)]
    assert set().union(*shares) == set(names)
    assert sum(map(len, shares)) == len(names)
    assert all(200 < len(share) < 300 for share in shares)
    for wrong in ("4/4", "1", "-1/4", "a/b", "0/0"):
        with pytest.raises(InputError, match="--shard"):
            Shard.from_text(wrong)


def test_shards_of_a_batch_are_its_whole(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", list("abcdef"))
    found = [get_states(run_batch(capsys, videos, home / "store", "--shard", f"{index}/2")) for index in range(2)]
    assert sorted([*found[0], *found[1]]) == list("abcdef")


def test_two_commands_at_once_compute_each_unit_once(home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SECONDS", "0.05")
    videos = write_videos(home / "videos", list("abcdefgh"))
    codes: list[int] = []
    words = ["batch", str(videos), "the dog", "--out", str(home / "store"), *SETTINGS, "--quiet"]
    threads = [Thread(target=lambda: codes.append(run_command(words))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]
    assert read_log(home) == [f"{name}.gif" for name in "abcdefgh"]
    assert list((home / "store" / "claims").iterdir()) == []


def test_a_claim_of_a_dead_process_is_void(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a"])
    planned = run_batch(capsys, videos, home / "store")
    key = next(each["key"] for each in planned if each["event"] == "unit")
    (home / f"store/units/{key}.tar").unlink()
    store = UnitStore(open_store(home / "store"))
    assert store.claim(key)
    assert not UnitStore(open_store(home / "store")).claim(key)
    claim = json.loads((home / f"store/claims/{key}").read_text())
    dead = json.dumps({**claim, "process": 2**22 + 1})
    (home / f"store/claims/{key}").write_text(dead)
    assert get_states(run_batch(capsys, videos, home / "store")) == {"a": "done"}
    (home / f"store/claims/{key}").write_text(dead)
    assert get_states(run_batch(capsys, videos, home / "store")) == {"a": "cached"}
    assert list((home / "store" / "claims").iterdir()) == []


@pytest.mark.parametrize("size", [0, 300, 700, -1])
def test_a_damaged_unit_is_computed_again(size: int, home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a", "b"])
    run_batch(capsys, videos, home / "store")
    whole = read_results(home / "store")
    first = sorted((home / "store" / "units").iterdir())[0]
    first.write_bytes(first.read_bytes()[:size])
    found = list(collect_rows(UnitStore(open_store(home / "store"))))
    assert [str(first) in (row["error"] or "") for row in found] == [False, True]
    assert sorted(get_states(run_batch(capsys, videos, home / "store")).values()) == ["cached", "done"]
    assert read_results(home / "store") == whole


def test_rows_of_one_content_share_a_computation_and_are_all_in_the_index(home: Path, capsys: Capture) -> None:
    write_videos(home, ["a", "broken"])
    rows = [{"id": name, "video": "a.gif"} for name in ("one", "two", "three")]
    rows += [{"id": name, "video": "broken.gif"} for name in ("bad", "worse")]
    (home / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    events = run_batch(capsys, home / "rows.jsonl", home / "store", "--export", "coco")
    states = get_states(events)
    assert (states["one"], states["bad"], states["worse"]) == ("done", "failed", "failed")
    assert "failed" not in (states["two"], states["three"])
    assert read_log(home) == ["a.gif"]
    found = {row["id"]: row for row in collect_rows(UnitStore(open_store(home / "store")))}
    assert {name: row["verdict"] for name, row in found.items()} == {
        **dict.fromkeys(["one", "two", "three"], "found"),
        **dict.fromkeys(["bad", "worse"]),
    }
    assert sum(row["seconds"] > 0 for row in found.values() if row["verdict"]) == 1
    assert len(list((home / "store" / "exports").iterdir())) == 3
    again = run_batch(capsys, home / "rows.jsonl", home / "store", "--export", "coco")
    assert [get_states(again)[name] for name in ("one", "two", "three")] == ["cached"] * 3


def test_finished_units_are_exported_without_being_computed(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", ["a", "b"])
    run_batch(capsys, videos, home / "store")
    exported = run_batch(capsys, videos, home / "store", "--export", "coco")
    assert get_states(exported) == {"a": "exported", "b": "exported"}
    assert len(list((home / "store" / "exports").rglob("*.json"))) == 2
    assert get_states(run_batch(capsys, videos, home / "store", "--export", "coco")) == {"a": "cached", "b": "cached"}
    assert read_log(home) == ["a.gif", "b.gif"]


def test_a_plan_counts_and_measures_and_computes_nothing(home: Path, capsys: Capture) -> None:
    videos = write_videos(home / "videos", list("abcd"))
    (unknown,) = [each for each in run_batch(capsys, videos, home / "store", "the dog", "--plan") if each["event"] == "plan"]
    assert (unknown["left"], unknown["hours"]) == (4, None)
    assert not (home / "store").exists()
    run_batch(capsys, videos, home / "store", "--limit", "2")
    (plan,) = [each for each in run_batch(capsys, videos, home / "store", "the dog", "--plan") if each["event"] == "plan"]
    assert (plan["rows"], plan["done"], plan["left"], plan["measured"]) == (4, 2, 2, 2)
    assert plan["hours"] > 0
    assert len(read_log(home)) == 2


class TestBucket:
    @pytest.fixture(autouse=True)
    def served(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with run_s3_server(monkeypatch):
            yield

    def test_videos_and_results_are_in_a_bucket(self, home: Path, capsys: Capture) -> None:
        videos, files = write_videos(home / "videos", ["a", "b"]), open_store("s3://bucket/videos")
        for path in videos.iterdir():
            files.write_bytes(path.name, path.read_bytes())
        events = run_batch(capsys, "s3://bucket/videos/*.gif", "s3://bucket/run", *LOCAL, "--jobs", "2")
        assert get_states(events) == {"a": "done", "b": "done"}
        assert get_states(run_batch(capsys, "s3://bucket/videos", "s3://bucket/run")) == {"a": "cached", "b": "cached"}
        assert run_command(["collect", "s3://bucket/run", "--index", str(home / "index.csv")]) == 0
        rows = list(csv.DictReader((home / "index.csv").read_text().splitlines()))
        assert {row["video"] for row in rows} == {"s3://bucket/videos/a.gif", "s3://bucket/videos/b.gif"}
        assert load_unit(rows[0]["path"]).masks().any()
