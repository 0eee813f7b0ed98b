"""What the engine answers if an object is absent, ambiguous, left out or lost, and the warnings of a result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from alref.components.base import Propagator
from alref.media.video import Video
from alref.pipeline.engine import Pipeline
from alref.plugins.manager import PluginManager
from alref.records import Candidates, FrameMasks, Phrase, PivotBox, PivotFrame
from alref.testing import ArrayVideo, make_moving_square
from support.scripted import CAT, DOG, VIDEO, Script, announcing, pick_boxes, pick_frames, propagate, run


def test_absent_is_an_answer_with_its_reason() -> None:
    def absent(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return [PivotFrame(phrase=phrases[0], finding="absent", why="no dog anywhere", source="model")]

    result = run(Script(pick_frames=absent))
    verdict = result.verdict()
    assert (verdict.finding, verdict.source, verdict.why) == ("absent", "model", "no dog anywhere")
    assert not result.masks().any()
    assert result.masks().shape == (4, 32, 48)


def test_a_phrase_that_the_reasoner_leaves_out_is_absent() -> None:
    result = run(Script(pick_frames=lambda video, phrases: pick_frames(video, phrases[1:])), DOG, CAT)
    assert [verdict.finding for verdict in result.verdicts] == ["absent", "found"]
    assert "temporal" in result.verdicts[0].why


def test_nothing_proposed_is_absent_and_nobody_is_asked_to_choose() -> None:
    def nothing(video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [Candidates(pivot=pivot, xyxy=[], scores=[]) for pivot in pivots]

    script = Script(propose=nothing)
    result = run(script)
    assert script.asked("pick_boxes") == script.asked("propagate") == []
    assert result.verdict().finding == "absent"
    assert "'the dog'" in result.verdict().why
    assert "1" in result.verdict().why


def test_an_unanswered_choice_falls_back_in_sight() -> None:
    result = run(Script(pick_boxes=lambda video, candidates: pick_boxes(video, candidates)[1:]), DOG, CAT)
    assert [(verdict.finding, verdict.source) for verdict in result.verdicts] == [("found", "fallback"), ("found", "rule")]
    assert result.boxes[0].source == "fallback"
    assert result.boxes[0].why in result.verdicts[0].why
    assert result.boxes[0].score == pytest.approx(0.8)


def test_a_fallback_keeps_the_candidate_s_mask() -> None:
    def seen(video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        masks = np.ones((1, 32, 48), np.bool_)
        return [Candidates(pivot=pivot, xyxy=[[0, 0, 48, 32]], scores=[1.0], masks=masks) for pivot in pivots]

    result = run(Script(propose=seen, pick_boxes=lambda video, candidates: []))
    assert result.boxes[0].mask is not None
    assert result.boxes[0].mask.all()


def test_ambiguous_shows_in_the_verdict_with_the_masks_of_the_best_guess() -> None:
    def unsure(video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        return [PivotBox(pivot=c.pivot, xyxy=c.xyxy[1], finding="ambiguous", why="two alike") for c in candidates]

    result = run(Script(pick_boxes=unsure))
    assert result.verdict().finding == "ambiguous"
    assert all(fact in result.verdict().why for fact in ("'the dog'", "frame 1", "two alike"))
    assert result.masks().any()


def test_an_ambiguous_phrase_without_a_frame_is_said_to_be_ambiguous() -> None:
    def unsure(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return [PivotFrame(phrase=phrases[0], finding="ambiguous", why="which dog?")]

    verdict = run(Script(pick_frames=unsure)).verdict()
    assert (verdict.finding, verdict.why) == ("ambiguous", "which dog?")


def test_an_object_lost_in_propagation_is_absent() -> None:
    def lost(video: Video, boxes: list[PivotBox]) -> Any:
        for masks in propagate(video, boxes):
            yield FrameMasks(frame=masks.frame, masks=np.zeros_like(masks.masks), scores=masks.scores)

    result = run(Script(propagate=lost))
    assert result.verdict().finding == "absent"
    assert all(fact in result.verdict().why for fact in (result.pivots[0].why, result.boxes[0].why, "masks"))


def test_a_text_reference_without_phrases_is_absent() -> None:
    verdict = run(Script(unify=lambda video, reference: [])).verdict()
    assert verdict.finding == "absent"
    assert "unifier" in verdict.why


def test_warnings_of_phrases_and_of_the_video_reach_the_result() -> None:
    video = ArrayVideo(np.zeros((2, 32, 48, 3), np.uint8))
    video.warnings = ("the last second is missing",)
    warned = Script(unify=lambda v, r: [Phrase(reference=r.id, text=r.text, warnings=("'blue' was not used",))])
    with warned.pipeline() as pipeline:
        result = pipeline.run(video, [DOG])
    assert result.warnings == ("the last second is missing", "'the dog': 'blue' was not used")


def test_an_absent_pivot_is_not_proposed_for_even_where_it_names_a_frame() -> None:
    script = Script(pick_frames=lambda v, p: [PivotFrame(phrase=p[0], frame=0, finding="absent", why="gone")])
    verdict = run(script).verdict()
    assert (verdict.finding, verdict.why) == ("absent", "gone")
    assert script.asked("propose") == []


def test_an_absent_box_is_not_propagated_even_where_it_names_one() -> None:
    def gone(video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        return [PivotBox(pivot=each.pivot, xyxy=each.xyxy[0], finding="absent", why="not this one") for each in candidates]

    script = Script(pick_boxes=gone)
    verdict = run(script).verdict()
    assert verdict.finding == "absent"
    assert "not this one" in verdict.why
    assert script.asked("propagate") == []


def test_a_mask_that_jumps_is_flagged_in_the_result() -> None:
    def switching(video: Video, boxes: list[PivotBox]) -> list[FrameMasks]:
        masks = np.zeros((len(video), 1, video.height, video.width), np.bool_)
        masks[:12, 0, 4:12, 4:12] = True
        masks[12:, 0, 20:28, 34:42] = True
        return [FrameMasks(frame=frame, masks=each, scores=[0.9]) for frame, each in enumerate(masks)]

    with Script(propagate=switching).pipeline() as pipeline:
        result = pipeline.run(make_moving_square(frames=24, size=(32, 48), side=8)[0], [DOG])
    assert [(flag.frame, flag.kind) for flag in result.tracks[0].flags] == [(12, "mask jumps")]


def test_what_a_component_warns_of_reaches_the_result_of_that_run() -> None:
    class Careful(Propagator):
        """Warns."""

        name = "careful"

        def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
            self.warnings.append(f"memory was full for {boxes[0].pivot.phrase.text}")
            yield from propagate(video, boxes)

    script = Script()
    plugins = PluginManager([*script.entries, announcing("careful", propagators=[Careful])])
    slots = dict.fromkeys(("unifier", "reasoner", "proposer"), "scripted")
    with Pipeline(plugins=plugins, **{**slots, "propagator": "careful"}) as pipeline:
        warned = [pipeline.run(VIDEO, [reference]).warnings for reference in (DOG, CAT)]
    assert warned == [("memory was full for the dog",), ("memory was full for the cat",)]
