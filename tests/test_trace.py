"""Every question of a run is traced, counted and can be replayed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import pytest

from alref.cli import run_command
from alref.errors import InputError, MissingError
from alref.llm.messages import Answer, Message, Question, QuestionEvent
from alref.llm.reasoner import ChatReasoner
from alref.llm.replay import read_trace
from alref.llm.usage import count_usage, format_usage, sum_usage
from alref.output.run_folder import load_result
from alref.output.trace import TraceWriter
from alref.plugins import manager as plugins_module
from alref.result import Usage
from alref.testing import make_moving_square, write_frames
from support.scripted import Script, announcing

ANSWER = Answer(text='{"why": "sharp", "frame": 3}', model="tiny", prompt_tokens=900, completion_tokens=100, cost=0.25)


def event(number: int = 0, **changes: Any) -> QuestionEvent:
    facts: dict[str, Any] = {
        "key": f"key {number}",
        "stage": "temporal",
        "component": "gpt4",
        "phrase": "the dog",
        "messages": (Message(text="Which frame?\nAnswer in JSON."),),
        "images": ("0123",),
        "answer": ANSWER,
        "parsed": {"frame": 3},
        "source": "model",
    }
    return QuestionEvent(**{**facts, **changes})


def test_each_question_is_on_disk_when_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    trace = TraceWriter(path)
    assert not path.exists()
    for number in range(3):
        trace.question_answered(event(number))
        assert read_trace(path) == [event(each) for each in range(number + 1)]


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path / "trace.jsonl")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: trace.question_answered(event(number)), range(100)))
    assert {each.key for each in read_trace(tmp_path / "trace.jsonl")} == {f"key {number}" for number in range(100)}


@pytest.mark.parametrize("cut", [1, 2, 60, 200])
def test_a_line_that_a_kill_cut_off_is_left_out_and_mended(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "trace.jsonl"
    trace = TraceWriter(path)
    trace.question_answered(event(0))
    trace.question_answered(event(1, phrase="la chèvre"))
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_trace(path) == [event(0)]
    TraceWriter(path).question_answered(event(2))
    assert read_trace(path) == [event(0), event(2)]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(event(0).model_dump_json() + '\n{"key": 1}\n')
    with pytest.raises(InputError, match=r"trace\.jsonl.*\b2\b"):
        read_trace(path)


def test_a_trace_that_cannot_be_written_is_a_warning_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").mkdir()
    plugins = plugins_module.PluginManager([])
    plugins.add_observer(TraceWriter(tmp_path / "trace.jsonl"))
    plugins.notify_observers("question_answered", event())
    (warning,) = plugins.warnings
    assert "trace.jsonl" in warning


def test_usage_counts_by_model_what_was_asked_now() -> None:
    kept = event(source="cache")
    other = event(answer=ANSWER.model_copy(update={"model": "big", "cost": None}))
    assert count_usage([event(), kept, event(), other, event(answer=None)]) == (
        Usage(model="tiny", questions=3, cached=1, prompt_tokens=1800, completion_tokens=200, cost=0.5, uncached_cost=0.75),
        Usage(model="big", questions=1, prompt_tokens=900, completion_tokens=100, cost=None, uncached_cost=None),
        Usage(model="gpt4", questions=1),
    )
    assert count_usage([]) == ()


def test_one_unknown_price_makes_the_whole_cost_unknown() -> None:
    known, unknown = Usage(model="a", questions=1, cost=1.0), Usage(model="b", questions=1, cost=None)
    assert sum_usage([known, known]).cost == 2.0
    assert sum_usage([known, unknown]).cost is None


SAID = [
    ([], ""),
    ([Usage(model="a", questions=7, cached=3, prompt_tokens=12000, completion_tokens=345, cost=0.12)],
     "7 questions, 3 from the store, 12,345 tokens, $0.12"),
    ([Usage(model="a", questions=1, prompt_tokens=9, cost=0.0004)], "1 question, 9 tokens, $0.0004"),
    ([Usage(model="a", questions=2, prompt_tokens=9, cost=None)], "2 questions, 9 tokens, price not known"),
    ([Usage(model="a", questions=2, cached=2)], "2 questions, 2 from the store"),
    ([Usage(model="a", questions=1, cost=0.5), Usage(model="b", questions=1, cost=1000)], "2 questions, $1,000.50"),
]  # fmt: skip


@pytest.mark.parametrize(("usages", "line"), SAID)
def test_usage_in_one_line(usages: list[Usage], line: str) -> None:
    assert format_usage(usages) == line


class Told(ChatReasoner):
    """A language model that answers with the number 2."""

    name = "told"
    asked: ClassVar[list[Question]] = []
    answer: ClassVar[Callable[[Question], Answer]]
    lock: ClassVar[Lock] = Lock()

    def chat(self, question: Question) -> Answer:
        with self.lock:
            self.asked.append(question)
        return type(self).answer(question)


SLOTS = ["--unifier", "scripted", "--reasoner", "told", "--proposer", "scripted", "--propagator", "scripted"]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Told]:
    """Give a model with a store of its own, scripted components around it, and a clip in the working folder."""
    entries = [*Script().entries, announcing("told", reasoners=[Told])]
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: entries)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], tmp_path / "clip")
    Told.asked = []
    Told.answer = lambda question: Answer(text="2", model="told-1", prompt_tokens=100, completion_tokens=1, cost=0.01)
    return Told


def run(*arguments: str, out: str = "out") -> int:
    return run_command(["run", "clip", *arguments, *SLOTS, "--out", out])


def decisions(folder: str) -> list[tuple[Any, ...]]:
    result = load_result(folder)
    pivots = [(each.phrase.text, each.frame) for each in result.pivots]
    return [*pivots, *((each.pivot.phrase.text, str(each.xyxy)) for each in result.boxes)]


def test_a_run_leaves_a_line_for_each_question_and_what_they_took(
    model: type[Told], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("the dog", "the cat") == 0
    asked = len(model.asked)
    lines = [json.loads(line) for line in Path("out/trace.jsonl").read_text().splitlines()]
    assert len(lines) == asked >= 4
    assert {(line["stage"], line["phrase"]) for line in lines} == {
        (stage, phrase) for stage in ("temporal", "spatial") for phrase in ("the dog", "the cat")
    }
    for line in lines:
        assert line["source"] == "model"
        assert line["answer"]["text"] == "2"
        assert line["parsed"]["number"] == 2
        assert len(line["key"]) == 32
        assert line["images"]
        assert all(len(digest) == 32 for digest in line["images"])
    (usage,) = load_result("out").usage
    assert (usage.model, usage.questions, usage.cached) == ("told-1", asked, 0)
    assert (usage.prompt_tokens, usage.completion_tokens) == (100 * asked, asked)
    assert usage.cost == pytest.approx(0.01 * asked)
    assert f"{asked} questions, {101 * asked} tokens, $0.0{asked}" in capsys.readouterr().out


def test_the_same_questions_are_not_asked_again(model: type[Told], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("the dog") == 0
    asked = len(model.asked)
    assert run("the dog", "the cat", out="both") == 0
    assert len(model.asked) == 2 * asked
    (usage,) = load_result("both").usage
    assert (usage.questions, usage.cached, usage.prompt_tokens) == (2 * asked, asked, 100 * asked)
    sources = [line.source for line in read_trace(Path("both/trace.jsonl"))]
    assert (sources.count("cache"), sources.count("model")) == (asked, asked)
    assert re.search(rf"\b{2 * asked}\b.*\b{asked}\b", capsys.readouterr().out)


def test_a_run_without_questions_leaves_no_trace(model: type[Told], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", "clip", "the dog", *SLOTS, "--reasoner", "scripted", "--out", "out"]) == 0
    assert not Path("out/trace.jsonl").exists()
    assert load_result("out").usage == ()
    assert "question" not in capsys.readouterr().out


def test_programs_get_the_usage(model: type[Told], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("the dog", "--json") == 0
    finished = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert finished["usage"] == [each.model_dump(mode="json") for each in load_result("out").usage]


@pytest.mark.parametrize("what", ["first", "first/trace.jsonl", "home", "home/answers.sqlite"])
def test_a_replay_asks_nothing_and_decides_the_same(model: type[Told], what: str) -> None:
    assert run("the dog", "the cat", out="first") == 0
    model.asked.clear()
    assert run("the dog", "the cat", "--replay", what, "-o", "reasoner.answers=untouched.sqlite", out="again") == 0
    assert model.asked == []
    assert decisions("again") == decisions("first")
    assert {box.source for box in load_result("again").boxes} == {"replay"}
    assert load_result("again").usage[0].cost == 0
    assert not Path("untouched.sqlite").exists()


def test_a_question_that_was_never_asked_ends_a_replay(model: type[Told], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("the dog", out="first") == 0
    asked = len(model.asked)
    assert run("the cat", "--replay", "first", out="again") == MissingError.exit_code
    message = capsys.readouterr().err
    assert "'the cat'" in message
    assert len(model.asked) == asked
    assert run("the cat", out="second") == 0
    assert read_trace(Path("second/trace.jsonl"))[0].key in message


def test_refused_and_unreadable_answers_are_replayed_from_a_trace(model: type[Told]) -> None:
    replies = iter(["hm", "well"])
    model.answer = lambda question: (
        Answer(text=next(replies, "1"), model="told-1")
        if "seconds" in question.messages[0].text
        else Answer(text="", model="told-1", finish_reason="refusal")
    )
    assert run("the dog", out="first") == 0
    model.asked.clear()
    assert run("the dog", "--replay", "first", out="again") == 0
    assert model.asked == []
    assert decisions("again") == decisions("first")
    assert load_result("again").verdict().source == "fallback"


def test_answers_given_before_an_error_are_traced_and_not_asked_again(model: type[Told]) -> None:
    def fails_for_boxes(question: Question) -> Answer:
        if len(model.asked) > 2:
            raise MissingError("the server is gone; start it")
        return Answer(text="2", model="told-1")

    good, model.answer = model.answer, fails_for_boxes
    assert run("the dog", "the cat") == MissingError.exit_code
    before = len(read_trace(Path("out/trace.jsonl")))
    assert before == 2
    model.asked.clear()
    model.answer = good
    assert run("the dog", "the cat") == 0
    keys = [line.key for line in read_trace(Path("out/trace.jsonl"))]
    assert len(set(keys)) == before + len(model.asked)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--replay", "nowhere"], 3, ["nowhere", "trace.jsonl"]),
        (["--replay", "clip"], 3, ["clip", "trace.jsonl"]),
        (["--replay", "out", "--reasoner", "scripted"], 4, ["--replay", "scripted"]),
    ],
)
def test_a_replay_that_cannot_be_is_said(
    model: type[Told], capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: list[str]
) -> None:
    assert run_command(["run", "no-such-clip", "the dog", *SLOTS, *arguments, "--out", "never"]) == code
    message = capsys.readouterr().err
    assert [word for word in words if word not in message] == []
    assert not Path("never").exists()


def test_force_keeps_what_was_paid_for(model: type[Told]) -> None:
    assert run("the dog") == 0
    before = Path("out/trace.jsonl").read_bytes()
    assert run("the cat", "--force") == 0
    assert Path("out/trace.jsonl").read_bytes().startswith(before)


def test_tokens_that_no_server_counted_are_said_to_be_estimated() -> None:
    counted = Usage(model="one", questions=1, prompt_tokens=1000, completion_tokens=10)
    estimated = Usage(model="two", questions=1, prompt_tokens=200, completion_tokens=20, estimated=True)
    assert sum_usage([counted, estimated]).estimated
    assert not sum_usage([counted]).estimated
    assert "about 1,230 tokens" in format_usage([counted, estimated])
    assert "about" not in format_usage([counted])
