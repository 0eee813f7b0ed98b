"""A language model in the order ``tracks`` of a whole pipeline: what it is asked in which round, and how often."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alref.llm.messages import Question
from alref.plugins.manager import PluginManager
from alref.records import ObjectTrack, Reference
from alref.result import Result
from alref.testing import make_moving_square
from support.object_tracks import list_ids, read_task, say_choices
from support.scripted import announcing
from support.scripted_llm import ScriptedChat
from support.scripted_tracks import TrackScript, make_object_track

VIDEO, _ = make_moving_square(frames=60, size=(64, 96))
WALKS = Reference(id="1", text="the dog that walks away")
PRESENT = json.dumps({"why": "", "verdict": "present", "criterion": "", "evidence": ""})
Answer = Callable[[Question], str]


class TracksRun:
    """Runs of one expression with a scripted tracker and a scripted model, and the questions that were asked."""

    def __init__(self, folder: Path, answer: Answer, **known: list[ObjectTrack]) -> None:
        self.questions: list[Question] = []
        self.script = TrackScript(track=lambda video, nouns: [track for noun in nouns for track in known.get(noun, [])])

        def ask(question: Question) -> str:
            self.questions.append(question)
            return answer(question)

        chat = type("Chat", (ScriptedChat,), {"script": staticmethod(ask)})
        self.script.plugins = PluginManager([*self.script.entries, announcing("chat", reasoners=[chat])])
        self.settings = {"use": "scripted-chat", "answers": str(folder / "answers.sqlite")}

    def run(self, *references: Reference, options: dict[str, Any] | None = None, **settings: Any) -> Result:
        asked = {**self.settings, **(options or {})}
        return self.script.track(*(references or [WALKS]), video=VIDEO, selector=asked, **settings)

    @property
    def tasks(self) -> list[str]:
        return [read_task(question) for question in self.questions]


def make_dogs(*frames: range) -> list[ObjectTrack]:
    return [make_object_track("dog", number, each, VIDEO, 1 - number / 10) for number, each in enumerate(frames, 1)]


def say(**facts: Any) -> str:
    return json.dumps({"why": "so it is", **facts})


def read_seconds(question: Question) -> list[float]:
    """Return the seconds of the frames that a question shows."""
    told = re.search(r"The frames are at (.*) seconds", question.messages[0].text)
    assert told
    return [float(second) for second in told[1].split(", ")]


def answer_with(choices: list[dict[int, str]], explicit: bool = True, audit: str = PRESENT) -> Answer:
    """Return a model that names dogs, says ``choices`` in turn, and audits."""
    rounds = iter(choices)

    def answer(question: Question) -> str:
        match read_task(question):
            case "concept":
                return say(kind="explicit" if explicit else "reasoning", noun="dog", broader="")
            case "concept_shown":
                return say(noun="dog", broader="")
            case "audit":
                return audit
            case _:
                return say_choices(next(rounds))

    return answer


def test_rounds_go_on_with_the_undecided_tracks_and_the_time_in_which_they_exist(tmp_path: Path) -> None:
    dogs = make_dogs(range(60), range(30), range(40, 60))
    choices = [{1: "accept", 2: "uncertain", 3: "uncertain"}, {2: "reject", 3: "uncertain"}, {3: "reject"}]
    run = TracksRun(tmp_path, answer_with(choices), dog=dogs)
    result = run.run()
    shown = [question for question in run.questions if read_task(question) == "tracks"]
    assert [list_ids(question) for question in shown] == [[1, 2, 3], [2, 3], [3]]
    assert not [second for second in read_seconds(shown[1]) if 3.0 <= second < 4.0]
    assert min(read_seconds(shown[2])) >= 4.0
    assert [len(question.images) for question in shown] == [1, 1, 1]
    assert [track.rles for track in result.tracks] == [dogs[0].rles]
    assert [(each.round, each.track, each.choice) for each in result.choices] == [
        (1, 1, "accept"),
        (1, 2, "uncertain"),
        (1, 3, "uncertain"),
        (2, 2, "reject"),
        (2, 3, "uncertain"),
        (3, 3, "reject"),
    ]


@pytest.mark.parametrize(("explicit", "most"), [(True, 1 + 3), (False, 2 + 3)], ids=["explicit", "reasoning"])
def test_an_expression_takes_few_questions_and_one_for_the_audit(tmp_path: Path, explicit: bool, most: int) -> None:
    undecided = [{1: "uncertain", 2: "uncertain"}] * 3
    run = TracksRun(tmp_path, answer_with(undecided, explicit), dog=make_dogs(range(60), range(30)))
    result = run.run(audit=False)
    assert (len(run.questions), sum(usage.questions for usage in result.usage)) == (most, most)
    audited = TracksRun(tmp_path / "more", answer_with(undecided, explicit), dog=make_dogs(range(60), range(30)))
    assert sum(usage.questions for usage in audited.run().usage) == most + 1


def test_nouns_without_tracks_are_named_in_the_next_question(tmp_path: Path) -> None:
    nouns = iter(["yak", "ox", "dog"])

    def answer(question: Question) -> str:
        if read_task(question).startswith("concept"):
            return say(kind="explicit", noun=next(nouns), broader="")
        return PRESENT if read_task(question) == "audit" else say_choices({1: "accept"})

    run = TracksRun(tmp_path, answer, dog=make_dogs(range(60)))
    result = run.run()
    assert run.tasks == ["concept", "concept_shown", "concept_shown", "tracks", "audit"]
    assert ["yak, ox" in question.messages[0].text for question in run.questions] == [False, False, True, False, False]
    assert [(each.noun, each.attempt) for each in result.concepts] == [("yak", 1), ("ox", 2), ("dog", 3)]
    assert result.verdict().finding == "found"


def test_a_contradicted_expression_is_absent_with_the_evidence(tmp_path: Path) -> None:
    evidence = "on frames 2 to 14 it walks to the camera"
    no = say(verdict="contradicted", criterion="trajectory", evidence=evidence)
    run = TracksRun(tmp_path, answer_with([{1: "accept"}], audit=no), dog=make_dogs(range(60)))
    result = run.run()
    assert (result.verdict().finding, result.tracks, result.audits[0].criterion) == ("absent", (), "trajectory")
    assert evidence in result.verdict().why
    doubt = say(verdict="contradicted", criterion="action", evidence="it is not clear that it walks")
    doubted = TracksRun(tmp_path / "more", answer_with([{1: "accept"}], audit=doubt), dog=make_dogs(range(60)))
    assert doubted.run().verdict().finding == "found"


def test_more_tracks_than_fit_are_all_decided(tmp_path: Path) -> None:
    def answer(question: Question) -> str:
        if read_task(question) == "tracks":
            return say_choices({number: "accept" if number in (1, 9) else "reject" for number in list_ids(question)})
        return say(kind="explicit", noun="dog", broader="") if read_task(question) == "concept" else PRESENT

    run = TracksRun(tmp_path, answer, dog=make_dogs(*[range(60)] * 9))
    result = run.run(options={"max_tracks": 4})
    assert (run.tasks.count("tracks"), len(result.choices), len(result.tracks)) == (3, 9, 2)


def test_sixteen_expressions_cost_one_tracking_and_a_selection_each(tmp_path: Path) -> None:
    def answer(question: Question) -> str:
        return say_choices({1: "accept"}) if read_task(question) == "tracks" else say(kind="explicit", noun="dog", broader="")

    run = TracksRun(tmp_path, answer, dog=make_dogs(range(60)))
    references = [Reference(id=str(number), text=f"dog number {number}") for number in range(16)]
    result = run.run(*references, audit=False)
    assert len(run.script.asked("track")) == 1
    assert (run.tasks.count("concept"), run.tasks.count("tracks"), len(result.tracks)) == (16, 16, 16)


def test_a_second_run_asks_nothing(tmp_path: Path) -> None:
    first = TracksRun(tmp_path, answer_with([{1: "accept"}]), dog=make_dogs(range(60)))
    expected = first.run()
    again = TracksRun(tmp_path, answer_with([]), dog=make_dogs(range(60)))
    result = again.run()
    assert again.questions == []
    assert [each.choice for each in result.choices] == [each.choice for each in expected.choices]
    assert {each.source for each in result.choices} == {"cache"}
