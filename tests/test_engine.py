from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import numpy as np
import pytest

from alref.components.base import PropagatorOptions
from alref.errors import ConfigError, InputError, MissingError, Problem
from alref.llm.messages import Answer, QuestionEvent
from alref.media.video import Video
from alref.pipeline.engine import Pipeline
from alref.records import Candidates, Phrase, PivotBox, PivotFrame, Prompt, Reference
from alref.result import Result
from alref.testing import make_moving_square
from support.scripted import CAT, DOG, VIDEO, Script, pick_boxes, pick_frames, propagate, run


def test_a_reference_passes_through_every_stage_to_masks() -> None:
    script = Script()
    result = run(script)
    assert [name for name, _ in script.calls] == ["unify", "pick_frames", "propose", "pick_boxes", "propagate"]
    assert [pivot.frame for pivot in result.pivots] == [1]
    assert result.boxes[0].xyxy is not None
    assert result.boxes[0].xyxy.tolist() == [2, 2, 12, 12]
    assert result.masks("the dog").shape == (4, 32, 48)
    assert result.masks("1").sum() == 4 * 100
    assert result.verdict().finding == "found"
    why = result.verdict().why
    assert all(
        fact in why for fact in ("'the dog'", f"frame {result.pivots[0].frame}", result.pivots[0].why, result.boxes[0].why)
    )
    assert set(result.seconds) == {"unifier", "temporal", "proposer", "spatial", "propagator"}
    assert [phrase.text for phrase in result.phrases] == ["the dog"]
    assert [len(each) for each in result.candidates] == [2]
    assert result.config["propagator"] == {"use": "scripted"}
    assert result.alref == metadata.version("alref")


def test_a_long_video_has_a_mask_on_every_frame() -> None:
    video, _ = make_moving_square(frames=700, size=(32, 48))
    result = Script().pipeline().run(video, [Reference(id="1", text="the dog")])
    assert len(result.rles()[0]) == 700
    assert result.verdict().finding == "found"


def test_all_references_share_each_call() -> None:
    script = Script()
    result = run(script, DOG, CAT)
    assert len(script.asked("propagate")) == len(script.asked("propose")) == len(script.asked("pick_frames")) == 1
    assert [track.phrase.text for track in result.tracks] == ["the dog", "the cat"]
    assert [verdict.reference for verdict in result.verdicts] == ["1", "2"]


def test_two_objects_of_one_reference_are_two_tracks_and_one_union() -> None:
    def two(video: Video, reference: Reference) -> list[Phrase]:
        return [Phrase(reference=reference.id, text=text) for text in ("the dog", "the cat")]

    def apart(video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        return [PivotBox(pivot=each.pivot, xyxy=each.xyxy[index]) for index, each in enumerate(candidates)]

    result = run(Script(unify=two, pick_boxes=apart), Reference(id="1", text="both"))
    assert len(result.get_tracks("1")) == len(result.rles()) == 2
    assert result.masks().sum() == 4 * (100 + 400)


def test_a_given_box_is_propagated_without_reasoning() -> None:
    script = Script()
    result = run(script, Reference(id="1", prompts=(Prompt(box=np.array([1, 2, 5, 6]), frame=3),)))
    assert [name for name, _ in script.calls] == ["propagate"]
    (box,) = result.boxes
    assert (box.pivot.frame, box.source, box.score) == (3, "user", 1.0)
    assert box.pivot.source == "user"
    assert "box" in box.why
    assert box.pivot.why == box.why
    assert result.verdict().why.count(box.why) == 1


def test_a_given_mask_starts_from_its_own_box() -> None:
    mask = np.zeros((32, 48), np.bool_)
    mask[4:9, 10:21] = True
    result = run(Script(), Reference(id="1", text="cup", prompts=(Prompt(mask=mask),)))
    assert result.boxes[0].xyxy is not None
    assert result.boxes[0].xyxy.tolist() == [10, 4, 21, 9]
    assert result.boxes[0].mask is not None
    assert result.boxes[0].source == "user"
    assert "mask" in result.boxes[0].why
    assert result.phrases == ()
    assert result.masks("cup").any()


def test_a_phrase_may_be_renamed_by_the_temporal_reasoner() -> None:
    def renamed(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return [PivotFrame(phrase=phrases[0].model_copy(update={"text": "the puppy"}), frame=0)]

    result = run(Script(pick_frames=renamed))
    assert [track.phrase.text for track in result.tracks] == ["the puppy"]
    assert result.masks("the dog").any()


def together(script: Script, method: str, meet: Barrier) -> int:
    """Run two videos from two threads; return how many calls of a method met another call of it at the barrier."""
    met: list[int] = []

    def answer(video: Video, inputs: Any) -> Any:
        with suppress(BrokenBarrierError):
            met.append(meet.wait())
        return {"pick_boxes": pick_boxes, "propagate": propagate}[method](video, inputs)

    script.answers[method] = answer
    with script.pipeline() as pipeline, ThreadPoolExecutor(2) as threads:
        results = list(threads.map(lambda reference: pipeline.run(VIDEO, [reference]), (DOG, CAT)))
    assert [result.references[0].text for result in results] == ["the dog", "the cat"]
    return len(met)


def test_a_component_works_on_one_video_at_a_time() -> None:
    script = Script()
    assert together(script, "pick_boxes", Barrier(2, timeout=0.05)) == 0
    assert script.loaded == []


def test_a_concurrent_component_works_on_several_videos_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script()
    monkeypatch.setattr(script.plugins.get_component("spatial", "scripted").cls, "concurrent", True)
    assert together(script, "pick_boxes", Barrier(2, timeout=60)) == 2


def make_question(model: str) -> QuestionEvent:
    answer = Answer(text="1", model=model)
    return QuestionEvent(
        key="k", stage="spatial", component="x", phrase="dog", messages=(), answer=answer, parsed=None, source="model"
    )


def test_each_of_several_videos_under_way_counts_its_own_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    script, meet = Script(), Barrier(2, timeout=60)
    monkeypatch.setattr(script.plugins.get_component("spatial", "scripted").cls, "concurrent", True)

    def ask(video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        phrase = candidates[0].pivot.phrase.text
        for _ in range(3):
            meet.wait()
            pipeline._stages["spatial"].notify("question_answered", make_question(phrase))
        return pick_boxes(video, candidates)

    script.answers["pick_boxes"] = ask
    with script.pipeline() as pipeline, ThreadPoolExecutor(2) as threads:
        results = list(threads.map(lambda reference: pipeline.run(VIDEO, [reference]), (DOG, CAT)))
    usages = [[(usage.model, usage.questions) for usage in result.usage] for result in results]
    assert usages == [[("the dog", 3)], [("the cat", 3)]]


def test_a_run_may_be_started_inside_another_one() -> None:
    inner: list[Result] = []

    def ask(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        name = phrases[0].text
        pipeline._stages["temporal"].notify("question_answered", make_question(name))
        if name == "the dog":
            inner.append(pipeline.run(VIDEO, [CAT]))
        pipeline._stages["temporal"].notify("question_answered", make_question(name))
        return pick_frames(video, phrases)

    script = Script(pick_frames=ask)
    for reasoner in script.plugins.list_components("temporal"):
        reasoner.cls.concurrent = True
    with script.pipeline() as pipeline:
        outer = pipeline.run(VIDEO, [DOG])
    assert [(usage.model, usage.questions) for usage in outer.usage] == [("the dog", 2)]
    assert [(usage.model, usage.questions) for usage in inner[0].usage] == [("the cat", 2)]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (Reference(id="1", prompts=(Prompt(box=np.array([0, 0, 5, 5]), frame=4),)), r"\b3\b.*\b4\b"),
        (Reference(id="1", prompts=(Prompt(box=np.array([0, 0, 500, 5])),)), "48 x 32"),
        (Reference(id="1", prompts=(Prompt(mask=np.ones((4, 4), np.bool_)),)), r"\(32, 48\)"),
        (Reference(id="1", prompts=(Prompt(mask=np.zeros((32, 48), np.bool_)),)), "empty"),
    ],
)
def test_a_prompt_that_does_not_fit_the_video_is_an_input_error(reference: Reference, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(Script(), reference)


def test_no_reference_and_the_same_id_twice_are_input_errors() -> None:
    with Script().pipeline() as pipeline, pytest.raises(InputError):
        pipeline.run(VIDEO, [])
    with pytest.raises(InputError, match=rf"\b{DOG.id}\b"):
        run(Script(), DOG, DOG)


def test_all_problems_are_reported_before_any_work() -> None:
    script = Script(problems=lambda: [Problem(option="key", message="needs a key", hint="export KEY=…")])
    with pytest.raises(MissingError) as caught:
        run(script)
    slots = ["unifier", "reasoner", "proposer", "propagator"]
    assert [(problem.slot, problem.option, problem.hint) for problem in caught.value.problems] == [
        (slot, "key", "export KEY=…") for slot in slots
    ]
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [f"{slot}.key" for slot in slots]
    assert script.calls == []
    assert script.loaded == []


def test_a_given_box_needs_nothing_but_the_propagator() -> None:
    with pytest.raises(MissingError) as caught:
        run(
            Script(problems=lambda: [Problem(message="no weights")]),
            Reference(id="1", prompts=(Prompt(box=np.array([0, 0, 5, 5])),)),
        )
    assert [problem.slot for problem in caught.value.problems] == ["propagator"]


@pytest.mark.parametrize("asked", [None, False, True])
def test_a_mask_of_the_proposer_is_used_only_where_an_option_of_the_propagator_says_so(asked: bool | None) -> None:
    def propose(video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        masks = np.ones((1, 32, 48), np.bool_)
        return [Candidates(pivot=pivot, xyxy=[[0, 0, 48, 32]], scores=[1.0], masks=masks) for pivot in pivots]

    def take(video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        return [
            PivotBox(pivot=each.pivot, xyxy=each.xyxy[0], mask=each.masks[0]) for each in candidates if each.masks is not None
        ]

    script = Script(propose=propose, pick_boxes=take)
    cls = script.plugins.get_component("propagator", "scripted").cls
    if asked is not None:
        cls.Options = PropagatorOptions
    given = np.zeros((32, 48), np.bool_)
    given[4:9, 10:21] = True
    settings = {} if asked is None else {"propagator": {"use": "scripted", "proposal_masks": asked}}
    with script.pipeline(**settings) as pipeline:
        pipeline.run(VIDEO, [DOG, Reference(id="own", text="cup", prompts=(Prompt(mask=given),))])
    found, own = script.asked("propagate")[0][0]
    assert (found.mask is not None) == bool(asked)
    assert (own.mask == given).all()


def test_an_unknown_reference_of_a_result_names_the_nearest() -> None:
    with pytest.raises(InputError, match="'the dog'"):
        run(Script()).masks("the dgo")


def test_a_pipeline_from_yaml_takes_settings_over_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("propagator: nonesuch\nvideo: {every: 3}\n")
    with pytest.raises(ConfigError, match=r"propagator: .*'nonesuch'"):
        Pipeline.from_yaml(path)
    with Pipeline.from_yaml(path, propagator="label-propagation") as pipeline:
        assert pipeline.config.video.every == 3


def test_a_pipeline_starts_from_the_preset_asked_for() -> None:
    with pytest.raises(ConfigError, match="'nonesuch'"):
        Pipeline("nonesuch")


def test_a_result_survives_json() -> None:
    result = run(Script(), DOG, Reference(id="2", prompts=(Prompt(box=np.array([0, 0, 5, 5])),)))
    again = Result.model_validate_json(result.model_dump_json())
    assert again.model_dump(mode="json") == result.model_dump(mode="json")
    assert (again.masks("2") == result.masks("2")).all()


def test_threads_are_tuned_and_memory_for_components_on_torch_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    tuned: list[str] = []
    for name in ("tune_cpu", "apply_thread_settings"):
        monkeypatch.setattr(f"alref.models.cpu_tuning.{name}", lambda name=name: tuned.append(name))
    script = Script()
    run(script, tune=False)
    assert tuned == []
    run(script)
    assert tuned == ["apply_thread_settings"]
    monkeypatch.setattr(script.plugins.get_component("propagator", "scripted").cls, "needs", ("torch",))
    run(script)
    assert tuned == ["apply_thread_settings", "tune_cpu"]
