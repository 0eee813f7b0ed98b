"""Scores by attribute, as rows of a file and in the report; rows in Parquet; the CSV files of DAVIS."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from alref.cli import run_command
from alref.evaluation.rows import COLUMNS
from alref_benchmarks.metrics import Case, get_metric
from support import benchmark_fixtures

QUICK = ["--temporal", "uniform", "-o", "temporal.count=1"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, with embedded components that look at small images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 96)


def evaluate(name: str, *flags: str) -> int:
    benchmark_fixtures.build(name, Path("data"))
    return run_command(["eval", name, "--data", "data", "--out", "run", "--quiet", *QUICK, *flags])


def read_table(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_references_are_grouped_by_what_is_known_of_them() -> None:
    Path("mine.csv").write_text("video,id,light\n-00d9,0,day\n1 b,,night\n", encoding="utf-8")
    assert evaluate("mevis", "--split", "valid_u", "--attributes", "mine.csv") == 0
    rows, found = read_table("run/rows.csv"), read_table("run/breakdown.csv")
    counts = {(row["attribute"], row["value"]): (int(row["references"]), int(row["videos"])) for row in found}
    assert {value: counts["targets", value] for value in "012"} == {"0": (2, 2), "1": (2, 2), "2": (2, 2)}
    assert (counts["light", "day"], counts["light", "night"]) == ((1, 1), (3, 1))
    assert counts["length of the expression", "1 to 3 words"] == (4, 2)
    assert {value for name, value in counts if name == "object size"} <= {"1 to 5 %", "5 to 20 %"}
    nothing = [float(row["score"]) for row in rows if row["id"] == "2"]
    row = next(row for row in found if (row["attribute"], row["value"]) == ("targets", "0"))
    assert float(row["score"]) == pytest.approx(np.mean(nothing))
    assert float(row["low"]) <= float(row["score"]) <= float(row["high"])
    assert "By attribute" in Path("run/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "attribute", "values"),
    [
        ("avsbench-s4", "category", {"dog_barking", "playing_violin"}),
        ("avsbench-avss", "subset", {"v1s", "v1m", "v2"}),
        ("ref-avs", "category", {"cat", "dog"}),
        ("davis17", "object size", {"1 to 5 %", "5 to 20 %"}),
    ],
)
def test_categories_and_subsets_are_those_of_the_dataset(name: str, attribute: str, values: set[str]) -> None:
    assert evaluate(name) == 0
    assert {row["value"] for row in read_table("run/breakdown.csv") if row["attribute"] == attribute} == values


@pytest.mark.parametrize("text", [None, "name,light\na,day\n", ""], ids=["missing", "no column", "empty"])
def test_a_file_of_attributes_that_cannot_be_used_is_named(text: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    if text is not None:
        Path("mine.csv").write_text(text, encoding="utf-8")
    assert evaluate("mevis", "--split", "valid_u", "--attributes", "mine.csv") == 3
    assert "mine.csv" in capsys.readouterr().err
    assert not Path("run/rows.csv").exists()


def test_rows_in_parquet_are_those_of_the_csv_file() -> None:
    assert evaluate("mevis", "--split", "valid_u") == 0
    table, rows = parquet.read_table("run/rows.parquet"), read_table("run/rows.csv")
    assert tuple(table.column_names) == COLUMNS
    assert table["score"].to_pylist() == [float(row["score"]) for row in rows]
    assert table["text"].to_pylist() == [row["text"] for row in rows]
    assert table["dollars"].null_count == len(rows)


def test_each_annotator_of_davis_has_the_files_of_the_official_program() -> None:
    assert evaluate("ref-davis17") == 0
    home = Path("run/official/davis17-unsupervised")
    assert sorted(path.name for path in home.iterdir()) == [f"anno_{place}" for place in range(4)]
    overall = (home / "anno_0/global_results-val.csv").read_text(encoding="utf-8").splitlines()
    assert overall[0] == "J&F-Mean,J-Mean,J-Recall,J-Decay,F-Mean,F-Recall,F-Decay"
    rows = read_table(str(home / "anno_0/per-sequence_results-val.csv"))
    assert [row["Sequence"] for row in rows] == [f"{video}_{number}" for video in benchmark_fixtures.DAVIS for number in (1, 2)]
    means = [np.mean([float(row[name]) for row in rows]) for name in ("J-Mean", "F-Mean")]
    written = [float(cell) for cell in overall[1].split(",")]
    assert [written[1], written[4], written[0]] == pytest.approx([*means, sum(means) / 2], abs=1.1e-3)


def test_the_numbers_of_davis_files_are_those_of_the_table() -> None:
    random, metric = np.random.default_rng(0), get_metric("davis17-semi-supervised")
    truth, found = random.integers(0, 3, (2, 5, 12, 12)).astype(np.uint8)
    truth[0, 0, 0] = 2
    scores = [metric.score_video("v", [Case("", truth, found)])]
    values = metric.summarize_scores(scores).metrics
    line = metric.format_official_files(scores, "valid")["global_results-val.csv"].splitlines()[1]
    names = ("J&F", "J", "J-Recall", "J-Decay", "F", "F-Recall", "F-Decay")
    assert [float(cell) for cell in line.split(",")] == pytest.approx([values[name] for name in names], abs=6e-4)
