"""The published answers are read without a loss, and a reasoner gives them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alref.cli import run_command
from alref.errors import InputError
from alref.llm.published_answers import (
    BOXES_FILE,
    FRAMES_FILE,
    PublishedAnswers,
    import_published_answers,
    load_published_answers,
)
from alref.media.video import Video
from alref.output.run_folder import load_result
from alref.records import Candidates, Phrase, PivotFrame
from alref.testing import SQUARE, ArrayVideo, ReasonerContract, make_moving_square, write_frames
from alref.utils.masks import Mask
from alref_baseline.replay import ReplayReasoner, ReplayReasonerOptions

PUBLISHED = Path(__file__).parents[1] / ".." / "shared" / "reference_run" / "gpt_results"


def folder(path: Path, frames: Any, boxes: Any) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / FRAMES_FILE).write_text(frames if isinstance(frames, str) else json.dumps(frames))
    (path / BOXES_FILE).write_text(boxes if isinstance(boxes, str) else json.dumps(boxes))
    return path


def plain(published: PublishedAnswers) -> dict[str, list[tuple[str, int, int | None]]]:
    return {clip: [(each.label, each.frame, each.box) for each in choices] for clip, choices in published.clips.items()}


COUNTS = {"s4": (740, 0, 740, 280), "ms3": (64, 0, 101, 46), "avss": (1554, 2, 1931, 910), "v2_binary": (750, 3, 993, 520)}


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published answers are not here")
@pytest.mark.parametrize("name", COUNTS)
def test_everything_that_was_published_is_read(name: str) -> None:
    published = import_published_answers(PUBLISHED / name)
    empty = [clip for clip, choices in published.clips.items() if not choices]
    boxes = [each.box for each in published.choices if each.box]
    assert (len(published.clips), len(empty), len(published.choices), len(boxes)) == COUNTS[name]
    assert len(published.unused) == (1 if name == "avss" else 0)
    frames = json.loads((PUBLISHED / name / FRAMES_FILE).read_text())
    said = {clip: str({each.label: each.frame + 1 for each in choices}) for clip, choices in published.clips.items()}
    differing = [(line, said[clip]) for clip, line in frames.items() if said[clip] != line]
    twice = ("{'emergency-car': 3, 'emergency-car': 4}", "{'emergency-car': 4}")
    assert differing == ([twice] if name == "avss" else [])
    assert all(1 <= box <= 3 for box in boxes)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published answers are not here")
def test_labels_and_names_stay_as_they_are() -> None:
    published = import_published_answers(PUBLISHED / "v2_binary")
    assert {"basketball bounce", "explosion", "clapping"} <= {each.label for each in published.choices}
    assert sum(clip.startswith(("-", "_")) for clip in import_published_answers(PUBLISHED / "avss").clips) == 98
    assert sum(len(import_published_answers(PUBLISHED / name).clips) for name in COUNTS) == 3108


def test_flat_and_nested_boxes_and_text_and_mappings(tmp_path: Path) -> None:
    frames = {"-a": "{'dog': 3}", "_b": "{'cat': 1, 'French horn': 5}", "c": "{}", "d": {"man's hat": 2}, "e": "{'cow': 1}"}
    boxes = {"-a": "2", "_b": {"French horn": "1"}, "c": {}, "d": {"man's hat": 3}}
    assert plain(import_published_answers(folder(tmp_path, frames, boxes))) == {
        "-a": [("dog", 2, 2)],
        "_b": [("cat", 0, None), ("French horn", 4, 1)],
        "c": [],
        "d": [("man's hat", 1, 3)],
        "e": [("cow", 0, None)],
    }


UNUSABLE: list[tuple[Any, Any, str]] = [
    ("dog: 3", {}, "'dog: 3'"),
    ("['dog']", {}, "['dog']"),
    ("{'dog': 'three'}", {}, "'three'"),
    ("{'dog': 0}", {}, "'dog': 0"),
    ("{'dog': -1}", {}, "'dog': -1"),
    ("{'dog': True}", {}, "'dog': True"),
    ("{'': 1}", {}, "'': 1"),
    ("{3: 1}", {}, "3: 1"),
    ("{'dog': {}}", {}, "'dog': {}"),
    ("{'dog': 1, 'dog': 3}", {}, "'dog': 1, since the label is named again with 3"),
    ("{**{'dog': 1}}", {}, "{**{"),
    ("__import__('os')", {}, "__import__"),
    (None, {}, "None"),
    ("{'dog': 1}", {"other": {"dog": "1"}}, "other: boxes"),
    ("{'dog': 1}", {"clip": {"cat": "1"}}, "'cat': '1'"),
    ("{'dog': 1}", {"clip": {"dog": "first"}}, "'first'"),
    ("{'dog': 1}", {"clip": "0"}, "'0'"),
    ("{'dog': 1, 'cat': 1}", {"clip": "1"}, "box '1' for 2 labels"),
    ("{'dog': 1}", {"clip": ["1"]}, "['1']"),
]


@pytest.mark.parametrize(("answer", "boxes", "named"), UNUSABLE, ids=str)
def test_what_cannot_be_used_is_listed_and_the_rest_is_kept(tmp_path: Path, answer: Any, boxes: Any, named: str) -> None:
    published = import_published_answers(folder(tmp_path, {"clip": answer, "good": "{'cow': 2}"}, boxes))
    (line,) = published.unused
    assert named in line
    assert published.clips["good"][0].frame == 1
    assert ("clip" in published.clips) == (str(answer).startswith("{'dog': 1"))
    assert [each.box for each in published.choices] == [None] * len(published.choices)


@pytest.mark.parametrize(("frames", "said"), [("[1]", "mapping"), ("{", "JSON"), ("\xff\xfe", "JSON")])
def test_a_folder_of_something_else_is_named(tmp_path: Path, frames: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"{FRAMES_FILE}: expected .*{said}"):
        import_published_answers(folder(tmp_path, frames, {}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=rf"{FRAMES_FILE}: cannot be read.*expected a folder with {FRAMES_FILE} and {BOXES_FILE}"
    ):
        import_published_answers(tmp_path)


def imported(tmp_path: Path) -> Path:
    frames = {"clip": "{'red square': 2, 'wall': 9}", "silent": "{}"}
    source = folder(tmp_path / "s4", frames, {"clip": {"red square": "2"}})
    assert run_command(["answers", "import", str(source), str(tmp_path / "made" / "s4.json")]) == 0
    return tmp_path / "made" / "s4.json"


def test_import_writes_what_is_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = imported(tmp_path)
    assert plain(load_published_answers(path)) == {"clip": [("red square", 1, 2), ("wall", 8, None)], "silent": []}
    assert "2 clips, 1 of them empty, 2 labels, 1 boxes" in capsys.readouterr().out


def test_import_names_the_file_after_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(tmp_path / "ms3", {"a": "{'dog': 1}", "b": "what?"}, {})
    monkeypatch.chdir(tmp_path)
    assert run_command(["answers", "import", "ms3"]) == 0
    assert list(load_published_answers(tmp_path / "ms3-answers.json").clips) == ["a"]
    assert re.search(r"\bb: .*'what\?'", capsys.readouterr().err)


def video(name: str, frames: int = 5) -> ArrayVideo:
    made, _ = make_moving_square(frames=frames)
    made.name = name
    return made


def replay(tmp_path: Path) -> ReplayReasoner:
    return ReplayReasoner(ReplayReasonerOptions(answers=imported(tmp_path)))


def three(phrase: str, count: int = 3) -> Candidates:
    boxes = np.array([[0, 0, 8, 8], [10, 10, 30, 30], [5, 5, 20, 40]], np.float32)[:count]
    pivot = PivotFrame(phrase=Phrase(reference="1", text=phrase), frame=1)
    return Candidates(pivot=pivot, xyxy=boxes, scores=np.array([0.9, 0.5, 0.3])[:count])


@pytest.mark.parametrize("name", ["clip", "clip.mp4"])
def test_recorded_labels_become_phrases_of_each_reference(tmp_path: Path, name: str) -> None:
    asked = [
        Phrase(reference="a", text="tag"),
        Phrase(reference="a", text="red square", category="square"),
        Phrase(reference="b", text="x"),
    ]
    pivots = replay(tmp_path).pick_frames(video(name, frames=9), asked)
    said = [(each.phrase.reference, each.phrase.text, each.phrase.category, each.frame, each.source) for each in pivots]
    assert said == [
        ("a", "red square", "square", 1, "replay"),
        ("a", "wall", "wall", 8, "replay"),
        ("b", "red square", "red square", 1, "replay"),
        ("b", "wall", "wall", 8, "replay"),
    ]


def test_a_recorded_label_of_a_sound_stays_a_sound(tmp_path: Path) -> None:
    heard = ((0.0, 1.5),)
    hum = Phrase(reference="a", text="Hum", score=0.2, sound=True, heard=heard)
    tags = [hum, hum.model_copy(update={"text": "Bark", "score": 0.8})]
    for pivot in replay(tmp_path).pick_frames(video("clip", frames=9), tags):
        assert (pivot.phrase.sound, pivot.phrase.score, pivot.phrase.heard) == (True, 0.8, heard)


def test_a_frame_beyond_the_end_is_a_fallback_that_says_so(tmp_path: Path) -> None:
    _, wall = replay(tmp_path).pick_frames(video("clip", frames=8), [SQUARE])
    assert (wall.frame, wall.source) == (0, "fallback")
    assert re.search(r"\b8\b.*\b8\b", wall.why)


def test_an_empty_answer_is_absent_and_an_unknown_clip_a_fallback(tmp_path: Path) -> None:
    for name, source, why in [("silent", "replay", "empty"), ("other", "fallback", "no answer is recorded for 'other'")]:
        (pivot,) = replay(tmp_path).pick_frames(video(name), [SQUARE])
        assert (pivot.finding, pivot.frame, pivot.source) == ("absent", None, source)
        assert why in pivot.why


def test_the_recorded_box_counts_from_the_best(tmp_path: Path) -> None:
    box, only, best, short = replay(tmp_path).pick_boxes(
        video("clip"), [three("red square"), three("wall", 1), three("wall"), three("red square", 1)]
    )
    assert box.xyxy is not None
    assert (box.xyxy.tolist(), box.score, box.source) == ([10, 10, 30, 30], 0.5, "replay")
    assert (only.score, only.source) == (pytest.approx(0.9), "rule")
    assert (best.score, best.source) == (pytest.approx(0.9), "fallback")
    assert best.why
    assert short.source == "rule"


def test_a_recorded_box_that_is_not_there_is_a_fallback(tmp_path: Path) -> None:
    source = folder(tmp_path / "x", {"clip": "{'dog': 1}"}, {"clip": "3"})
    (tmp_path / "x.json").write_text(import_published_answers(source).model_dump_json())
    (box,) = ReplayReasoner(ReplayReasonerOptions(answers=tmp_path / "x.json")).pick_boxes(video("clip"), [three("dog", 2)])
    assert (box.score, box.source) == (pytest.approx(0.9), "fallback")
    assert re.search(r"\b3\b.*\b2\b", box.why)


def test_problems_name_the_next_step(tmp_path: Path) -> None:
    (problem,) = ReplayReasoner(ReplayReasonerOptions()).problems()
    assert "alref answers import" in problem.hint
    (problem,) = ReplayReasoner(ReplayReasonerOptions(answers=tmp_path / "none.json")).problems()
    assert "none.json" in problem.message
    (tmp_path / "other.json").write_text('{"a": 1}')
    (problem,) = ReplayReasoner(ReplayReasonerOptions(answers=tmp_path / "other.json")).problems()
    assert "other.json" in problem.message


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return imported(tmp_path)


class TestReplay(ReasonerContract):
    @pytest.fixture(autouse=True)
    def _made(self, made: Path) -> None:
        self.made = made

    def make_component(self) -> ReplayReasoner:
        return ReplayReasoner(ReplayReasonerOptions(answers=self.made))

    def make_video(self) -> tuple[Video, Mask]:
        video, truth = super().make_video()
        video.name = "clip"
        return video, truth


def test_a_run_from_published_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_frames(make_moving_square(frames=4, size=(48, 64), side=16)[0], tmp_path / "-clip_1")
    path = folder(tmp_path / "s4", {"-clip_1": "{'dog': 3}"}, {})
    assert run_command(["answers", "import", str(path), "s4.json"]) == 0
    slots = ["--reasoner", "replay", "-o", "reasoner.answers=s4.json", "--out", "out", "--quiet"]
    assert run_command(["run", *slots, "--", "-clip_1", "the dog"]) == 0
    (pivot,) = load_result("out").pivots
    assert (pivot.phrase.text, pivot.frame, pivot.source) == ("dog", 2, "replay")
