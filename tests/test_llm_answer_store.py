"""No answer that was paid for is lost, and none that is worth nothing is kept."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.errors import InputError, OutputError
from alref.llm.answer_store import AnswerStore, compute_answer_key, get_default_path
from alref.llm.messages import Answer, Message, Question
from alref.llm.replay import AnswerReplay

QUESTION = Question(messages=(Message(role="system", text="Be brief."), Message(text="Which frame?")), images=(b"one", b"two"))
ANSWER = Answer(text="frame 3", model="tiny-1", prompt_tokens=10, completion_tokens=2, cost=0.01, retries=1, seconds=0.5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AnswerStore]:
    made = AnswerStore(tmp_path / "folder" / "answers.sqlite")
    yield made
    made.close()


def test_an_answer_comes_back_whole_in_another_process(store: AnswerStore) -> None:
    store.put("a", QUESTION, ANSWER)
    store.close()
    code = f"""if True:
        from pathlib import Path
        from alref.llm.answer_store import AnswerStore, compute_answer_key
        print(AnswerStore(Path({str(store.path)!r})).get("a").model_dump_json())"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Answer.model_validate_json(done.stdout) == ANSWER
    assert store.get("b") is None


def test_a_later_answer_replaces_an_earlier_one(store: AnswerStore) -> None:
    later = ANSWER.model_copy(update={"text": "frame 4"})
    store.put("a", QUESTION, ANSWER)
    store.put("a", QUESTION, later)
    assert store.get("a") == later
    assert store.get_info().count == 1


WORTHLESS: list[dict[str, Any]] = [
    {"text": ""},
    {"text": " \n\t"},
    {"finish_reason": "length"},
    {"finish_reason": "refusal"},
    {"finish_reason": "filter"},
]


@pytest.mark.parametrize("change", WORTHLESS, ids=str)
def test_empty_refused_filtered_and_cut_off_answers_are_not_kept(store: AnswerStore, change: dict[str, Any]) -> None:
    store.put("a", QUESTION, ANSWER.model_copy(update=change))
    assert store.get("a") is None
    assert not store.get_info().count


def test_nothing_is_made_before_it_is_used(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "none" / "answers.sqlite")
    assert store.get_info().count == 0
    store.close()
    assert not (tmp_path / "none").exists()


def test_info_counts_by_model(store: AnswerStore) -> None:
    for number in range(3):
        store.put(str(number), QUESTION, ANSWER.model_copy(update={"model": f"tiny-{number % 2}"}))
    info = store.get_info()
    assert (info.count, info.models) == (3, {"tiny-0": 2, "tiny-1": 1})
    assert info.size == store.path.stat().st_size


def test_pictures_are_kept_as_digests_only(store: AnswerStore) -> None:
    picture = b"\xff\xd8 a long picture" * 100
    question = QUESTION.model_copy(update={"images": (picture,)})
    store.put("a", question, ANSWER)
    store.close()
    content = store.path.read_bytes()
    assert b"Which frame?" in content
    assert question.image_digests[0].encode() in content
    assert b"a long picture" not in content


def test_the_folder_is_the_users_own_unless_another_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path))
    assert get_default_path() == tmp_path / "answers.sqlite"
    monkeypatch.delenv("ALREF_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert get_default_path().is_relative_to(tmp_path)
    assert get_default_path() != tmp_path / "answers.sqlite"


BASE: dict[str, Any] = {
    "origin": "alref 1",
    "component": "gpt4",
    "options": {"a": 1, "b": 2},
    "model": "m",
    "question": QUESTION,
}
CHANGES: list[dict[str, Any]] = [
    {"origin": "alref 2"},
    {"component": "openai"},
    {"options": {"a": 1, "b": 3}},
    {"model": "n"},
    {"question": QUESTION.model_copy(update={"messages": QUESTION.messages[1:]})},
    {"question": QUESTION.model_copy(update={"messages": (Message(text="Be brief."), QUESTION.messages[1])})},
    {"question": QUESTION.model_copy(update={"images": (b"one", b"two.")})},
    {"question": QUESTION.model_copy(update={"images": (b"two", b"one")})},
    {"question": QUESTION.model_copy(update={"images": (b"onet", b"wo")})},
    {"question": QUESTION.model_copy(update={"answer_schema": {"type": "object"}})},
]


def test_everything_that_changes_an_answer_changes_its_key() -> None:
    keys = {compute_answer_key(**BASE), *(compute_answer_key(**{**BASE, **change}) for change in CHANGES)}
    assert len(keys) == len(CHANGES) + 1


def test_a_key_does_not_depend_on_what_a_question_is_about() -> None:
    told = {**BASE, "question": QUESTION.model_copy(update={"topic": "the dog"})}
    assert compute_answer_key(**told) == compute_answer_key(**BASE)


def test_a_key_does_not_depend_on_the_order_of_options() -> None:
    assert compute_answer_key(**{**BASE, "options": {"b": 2, "a": 1}}) == compute_answer_key(**BASE)


def test_threads_lose_nothing(store: AnswerStore) -> None:
    def put(number: int) -> Answer | None:
        store.put(str(number), QUESTION, ANSWER.model_copy(update={"text": f"frame {number}"}))
        return store.get(str(number))

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(put, range(200)))
    assert [answer and answer.text for answer in found] == [f"frame {number}" for number in range(200)]
    assert store.get_info().count == 200


def test_processes_that_start_together_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    code = f"""if True:
        import sys
        from pathlib import Path
        from alref.llm.answer_store import AnswerStore, compute_answer_key
        from alref.llm.messages import Answer, Message, Question
        sys.stdin.read()
        store = AnswerStore(Path({str(path)!r}))
        for number in range(40):
            store.put(sys.argv[1] + str(number), Question(messages=(Message(text="?"),)), Answer(text="!", model="m"))"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE, stderr=subprocess.PIPE) for name in "abc"
    ]
    for process in processes:
        assert process.stdin
        process.stdin.close()
    for process in processes:
        assert process.stderr
        with process.stderr:
            assert process.stderr.read() == b""
        assert process.wait() == 0
    store = AnswerStore(path)
    assert store.get_info().count == 120
    store.close()


def put_and_killed(store: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "support.kill_store", str(kill_at), store], capture_output=True, text=True, check=False
    )


def test_a_kill_at_any_moment_loses_no_answer(tmp_path: Path) -> None:
    total = int(put_and_killed(tmp_path / "whole.sqlite", 0).stdout.splitlines()[-1])
    for moment in random.Random(3).sample(range(1, total), 8):
        path = tmp_path / f"{moment}.sqlite"
        done = put_and_killed(path, moment)
        assert done.returncode == -signal.SIGKILL, done.stderr
        store = AnswerStore(path)
        said = {number: store.get(f"key {number}") for number in map(int, done.stdout.split())}
        assert {number: answer and answer.text for number, answer in said.items()} == {n: f"answer {n}" for n in said}
        store.put("key 9", QUESTION, ANSWER)
        assert store.get("key 9") == ANSWER
        store.close()
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()


def test_a_file_that_is_no_store_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not answers" * 100)
    store = AnswerStore(path)
    for _ in range(2):
        with pytest.raises(InputError, match=r"notes\.txt: "):
            store.get("a")
    assert path.read_text() == "these are notes, not answers" * 100


def test_a_damaged_file_is_named(store: AnswerStore) -> None:
    for number in range(200):
        store.put(str(number), QUESTION, ANSWER)
    store.close()
    content = bytearray(store.path.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    store.path.write_bytes(content)
    with pytest.raises(InputError, match=store.path.name):
        store.get("7")


def test_a_row_that_cannot_be_read_is_named(store: AnswerStore) -> None:
    store.put("a", QUESTION, ANSWER)
    store.close()
    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE answers SET answer = '{}'")
    database.close()
    with pytest.raises(InputError, match=store.path.name):
        store.get("a")


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE songs (title TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match=path.name):
        AnswerStore(path).put("a", QUESTION, ANSWER)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="ALREF_HOME"):
        AnswerStore(tmp_path / "file" / "answers.sqlite").put("a", QUESTION, ANSWER)


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").mkdir()
    with pytest.raises(OutputError, match=r"answers\.sqlite: .*ALREF_HOME"):
        AnswerStore(tmp_path / "answers.sqlite").put("a", QUESTION, ANSWER)


def test_a_file_that_cannot_be_written_is_said_before_anything_is_paid_for(store: AnswerStore) -> None:
    store.put("a", QUESTION, ANSWER)
    store.close()
    store.path.chmod(0o444)
    if os.access(store.path, os.W_OK):
        pytest.skip("this user may write to every file")
    with pytest.raises(OutputError, match=store.path.name):
        store.get("a")


def test_info_on_the_command_line(
    store: AnswerStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.put("a", QUESTION, ANSWER)
    monkeypatch.setenv("ALREF_HOME", str(store.path.parent))
    assert run_command(["answers", "info"]) == 0
    path, counted, model = capsys.readouterr().out.splitlines()
    assert (path, model.split()) == (str(store.path), ["1", "tiny-1"])
    assert counted.startswith("1 answers, ")
    other = store.path.with_name("other.sqlite")
    assert run_command(["answers", "info", str(other)]) == 0
    assert "0 answers" in capsys.readouterr().out
    other.write_bytes(b"not a store at all" * 100)
    assert run_command(["answers", "info", str(other)]) == InputError.exit_code
    assert "other.sqlite" in capsys.readouterr().err


def test_the_store_says_where_its_answers_come_from() -> None:
    assert AnswerStore.source == "cache"
    assert AnswerReplay.source == "replay"
