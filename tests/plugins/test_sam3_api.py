"""The hosted SAM 3.1 against a server on the loopback address."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openai")
pytest.importorskip("meta_sam_parser")

import av

from alref.config import resolve_config
from alref.errors import AlrefError, ConfigError, InputError, MissingError
from alref.llm.answer_store import AnswerStore
from alref.llm.messages import QuestionEvent
from alref.pipeline.forecast import forecast_usage
from alref.plugins.manager import PluginManager
from alref.records import FrameMasks, ObjectTrack, Phrase, PivotBox, PivotFrame, Prompt, Reference
from alref.testing import ArrayVideo
from alref.utils.masks import Mask
from alref_sam3 import Sam3Api, Sam3ApiOptions
from support.sam3_server import KEY, Misbehavior, Sam3Server, format_records, serve_sam3

LENGTH, HEIGHT, WIDTH = 6, 24, 33
"""An odd width: the encoder pads it."""


def make_masks() -> dict[int, dict[int, Mask]]:
    """Return two objects: 4 is on every frame, 7 is not on frames 0 and 3 and reaches the last column."""
    found: dict[int, dict[int, Mask]] = {4: {}, 7: {}}
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for frame in range(LENGTH):
        found[4][frame] = (rows - 8) ** 2 + (columns - 6 - frame) ** 2 < 20
        found[7][frame] = (rows > 15) & (columns > 26) & (frame not in (0, 3))
    return found


MASKS = make_masks()


@pytest.fixture
def video() -> ArrayVideo:
    frames = np.random.default_rng(0).integers(0, 256, (LENGTH, HEIGHT, WIDTH, 3)).astype(np.uint8)
    return ArrayVideo(frames)


MADE: list[Sam3Api] = []


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("MODEL_API_KEY", KEY)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("ssl.SSLContext.load_verify_locations", lambda *places, **more: None)
    yield
    while MADE:
        MADE.pop().close()


@pytest.fixture
def service() -> Iterator[Sam3Server]:
    """Run a service that finds both objects of any noun but ``zebra``, and those that a prompt names."""

    def answer(text: str) -> list[str]:
        if text == "zebra":
            return []
        if text.startswith("<"):
            masks = {1: MASKS[4], 2: MASKS[7]}
            return format_records({number: masks[number] for number in masks if re.search(rf"[>,]{number}<", text)})
        return format_records(MASKS)

    with serve_sam3(answer) as server:
        yield server


def make_component(service: Sam3Server, slot: str = "tracker", **options: Any) -> Sam3Api:
    component = Sam3Api(Sam3ApiOptions(base_url=service.base_url, **options))
    component.bind("alref 1", lambda hook, event: None, slot)
    component.load()
    MADE.append(component)
    return component


def fail(component: Sam3Api, video: ArrayVideo, kind: type[AlrefError], noun: str = "frog") -> str:
    with pytest.raises(kind) as caught:
        component.track(video, [noun])
    message = str(caught.value)
    assert "\n" not in message
    assert KEY not in message
    return message


def check_tracks(tracks: list[ObjectTrack], noun: str = "frog") -> None:
    assert [(track.noun, track.id, track.score) for track in tracks] == [(noun, 1, 0.9), (noun, 2, 0.9)]
    for track, masks in zip(tracks, MASKS.values(), strict=True):
        for frame in range(LENGTH):
            assert (track.decode_mask(frame) == masks[frame]).all()
            assert track.scores[frame] == (0.9 if masks[frame].any() else 0.0)


def make_box(frame: int, xyxy: tuple[float, float, float, float] | None, reference: str = "1", **more: Any) -> PivotBox:
    phrase = Phrase(reference=reference, text=f"frog {reference}")
    return PivotBox(
        pivot=PivotFrame(phrase=phrase, frame=frame), xyxy=None if xyxy is None else np.array(xyxy, np.float32), **more
    )


def propagate(component: Sam3Api, video: ArrayVideo, boxes: list[PivotBox]) -> list[FrameMasks]:
    frames = list(component.propagate(video, boxes))
    assert [each.frame for each in frames] == list(range(LENGTH))
    return frames


def test_a_noun_gives_tracks(service: Sam3Server, video: ArrayVideo) -> None:
    check_tracks(make_component(service).track(video, ["frog"]))
    assert service.prompts == ["frog"]
    assert service.requests[0]["metadata"] == {"mask_encoding": "one_bit", "include_confidence": "true"}


def test_the_video_is_uploaded_once_with_the_frames_of_the_run(service: Sam3Server, video: ArrayVideo) -> None:
    component = make_component(service)
    tracks = component.track(video, ["frog", "cup", "frog"])
    check_tracks(tracks[:2], "frog")
    check_tracks(tracks[2:], "cup")
    assert service.prompts == ["frog", "cup"]
    (upload,) = service.uploads
    with av.open(io.BytesIO(upload)) as file:
        sizes = [(frame.width, frame.height) for frame in file.decode(video=0)]
    assert sizes == [(WIDTH + 1, HEIGHT)] * LENGTH


def test_no_match_is_an_answer_and_is_stored(service: Sam3Server, video: ArrayVideo) -> None:
    assert make_component(service).track(video, ["zebra"]) == []
    assert make_component(service).track(video, ["zebra"]) == []
    assert service.billed == 1


def test_stored_answers_cost_nothing(service: Sam3Server, video: ArrayVideo, tmp_path: Path) -> None:
    store = tmp_path / "own.sqlite"
    check_tracks(make_component(service, answers=store).track(video, ["frog"]))
    check_tracks(make_component(service, answers=store).track(video, ["frog"]))
    other = ArrayVideo(np.zeros((LENGTH, HEIGHT, WIDTH, 3), np.uint8))
    check_tracks(make_component(service, answers=store).track(other, ["frog"]))
    assert service.billed == len(service.uploads) == 2
    assert AnswerStore(store).get_info().models == {"sam-3.1": 2}


def test_a_replay_needs_no_key_and_no_service(
    service: Sam3Server, video: ArrayVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "own.sqlite"
    make_component(service, answers=store).track(video, ["frog"])
    monkeypatch.delenv("MODEL_API_KEY")
    component = make_component(service, replay=store)
    assert component.problems() == []
    check_tracks(component.track(video, ["frog"]))
    assert "no answer" in fail(component, video, MissingError, "cup")
    assert service.billed == 1


def test_an_event_tells_what_was_asked_and_what_it_cost(service: Sam3Server, video: ArrayVideo) -> None:
    component = make_component(service, price=10.0)
    events: list[QuestionEvent] = []
    notes: list[str] = []

    def hear(hook: str, event: Any) -> None:
        if hook == "question_answered":
            events.append(event)
        elif isinstance(event, str):
            notes.append(event)
            assert service.requests == []
            assert service.uploads == []

    with component.listen(hear):
        component.track(video, ["frog"])
    with component.listen(hear):
        component.track(video, ["frog"])
    assert [(each.stage, each.source, each.phrase) for each in events] == [
        ("tracker", "model", "frog"),
        ("tracker", "cache", "frog"),
    ]
    assert events[0].answer is not None
    assert events[0].answer.cost == pytest.approx(0.06)
    assert events[0].parsed == {"objects": 2, "masks": 2 * LENGTH - 2}
    (note,) = notes
    assert "6 frames" in note
    assert "$0.06" in note


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


def test_boxes_give_masks_in_one_request(service: Sam3Server, video: ArrayVideo) -> None:
    boxes = [make_box(2, (0.4, 1.2, 12.0, 13.5)), make_box(4, (27, 16, 33, 24), "2"), make_box(5, (3, 3, 20, 14))]
    frames = propagate(make_component(service, "propagator"), video, boxes)
    for frame, found in enumerate(frames):
        assert found.masks.shape == (2, HEIGHT, WIDTH)
        assert (found.masks[0] == MASKS[4][frame]).all()
        assert (found.masks[1] == MASKS[7][frame]).all()
        assert found.scores.tolist() == pytest.approx([0.9, 0.9 * MASKS[7][frame].any()])
    assert service.prompts == [
        "<2f>1<|box;x1=0;y1=1;x2=11;y2=13;w=34;h=24|><4f>2<|box;x1=27;y1=16;x2=32;y2=23;w=34;h=24|>"
        "<5f>1<|box;x1=3;y1=3;x2=19;y2=13;w=34;h=24|>"
    ]
    assert service.requests[0]["metadata"]["propagation_direction"] == "both"


def test_points_are_sent_with_their_labels(service: Sam3Server, video: ArrayVideo) -> None:
    points = {"points": np.array([[6.7, 8.2], [32.9, 23.9]], np.float32), "point_labels": np.array([True, False])}
    boxes = [make_box(0, None, **points), make_box(3, (2, 2, 14, 14), **points)]
    propagate(make_component(service, "propagator"), video, boxes)
    given = "<|point;x=6;y=8;w=34;h=24|>-<|point;x=32;y=23;w=34;h=24|>"
    assert service.prompts == [f"<0f>1{given}<3f>1<|box;x1=2;y1=2;x2=13;y2=13;w=34;h=24|>{given}"]


def test_absent_objects_are_not_sent(service: Sam3Server, video: ArrayVideo) -> None:
    absent = PivotBox(pivot=PivotFrame(phrase=Phrase(reference="9", text="zebra"), finding="absent"), finding="absent")
    component = make_component(service, "propagator")
    assert not any(frame.masks.any() for frame in propagate(component, video, [absent]))
    assert service.requests == []
    frames = propagate(component, video, [absent, make_box(1, (0, 0, 5, 5))])
    assert service.prompts == ["<1f>2<|box;x1=0;y1=0;x2=4;y2=4;w=34;h=24|>"]
    assert not any(frame.masks[0].any() for frame in frames)


def test_objects_that_were_not_asked_for_are_an_error(video: ArrayVideo) -> None:
    with serve_sam3(lambda text: format_records({3: MASKS[4]})) as service:
        component = make_component(service, "propagator")
        with pytest.raises(MissingError, match="object 3"):
            list(component.propagate(video, [make_box(1, (0, 0, 5, 5))]))


def test_it_works_inside_of_an_event_loop(service: Sam3Server, video: ArrayVideo) -> None:
    async def ask() -> list[ObjectTrack]:
        return make_component(service).track(video, ["frog"])

    check_tracks(asyncio.run(ask()))


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


def test_the_key_is_written_nowhere(service: Sam3Server, video: ArrayVideo, tmp_path: Path) -> None:
    make_component(service).track(video, ["frog"])
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(KEY.encode() in content for content in files)


def test_the_forecast_counts_requests(tmp_path: Path) -> None:
    references = [Reference(id="1", text="the frog"), Reference(id="2", text="the cup")]
    boxed = Reference(id="3", prompts=(Prompt(frame=0, box=np.array([0, 0, 5, 5], np.float32)),))

    def forecast(given: list[Reference], **settings: Any) -> list[tuple[str, int, float | None]]:
        config = resolve_config(PluginManager(), [settings], "tracks-baseline")
        return [(each.model, each.questions, each.uncached_cost) for each in forecast_usage(config, 100, given)]

    hosted = {"use": "sam3-api", "price": 10.0}
    assert forecast(references) == []
    assert forecast(references, tracker=hosted, attempts=2) == [("sam-3.1", 8, 8.0)]
    assert forecast([boxed], tracker=hosted, propagator=hosted) == [("sam-3.1", 1, 1.0)]
    assert forecast(references, order="pivot", propagator=hosted) == [("sam-3.1", 1, 1.0)]
    assert forecast(references, tracker={**hosted, "replay": str(tmp_path)}) == []
