"""``alref data``: the list of data sets, and the check of one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alref.cli import run_command
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.datasets.davis import RefDavis17Dataset
from support.benchmark_fixtures import build


def test_all_data_sets_are_listed_with_their_ways_to_score(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert run_command(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for cls in DATASETS:
        (line,) = [line for line in lines if line.strip().startswith(f"{cls.name} ")]
        assert ", ".join(cls.splits) in line
        assert ", ".join(cls.protocols) in line
        assert cls.homepage in line
    assert any("(valid); mevis (valid_u, train)" in line for line in lines)


def test_listing_data_sets_reads_no_picture_and_loads_no_heavy_library() -> None:
    code = "import sys; from alref.cli import run_command; run_command(['data', 'list']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"cv2", "PIL", "av", "scipy", "torch"}.isdisjoint(done.stdout.splitlines()[-1].split())


def test_a_narrow_list_leaves_nothing_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run_command(["data", "list"]) == 0
    assert "…" not in capsys.readouterr().out


def test_a_table_without_the_column_of_categories_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build("avsbench-s4", tmp_path)
    (tmp_path / "Single-source/s4_meta_data.csv").write_text("name,split\nx,test\n")
    assert run_command(["data", "check", "avsbench-s4", str(tmp_path)]) == 3
    assert "x, test" in capsys.readouterr().err


def test_a_whole_data_set_has_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RefDavis17Dataset, "published_counts", {})
    build("ref-davis17", tmp_path)
    assert run_command(["data", "check", "ref-davis17", str(tmp_path)]) == 0
    assert re.fullmatch(r"ref-davis17, valid: 3\b.* 24\b.*\n", capsys.readouterr().out)


def test_faults_are_printed_one_line_each_and_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build("ref-davis17", tmp_path)
    (tmp_path / "valid/JPEGImages/été/00002.jpg").unlink()
    assert run_command(["data", "check", "ref-davis17", str(tmp_path)]) == 3
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "expected 30 videos with 244 references, as published, got 3 with 24",
        "été: 1 of 5 frames are missing: valid/JPEGImages/été/00002.jpg",
    ]
    assert printed.err.splitlines()[-1] == "ref-davis17, valid: 3 videos, 24 references, faults: 2, videos with faults: 1"


@pytest.mark.parametrize(
    ("words", "why"), [("", "expected a text"), (" ", "expected a text"), ("a" * 2001, "at most 2000 char")]
)
def test_words_that_are_no_reference_are_a_fault_of_their_video(
    words: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build("ref-davis17", tmp_path)
    path = tmp_path / "meta_expressions/valid/meta_expressions.json"
    listed = json.loads(path.read_text(encoding="utf-8"))
    listed["videos"]["gold fish"]["expressions"]["3"]["exp"] = words
    path.write_text(json.dumps(listed), encoding="utf-8")
    assert run_command(["data", "check", "ref-davis17", str(tmp_path)]) == 3
    printed = capsys.readouterr()
    _, line = printed.out.splitlines()
    assert line.startswith(f"gold fish: {path}: expression 3 of gold fish: ")
    assert why in line
    assert printed.err.splitlines()[-1] == "ref-davis17, valid: 3 videos, 16 references, faults: 2, videos with faults: 1"


def test_a_deliberate_subset_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build("mevis", tmp_path)
    shutil.rmtree(tmp_path / "valid_u/JPEGImages/1 b")
    check = ["data", "check", "mevis", str(tmp_path), "--split", "valid_u"]
    assert run_command(check) == 3
    capsys.readouterr()
    assert run_command([*check, "--subset"]) == 0
    assert re.fullmatch(r"mevis, valid_u: 2 videos, 1 without.*\n", capsys.readouterr().out)
    (tmp_path / "valid_u/JPEGImages/-00d9/00005.jpg").unlink()
    assert run_command([*check, "--subset"]) == 3


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('"1": {"exp": "the lower', '"0": {"exp": "the lower', "'0' of expressions of 1 b of videos"),
        ('"-00d9": {"expr', '"1 b": {"expr', "'1 b' of videos"),
    ],
    ids=["expression", "video"],
)
def test_ids_that_occur_twice_are_a_fault(
    before: str, after: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build("mevis", tmp_path)
    path = tmp_path / "valid_u/meta_expressions.json"
    text = path.read_text(encoding="utf-8")
    start = text.rindex(before)
    path.write_text(text[:start] + after + text[start + len(before) :], encoding="utf-8")
    assert run_command(["data", "check", "mevis", str(tmp_path), "--split", "valid_u", "--subset"]) == 3
    assert f"{named} occurs 2 times" in capsys.readouterr().out


def test_the_check_shows_progress_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build("ref-davis17", tmp_path)
    run_command(["data", "check", "ref-davis17", str(tmp_path)])
    lines = capsys.readouterr().err.splitlines()
    assert lines[:-1] == [f"videos: {count} of 3" for count in range(4)]


WRONG = {
    "name": (["ref-davis", "."], 4, "no dataset 'ref-davis'; did you mean 'ref-davis17' or 'ref-avs'?"),
    "split": (["mevis", ".", "--split", "test"], 4, "mevis: no split 'test'"),
    "folder": (["mevis", "nowhere"], 3, "nowhere/valid/meta_expressions.json: cannot be read"),
}


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_message(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["data", "check", *arguments]) == code
    assert message in capsys.readouterr().err
