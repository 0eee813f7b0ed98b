"""Reasoners that ask servers pick tracks as well: one model, or the votes of several, each at its own price."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.llm_server import Body, ChatServer, serving, text_of
from support.object_tracks import make_candidates, make_track, say_choices

pytest.importorskip("openai")
pytest.importorskip("httpx2")

from alref.components.options import build_options
from alref.errors import ConfigError
from alref.llm.usage import count_usage
from alref.testing import make_moving_square
from alref_ollama import Ollama
from alref_openai import OpenAI

VIDEO, _ = make_moving_square(frames=24)
TRACKS = make_candidates(make_track(1, range(24), 24), make_track(2, range(5, 20), 24))
MODELS = ["tiny", "large", "other"]


def answer(body: Body) -> str:
    """Accept track 2 in the eyes of ``large`` and of whoever weighs the votes; reject it in the eyes of others."""
    accepting = body["model"] == "large" or "do not agree" in text_of(body)
    return say_choices({1: "reject", 2: "accept" if accepting else "reject"})


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    with serving(answer, models=MODELS) as server:
        yield server


def make(server: ChatServer, cls: type[OpenAI] | type[Ollama], folder: Path, **given: Any) -> Any:
    where = {"base_url": server.base_url} if cls is OpenAI else {"host": server.root}
    settings = {**where, "model": "tiny", "answers": folder / "answers.sqlite", "image_size": 224, "retries": 0, **given}
    return cls(build_options(cls.Options, settings, "reasoner"))


@pytest.mark.parametrize("cls", [OpenAI, Ollama])
def test_a_served_model_picks_tracks_with_one_question(chat_server: ChatServer, cls: Any, tmp_path: Path) -> None:
    reasoner = make(chat_server, cls, tmp_path)
    assert reasoner.problems() == []
    reasoner.load()
    choices = reasoner.pick_tracks(VIDEO, [TRACKS])
    assert [(each.choice, each.source) for each in choices] == [("reject", "model")] * 2
    reasoner.close()
    (asked,) = chat_server.questions
    assert '"enum": [1, 2]' in json.dumps(asked)


@pytest.mark.parametrize("cls", [OpenAI, Ollama])
def test_several_models_vote_and_the_one_of_the_options_weighs_them(chat_server: ChatServer, cls: Any, tmp_path: Path) -> None:
    events: list[Any] = []
    reasoner = make(chat_server, cls, tmp_path, votes=("large", "other"))
    assert reasoner.problems() == []
    reasoner.load()
    with reasoner.listen(lambda hook, event: events.append(event)):
        choices = reasoner.pick_tracks(VIDEO, [TRACKS])
    assert [each.choice for each in choices] == ["reject", "accept"]
    assert sorted(body["model"] for body in chat_server.questions) == ["large", "other", "tiny"]
    assert {usage.model: usage.questions for usage in count_usage(events)} == dict.fromkeys(("large", "other", "tiny"), 1)
    reasoner.close()


@pytest.mark.parametrize("cls", [OpenAI, Ollama])
def test_a_voter_that_the_server_does_not_have_is_a_problem_before_any_question(
    chat_server: ChatServer, cls: Any, tmp_path: Path
) -> None:
    problems = make(chat_server, cls, tmp_path, votes=("large", "nobody")).problems()
    assert ["nobody" in problem.message for problem in problems] == [True]
    assert chat_server.questions == []


def test_a_limit_of_costs_needs_the_price_of_every_voter(chat_server: ChatServer, tmp_path: Path) -> None:
    reasoner = make(chat_server, OpenAI, tmp_path, votes=("large", "other"), max_cost=1.0)
    with pytest.raises(ConfigError, match="max_cost"):
        reasoner.load()
    priced = make(chat_server, OpenAI, tmp_path, votes=("large", "other"), max_cost=1e-6, input_price=1.0, output_price=1.0)
    priced.load()
    with pytest.raises(ConfigError, match="max_cost"):
        priced.pick_tracks(VIDEO, [TRACKS])
    assert chat_server.questions == []
    priced.close()


@pytest.mark.parametrize("votes", [0, 10, (), ("large", ""), tuple("abcdefghij")])
def test_wrong_votes_are_refused(chat_server: ChatServer, votes: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="votes"):
        make(chat_server, OpenAI, tmp_path, votes=votes)
