"""The hosted SAM 3.1 against a server on the loopback address."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openai")
pytest.importorskip("meta_sam_parser")

import av

from alref.config import resolve_config
from alref.errors import MissingError
from alref.llm.answer_store import AnswerStore
from alref.llm.messages import QuestionEvent
from alref.pipeline.forecast import forecast_usage
from alref.plugins.manager import PluginManager
from alref.records import FrameMasks, ObjectTrack, Phrase, PivotBox, PivotFrame, Prompt, Reference
from alref.testing import ArrayVideo
from alref_sam3 import Sam3Api
from support.hosted_sam3 import HEIGHT, LENGTH, MASKS, WIDTH, check_tracks, fail, make_box, make_component
from support.sam3_server import KEY, Sam3Server, format_records


def propagate(component: Sam3Api, video: ArrayVideo, boxes: list[PivotBox]) -> list[FrameMasks]:
    frames = list(component.propagate(video, boxes))
    assert [each.frame for each in frames] == list(range(LENGTH))
    return frames


def test_a_noun_gives_tracks(service: Sam3Server, video: ArrayVideo) -> None:
    check_tracks(make_component(service).track(video, ["frog"]))
    assert service.prompts == ["frog"]
    assert service.requests[0]["metadata"] == {"mask_encoding": "one_bit", "include_confidence": "true"}


def test_a_frame_without_a_line_has_no_mask(service: Sam3Server, video: ArrayVideo) -> None:
    service.answer = lambda text: format_records({7: MASKS[7]})
    (track,) = make_component(service).track(video, ["frog"])
    assert track.frames == [1, 2, 4, 5]
    assert [score > 0 for score in track.scores] == [rle.area > 0 for rle in track.rles]


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


def test_it_works_inside_of_an_event_loop(service: Sam3Server, video: ArrayVideo) -> None:
    async def ask() -> list[ObjectTrack]:
        return make_component(service).track(video, ["frog"])

    check_tracks(asyncio.run(ask()))


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
