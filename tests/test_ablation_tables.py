"""What an ablation says of its rows: differences from the base, tables, the report."""

from __future__ import annotations

import csv
import re
from html import unescape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from alref.ablation.report import compute_ticks
from alref.cli import run_command
from support.ablation_grids import DATA, QUIET, ablate, by_name, done, prepared
from support.scripted import Script
from support.scripted_dataset import NAMES


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    return prepared(monkeypatch, tmp_path)


def test_differences_are_paired_and_zero_for_the_same(script: Script) -> None:
    assert ablate(rows={"base": {}, "same": {"reasoner.patience": 9}, "grown": {"propagator": {"use": "grown", "by": 4}}}) == 0
    rows = by_name()
    base, same, grown = (rows[name]["scores"]["overlap"] for name in ("base", "same", "grown"))
    assert base["difference"] is None
    assert same["difference"] == [0.0, 0.0, 0.0]
    assert grown["difference"][0] == pytest.approx(grown["value"][0] - base["value"][0])
    assert 0 < grown["difference"][1] <= grown["difference"][0] <= grown["difference"][2]
    assert base["videos"] == grown["paired_videos"] == len(NAMES)


def test_tables_in_four_formats_hold_the_same(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    grown = {"use": "grown", "by": 4}
    assert ablate(vary={"reasoner.patience": [3, 4], "propagator": ["scripted", grown]}) == 0
    capsys.readouterr()
    assert run_command(QUIET[:-1]) == 0
    assert "+" in capsys.readouterr().out
    numbers = [row["scores"]["overlap"]["value"][0] for row in done()["rows"]]
    shown = [f"{100 * number:.1f}" for number in numbers]
    lines = Path("out/table.md").read_text().splitlines()
    assert lines[0].startswith("| reasoner.patience | propagator | overlap |")
    assert [line.split(" | ")[2] for line in lines[2:]] == shown
    latex = Path("out/table.tex").read_text().splitlines()
    assert latex[:2] == [r"\begin{tabular}{llrrrrrrr}", r"\toprule"]
    assert latex[2].startswith(r"reasoner.patience & propagator & overlap & 95 \% interval &")
    assert [line.split(" & ")[2] for line in latex[4:-2]] == shown
    assert r"4 & \{use: grown, by: 4\} &" in latex[7]
    with Path("out/table.csv").open() as file:
        records = list(csv.DictReader(file))
    assert [float(record["overlap overlap"]) for record in records] == numbers
    assert float(records[1]["overlap difference low"]) > 0
    heads = list(records[0])
    assert heads.index("overlap difference") + 3 == heads.index("overlap videos")
    assert records[0]["overlap difference"] == ""


def test_the_report_links_to_the_runs_and_needs_no_network(script: Script) -> None:
    rows = {"base": {}, "grown by four": {"propagator": {"use": "grown", "by": 4}}}
    assert ablate(rows=rows, data={**DATA, "limit": 2}) == 0
    page = Path("out/report.html").read_text()
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(Path("out", link).is_file() for link in links)
    assert sum("rows/grown-by-four" in link for link in links) == 2
    assert page.count("<tr") == 3
    assert "seconds per video" in page


def test_numbers_along_an_axis_are_round_and_hold_all() -> None:
    assert compute_ticks(0.0, 0.04) == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])
    assert compute_ticks(0.583, 0.992) == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert compute_ticks(0.3, 0.3)[0] <= 0.3 < compute_ticks(0.3, 0.3)[-1]


def untex(text: str) -> str:
    """Read LaTeX as it is printed."""
    named = {
        "textbackslash": "\\",
        "textasciitilde": "~",
        "textasciicircum": "^",
        "textless": "<",
        "textgreater": ">",
        "textbar": "|",
    }
    text = text.replace("-{}", "-")
    return re.sub(r"\\(text[a-z]+)\{\}|\{(\[)\}|\\([&%$#_{}])", lambda found: named.get(found[1]) or found[2] or found[3], text)


def test_latex_shows_names_as_they_are_and_minus_signs(script: Script) -> None:
    name = r"[a] _ % & # $ { } ~ ^ \ < > | --- b-c"
    rows = {"big": {"propagator": {"use": "grown", "by": 4}}, name: {}, "two\n\nlines": {}}
    assert ablate(rows=rows) == 0
    lines = Path("out/table.tex").read_text().splitlines()
    assert len(lines) == 9
    cells = lines[5].removesuffix(r" \\").split(" & ")
    assert not lines[5].startswith("[")
    assert untex(re.split(r" & (?=\d)", lines[5])[0]) == name
    assert "--" not in lines[5]
    assert lines[6].startswith("two lines & ")
    assert re.fullmatch(r"\$-\$\d+\.\d", cells[-5])
    assert re.fullmatch(r"\$-\$\d+\.\d to \$-\$\d+\.\d", cells[-4])
    assert [len(re.split(r"(?<!\\)&", line)) for line in lines[2:7] if "&" in line] == [8] * 4
    assert lines[4].startswith("big & ")
    assert Path("out/table.md").read_text().splitlines()[4].startswith("| two lines | ")


ODD = [
    "a|b",
    "a\\|b\\\\|c \\* \\",
    "*stars* _under_ __more__ snake_case `code` ~~gone~~",
    "<b>bold</b> &lt; &#65; R&D",
    "[a link](https://example.org) [another][one]",
    "犬 été 🐸",
    'comma, "quote"',
    "line\nend\r\nand\rmore",
    "tab\tand \x1b[31mred",
    "=1+1",
    " spaces ",
]


def test_odd_names_are_read_from_markdown_and_csv_as_they_are(script: Script) -> None:
    rows = {name: {"propagator": {"use": "grown", "missing": name == ODD[1]}} for name in ODD}
    assert ablate(rows=rows, data={**DATA, "limit": 1}) == 5
    with Path("out/table.csv").open(encoding="utf-8", newline="") as file:
        assert [record["row"] for record in csv.DictReader(file)] == ODD
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(Path("out/table.md").read_text(encoding="utf-8"))
    shown = [unescape(cell) for cell in re.findall(r"<tr>\n<td>(.*?)</td>", page)]
    assert shown == [" ".join(name.replace("\x1b", " ").split()) for name in ODD]
    (problem,) = re.findall(r"<li>(.*?)</li>", page)
    assert unescape(problem).startswith(f"{ODD[1]}: propagator: needs grease")
    assert "\x1b" not in Path("out/table.tex").read_text()
