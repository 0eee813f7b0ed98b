"""Every answer that was published with the reference run is read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from alref.llm.parsing import ParsedLabels, parse_choice, parse_labels

ANSWERS = Path(__file__).parents[1] / ".." / "shared" / "reference_run" / "gpt_results"


def published(name: str) -> dict[str, ParsedLabels]:
    """Read a published file of first answers: Python dicts as text."""
    file = ANSWERS / name / "cot_stage_1_outputs.json"
    if not file.is_file():
        pytest.skip(f"the published answers are not at {ANSWERS}")
    return {key: parse_labels(text, 10) for key, text in json.loads(file.read_text(encoding="utf-8")).items()}


@pytest.mark.parametrize(
    ("name", "labels", "absent"),
    [
        ("s4", {1: 740}, 0),
        ("ms3", {1: 29, 2: 33, 3: 2}, 0),
        ("avss", {0: 2, 1: 1197, 2: 331, 3: 24}, 2),
        ("v2_binary", {0: 3, 1: 512, 2: 224, 3: 11}, 3),
    ],
)
def test_every_published_first_answer_is_read(name: str, labels: dict[int, int], absent: int) -> None:
    found = published(name)
    assert Counter(len(each.frames) for each in found.values()) == labels
    assert Counter(each.kind for each in found.values()) == Counter({"found": len(found) - absent, "absent": absent})


def test_the_published_first_answers_are_all_there_and_five_are_empty() -> None:
    found = [(key, each) for name in ("s4", "ms3", "avss", "v2_binary") for key, each in published(name).items()]
    assert len(found) == 3108
    empty = ["8-C4_FsA2NQ_8000_18000", "8-C4_FsA2NQ_8000_18000", "gBgVH390Tvg_0_10000", "sj7fRTSeJ6M_44000_54000"]
    assert sorted(key for key, each in found if each.kind == "absent") == [*empty, "sj7fRTSeJ6M_44000_54000"]


@pytest.mark.parametrize(
    ("name", "count", "shares"),
    [("s4", 280, (55, 38, 7)), ("ms3", 46, (57, 39, 4)), ("avss", 910, (46, 41, 13)), ("v2_binary", 520, (53, 38, 9))],
)
def test_every_published_second_answer_is_read(name: str, count: int, shares: tuple[int, int, int]) -> None:
    file = ANSWERS / name / "cot_stage_2_outputs.json"
    if not file.is_file():
        pytest.skip(f"the published answers are not at {ANSWERS}")
    values = json.loads(file.read_text(encoding="utf-8")).values()
    flat = [text for value in values for text in (value.values() if isinstance(value, dict) else [value])]
    found = Counter(parse_choice(text, 3, "box").number for text in flat)
    assert len(flat) == count
    assert tuple(round(100 * found[number] / count) for number in (1, 2, 3)) == shares
