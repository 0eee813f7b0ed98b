"""What happens to a request, and to its cost, if the hosted SAM 3.1 or its answer is faulty."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("openai")
pytest.importorskip("meta_sam_parser")

from alref.errors import AlrefError, ConfigError, InputError, MissingError
from alref.testing import ArrayVideo
from alref_sam3 import Sam3Api, Sam3ApiOptions
from support.hosted_sam3 import LENGTH, MASKS, check_tracks, fail, make_box, make_component
from support.sam3_server import KEY, Misbehavior, Sam3Server, format_records, serve_sam3


def test_the_budget_stops_before_anything_is_sent(service: Sam3Server, video: ArrayVideo) -> None:
    component = make_component(service, price=100.0, max_cost=1.0)
    component.track(video, ["frog"])
    assert "tracker.max_cost" in fail(component, video, ConfigError, "cup")
    assert service.prompts == ["frog"]
    assert "max_cost" in fail(make_component(service, price=1000.0), video, ConfigError, "cup")
    assert len(service.uploads) == 1


@pytest.mark.parametrize("how", ["cut", "reset", "end early", "failed event", "refusal", "incomplete", "wrong lane"])
def test_a_broken_answer_is_not_asked_for_again_and_not_used(service: Sam3Server, video: ArrayVideo, how: Any) -> None:
    service.plan = [Misbehavior(how=how)]
    component = make_component(service, price=100.0, max_cost=1.0)
    message = fail(component, video, InputError if how == "refusal" else MissingError)
    assert "may have been billed" in message
    assert service.billed == len(service.requests) == 1
    assert "$0.6000 of $1 are spent" in fail(component, video, ConfigError)
    check_tracks(make_component(service).track(video, ["frog"]))


@pytest.mark.parametrize(("status", "kind"), [(500, MissingError), (502, MissingError)])
def test_a_failure_of_the_service_may_have_been_billed(
    service: Sam3Server, video: ArrayVideo, status: int, kind: type[AlrefError]
) -> None:
    service.plan = [Misbehavior(status)]
    assert "may have been billed" in fail(make_component(service), video, kind)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (402, MissingError, "no credit"),
        (413, InputError, "--max-size"),
        (404, MissingError, "has no model"),
        (400, InputError, "is refused"),
        (401, MissingError, "MODEL_API_KEY"),
        (403, MissingError, "does not allow"),
    ],
)
def test_a_refused_request_costs_nothing(
    service: Sam3Server, video: ArrayVideo, status: int, kind: type[AlrefError], words: str
) -> None:
    service.plan = [Misbehavior(status)]
    component = make_component(service, price=100.0, max_cost=1.0)
    message = fail(component, video, kind)
    assert words in message
    assert "may have been billed" not in message
    assert len(service.requests) == 1
    check_tracks(component.track(video, ["frog"]))
    assert service.billed == 1


def test_a_busy_service_is_asked_when_it_is_free(
    service: Sam3Server, video: ArrayVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("alref_sam3._connection.sleep", waits.append)
    service.plan = [Misbehavior(429, retry_after="7"), Misbehavior(429)]
    check_tracks(make_component(service).track(video, ["frog"]))
    assert waits == [7, 2]
    assert service.billed == 1
    service.plan = [Misbehavior(429)] * 9
    assert "takes no more requests" in fail(make_component(service), video, MissingError, "cup")
    assert len(service.requests) == 3 + 5
    service.plan = [Misbehavior(429, retry_after="3600")]
    fail(make_component(service), video, MissingError, "cup")
    service.plan = [Misbehavior(429, code="insufficient_quota")]
    assert "no credit" in fail(make_component(service), video, MissingError, "cup")
    assert service.billed == 1


def test_an_upload_that_fails_costs_nothing(service: Sam3Server, video: ArrayVideo) -> None:
    for status, kind, words in ((413, InputError, "--max-size"), (402, MissingError, "no credit")):
        service.upload_plan = [Misbehavior(status)]
        assert words in fail(make_component(service), video, kind)
    assert service.requests == []
    check_tracks(make_component(service).track(video, ["frog"]))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["I found no frogs."], "no masks"),
        (["<0f>"], "line 1"),
        (["<0f>1<|box;x1=0;y1=0;x2=4;y2=4;w=34;h=24|><|mask;x=0;y=0;data=5,5,!!!!!|>"], "line 1"),
        (["<0f>1<|box;x1=0;y1=0;x2=5;y2=4;w=34;h=24|><|mask;x=0;y=0;data=5,5,!!!!!(QO(0lu8?|>"], "another size"),
        (["<0f>1<|box;x1=0;y1=0;x2=4;y2=4;w=68;h=48|><|mask;x=0;y=0;data=5,5,!!!!!(QO(0lu8?|>"], "(68, 48)"),
        ([f"<{LENGTH}f>1<|box;x1=0;y1=0;x2=4;y2=4;w=34;h=24|><|mask;x=0;y=0;data=5,5,!!!!!(QO(0lu8?|>"], f"frame {LENGTH}"),
    ],
    ids=["prose", "empty frame", "damaged mask", "size of the mask", "size of the frame", "frame outside"],
)
def test_an_answer_that_makes_no_sense_is_never_used(video: ArrayVideo, lines: list[str], words: str) -> None:
    with serve_sam3(lambda text: lines) as service:
        assert words in fail(make_component(service), video, MissingError)
        service.answer = lambda text: format_records(MASKS)
        check_tracks(make_component(service).track(video, ["frog"]))
        assert service.billed == 2


def test_masks_without_a_confidence_are_sure(video: ArrayVideo) -> None:
    with serve_sam3(lambda text: format_records(MASKS, None)) as service:
        first = make_component(service).track(video, ["frog"])[0]
        assert first.score == 1
        assert set(first.scores) == {1}


def test_objects_that_were_not_asked_for_are_an_error(video: ArrayVideo) -> None:
    with serve_sam3(lambda text: format_records({3: MASKS[4]})) as service:
        component = make_component(service, "propagator")
        with pytest.raises(MissingError, match="object 3"):
            list(component.propagate(video, [make_box(1, (0, 0, 5, 5))]))


def test_problems_are_found_before_a_run(service: Sam3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(**options: Any) -> list[str]:
        return [each.describe() for each in Sam3Api(Sam3ApiOptions(base_url=service.base_url, **options)).problems()]

    assert find() == []
    assert "sam-3.1" in find(model="sam-9")[0]
    for key, words in (("", "needs a key"), ("wrong", "refuses the key"), ("s\u00e9cret", "characters")):
        monkeypatch.setenv("MODEL_API_KEY", key)
        (problem,) = find()
        assert words in problem
        assert "export MODEL_API_KEY=" in problem
    monkeypatch.setenv("MODEL_API_KEY", KEY)
    (problem,) = [each.describe() for each in Sam3Api(Sam3ApiOptions(base_url="http://127.0.0.1:9/v1")).problems()]
    assert "127.0.0.1:9" in problem
    assert service.requests == []


def test_a_service_that_cannot_be_reached_costs_nothing(service: Sam3Server, video: ArrayVideo) -> None:
    service.base_url = "http://127.0.0.1:9/v1"
    assert "may have been billed" not in fail(make_component(service), video, MissingError)
