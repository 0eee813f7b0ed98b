"""``alref collect``: one index of a store, and shards that other programs stream."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("webdataset")

from pyarrow import parquet

from alref.batch.collect import COLUMNS, write_shards
from alref.batch.unit_store import UnitStore
from alref.cli import run_command
from alref.output.store import open_store
from support.batches import run_batch, write_videos

READ_SHARDS = """
import json, sys, webdataset
samples = list(webdataset.WebDataset(sys.argv[1:], shardshuffle=False))
print(json.dumps([[each["__key__"], each["unit.json"].decode(), each["result.json"].decode()] for each in samples]))
"""
"""A program of its own, since the library leaves files open."""


@pytest.fixture
def store(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a store with two finished units, of which one has two references, and a failure."""
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    write_videos(tmp_path, ["a", "b", "broken"])
    rows = [{"video": "a.gif", "expressions": ["the dog", "the cat"]}, {"video": "b.gif"}, {"video": "broken.gif"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run_batch(capsys, tmp_path / "rows.jsonl", tmp_path / "store")
    return tmp_path / "store"


def test_the_index_has_a_row_for_each_object_and_each_failure(store: Path) -> None:
    assert run_command(["collect", str(store), "--index", str(store / "index.csv"), "--quiet"]) == 0
    rows = list(csv.DictReader((store / "index.csv").read_text().splitlines()))
    assert list(rows[0]) == list(COLUMNS)
    assert sorted((row["id"], row["text"], row["verdict"]) for row in rows) == [
        ("a.gif", "the cat", "found"),
        ("a.gif", "the dog", "found"),
        ("b.gif", "the dog", "found"),
        ("broken.gif", "", ""),
    ]
    assert all(Path(row["path"]).is_file() for row in rows if row["verdict"])
    assert [bool(row["error"]) for row in rows] == [not row["verdict"] for row in rows]
    assert {row["frames"] for row in rows if row["verdict"]} == {"3"}


def test_parquet_has_the_same_rows_with_types(store: Path) -> None:
    for kind in ("csv", "parquet"):
        assert run_command(["collect", str(store), "--index", str(store / f"index.{kind}"), "--quiet"]) == 0
    table = parquet.read_table(store / "index.parquet")
    assert table.column_names == list(COLUMNS)
    assert [row["id"] for row in table.to_pylist()] == [
        row["id"] for row in csv.DictReader((store / "index.csv").read_text().splitlines())
    ]
    assert str(table.schema.field("frames").type) == "int64"


def test_another_suffix_is_refused(store: Path) -> None:
    assert run_command(["collect", str(store), "--index", "index.xls"]) == 4


def test_an_empty_store_has_an_empty_index(tmp_path: Path) -> None:
    assert run_command(["collect", str(tmp_path / "none"), "--index", str(tmp_path / "index.csv"), "--quiet"]) == 0
    assert (tmp_path / "index.csv").read_text() == ",".join(COLUMNS) + "\n"


def test_webdataset_reads_the_shards(store: Path) -> None:
    paths = write_shards(UnitStore(open_store(store)), store / "shards", shard_bytes=1)
    assert [path.name for path in paths][:2] == ["units-000000.tar", "units-000001.tar"]
    done = subprocess.run([sys.executable, "-c", READ_SHARDS, *map(str, paths)], capture_output=True, text=True, check=True)
    samples = json.loads(done.stdout)
    assert len(samples) == 2
    assert all(json.loads(unit)["key"] == key and json.loads(result)["tracks"] for key, unit, result in samples)
    (whole,) = write_shards(UnitStore(open_store(store)), store / "shards")
    with tarfile.open(whole) as archive:
        assert len(archive.getnames()) == 4
    assert [path.name for path in (store / "shards").iterdir()] == ["units-000000.tar"]
