"""Questions wait together, failures lose no answer, long videos cost no more than short ones."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from alref.errors import ConfigError, MissingError
from alref.llm.answer_store import AnswerStore
from alref.llm.conversations import StoreAnswer
from alref.llm.messages import Answer, Question
from alref.llm.options import ChatOptions
from alref.pipeline.engine import Pipeline
from alref.plugins.manager import PluginManager
from alref.records import Phrase, Reference
from alref.testing import make_moving_square
from alref.utils.thread_pool import run_in_threads
from support.scripted import Script, announcing, propose
from support.scripted_llm import ScriptedChat

VIDEO, _ = make_moving_square(frames=8)
Make = Callable[..., ScriptedChat]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a scripted model with the answers kept in one file."""
    return lambda answers, **options: ScriptedChat.saying(answers, tmp_path / "answers.sqlite", **options)


def phrases(count: int) -> list[Phrase]:
    return [Phrase(reference=str(number), text=f"thing {number}") for number in range(count)]


def about(question: Question) -> str:
    """Return the number of the thing that a question is about."""
    return question.messages[0].text.partition('"thing ')[2].partition('"')[0]


def test_so_many_questions_wait_at_once(make: Make) -> None:
    together = threading.Barrier(4)

    def answer(question: Question) -> str:
        together.wait(timeout=20)
        return "[1]"

    assert len(make(answer, concurrency=4).pick_frames(VIDEO, phrases(8))) == 8


def test_no_more_questions_wait_than_are_allowed(make: Make) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def answer(question: Question) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1
        return "[1]"

    make(answer, concurrency=2).pick_frames(VIDEO, phrases(8))
    assert most == 2


def test_answers_go_to_their_own_phrases_in_whatever_order_they_come(make: Make) -> None:
    last = threading.Event()

    def answer(question: Question) -> str:
        if about(question) == "0":
            last.wait(20)
        if about(question) == "7":
            last.set()
        return f"[{int(about(question)) + 1}]"

    pivots = make(answer).pick_frames(VIDEO, phrases(8))
    assert [(pivot.phrase.text, pivot.frame) for pivot in pivots] == [(f"thing {number}", number) for number in range(8)]


def test_an_error_loses_no_answer_and_the_next_run_asks_for_the_missing_ones(make: Make) -> None:
    begun = threading.Barrier(3)

    def answer(question: Question) -> str:
        begun.wait(timeout=20)
        if about(question) == "1":
            raise MissingError("the server is gone")
        return "[1]"

    with pytest.raises(MissingError, match="the server is gone"):
        make(answer, concurrency=3).pick_frames(VIDEO, phrases(3))
    again = make(["[2]"])
    pivots = again.pick_frames(VIDEO, phrases(3))
    assert [about(question) for question in again.questions] == ["1"]
    assert [(pivot.frame, pivot.source) for pivot in pivots] == [(0, "cache"), (1, "model"), (0, "cache")]


def test_no_question_is_begun_after_an_error(make: Make) -> None:
    chat = make([ConfigError("the money is spent")], concurrency=1)
    with pytest.raises(ConfigError, match="the money is spent"):
        chat.pick_frames(VIDEO, phrases(5))
    assert len(chat.questions) == 1


def test_an_interruption_waits_for_no_answer() -> None:
    release, begun = threading.Event(), []

    def work(item: int) -> int:
        begun.append(item)
        if item:
            release.wait(30)
        return item

    outputs = run_in_threads(work, range(9), 2)
    assert next(outputs) == (0, 0)
    outputs.close()  # type: ignore[attr-defined]
    assert not release.is_set()
    release.set()
    assert len(begun) <= 4


def test_a_signal_that_does_not_wake_the_main_thread_is_handled_all_the_same() -> None:
    waiting, release, finished = threading.Event(), threading.Event(), []

    def work(item: int) -> int:
        if item:
            waiting.wait(20)
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            finished.append(release.wait(20))
        return item

    outputs = run_in_threads(work, [0, 1], 1)
    assert next(outputs) == (0, 0)
    waiting.set()
    with pytest.raises(KeyboardInterrupt):
        next(outputs)
    assert finished == []
    release.set()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_whatever_ends_a_thread_ends_the_wait_for_it(error: type[BaseException]) -> None:
    def work(item: int) -> int:
        raise error

    with pytest.raises(error):
        next(run_in_threads(work, [0], 1))


class Batched(ScriptedChat):
    """Answers several questions in one go, as a local model does."""

    def __init__(self, options: ChatOptions) -> None:
        super().__init__(options)
        self.batches: list[int] = []

    def chat_all(self, questions: Sequence[Question], store_answer: StoreAnswer) -> Iterator[tuple[int, Answer]]:
        self.batches.append(len(questions))
        return ((index, self.chat(question)) for index, question in enumerate(questions))


def test_a_model_may_answer_questions_in_batches(tmp_path: Path) -> None:
    def answer(question: Question) -> str:
        return "?" if about(question) == "2" and len(question.messages) == 1 else "[1]"

    chat = Batched.saying(answer, tmp_path / "answers.sqlite")
    first = chat.pick_frames(VIDEO, phrases(5))
    assert chat.batches == [5, 1]
    chat.close()
    again = Batched.saying([AssertionError("asked again")], tmp_path / "answers.sqlite")
    assert [pivot.frame for pivot in again.pick_frames(VIDEO, phrases(5))] == [pivot.frame for pivot in first]
    assert again.batches == []


@pytest.mark.parametrize("cls", [ScriptedChat, Batched])
def test_each_answer_is_stored_once(cls: type[ScriptedChat], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[str] = []
    put = AnswerStore.put

    def count_and_put(store: AnswerStore, key: str, question: Question, answer: Answer) -> None:
        stored.append(key)
        put(store, key, question, answer)

    monkeypatch.setattr(AnswerStore, "put", count_and_put)
    cls.saying(["[1]"], tmp_path / "answers.sqlite").pick_frames(VIDEO, phrases(5))
    assert len(stored) == len(set(stored)) == 5


def run(tmp_path: Path, **options: Any) -> Any:
    script = Script(propose=propose)
    plugins = PluginManager([*script.entries, announcing("chat", reasoners=[ScriptedChat])])
    settings = {"use": "scripted-chat", "answers": str(tmp_path / "answers.sqlite"), **options}
    slots = dict.fromkeys(("unifier", "proposer", "propagator"), "scripted")
    with Pipeline(plugins=plugins, **{**slots, "reasoner": settings}) as pipeline:
        return pipeline.run(VIDEO, [Reference(id="1", text="the square"), Reference(id="2", text="the ground")])


def test_a_pipeline_shows_what_the_model_decided(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert [verdict.finding for verdict in result.verdicts] == ["found", "found"]
    assert [(box.pivot.frame, box.score, box.raw, box.source) for box in result.boxes] == [
        (1, pytest.approx(0.4), "[2]", "model")
    ] * 2
    assert {box.source for box in run(tmp_path).boxes} == {"cache"}


def test_a_replay_is_a_setting_of_the_whole_pipeline(tmp_path: Path) -> None:
    run(tmp_path)
    plugins = PluginManager([*Script().entries, announcing("chat", reasoners=[ScriptedChat])])
    slots = {**dict.fromkeys(("unifier", "proposer", "propagator"), "scripted"), "reasoner": "scripted-chat"}
    made = Pipeline(plugins=plugins, replay=tmp_path / "answers.sqlite", **slots)
    replays = {slot: getattr(choice.options, "replay", None) for slot, choice in made.config.slots.items()}
    replaying = {slot for slot, path in replays.items() if path == tmp_path / "answers.sqlite"}
    assert replaying == {"temporal", "spatial", "selector", "reviewer"}
    with pytest.raises(ConfigError, match="replay"):
        Pipeline(plugins=plugins, replay=tmp_path / "answers.sqlite", **{**slots, "reasoner": "scripted"})


def test_a_replay_asks_no_model(tmp_path: Path) -> None:
    empty = AnswerStore(tmp_path / "empty.sqlite")
    assert empty.get("nothing") is None
    empty.close()
    with pytest.raises(MissingError, match="the square"):
        run(tmp_path, replay=str(tmp_path / "empty.sqlite"))
    run(tmp_path)
    replayed = run(tmp_path, replay=str(tmp_path / "answers.sqlite"))
    assert {box.source for box in replayed.boxes} == {"replay"}


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("replay", "nowhere", "nothing there to replay"),
        ("prompts", "poetic", "structured"),
        ("prompt_files", {"box": "nowhere.txt"}, "nowhere.txt: no such prompt file"),
        ("prompt_files", {"boxes": "x.txt"}, "prompt_files"),
        ("max_questions", 0, "greater than or equal to 1"),
    ],
)
def test_wrong_options_are_one_error_before_any_video(tmp_path: Path, option: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(tmp_path, **{option: value})


INTERRUPTED = """
import os, sys, threading
from pathlib import Path
from support.scripted_llm import ScriptedChat
from test_llm_conversations import VIDEO, about, phrases

def answer(question):
    if about(question) != "0":
        os.write(1, b"waiting\\n")
        threading.Event().wait(60)
    return "[1]"

chat = ScriptedChat.saying(answer, Path(sys.argv[1]), concurrency=2)
chat.pick_frames(VIDEO, phrases(4))
"""


def test_control_c_ends_at_once_and_keeps_what_had_come(make: Make, tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "answers.sqlite")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline(), process.stdout.readline()] == ["waiting\n"] * 2
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    again = make(["[2]"])
    pivots = again.pick_frames(VIDEO, phrases(4))
    assert [pivot.source for pivot in pivots] == ["cache", "model", "model", "model"]
