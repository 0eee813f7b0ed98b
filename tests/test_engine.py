from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted import Script, announcing, pick_boxes, pick_frames, propagate

from alref.cache import StageCache
from alref.engine import Pipeline
from alref.errors import ConfigError, ContractError, InputError, MissingError
from alref.hookspecs import hookimpl
from alref.plugins import Plugins
from alref.records import Candidates, FrameMasks, Phrase, PivotBox, PivotFrame, Reference
from alref.result import Result
from alref.stages import Propagator
from alref.testing import ArrayVideo, moving_square
from alref.video import Video

DOG = Reference(id="1", text="the dog")
CAT = Reference(id="2", text="the cat")
VIDEO = moving_square(frames=4, size=(32, 48), side=8)[0]


def run(script: Script, *references: Reference, kept: StageCache | None = None, **settings: Any) -> Result:
    with script.pipeline(**settings) as pipeline:
        return pipeline.run(VIDEO, references or (DOG,), kept)


def test_a_reference_passes_through_every_stage_to_masks() -> None:
    script = Script()
    result = run(script)
    assert [name for name, _ in script.calls] == ["unify", "pick_frames", "propose", "pick_boxes", "propagate", "locate"]
    assert [pivot.frame for pivot in result.pivots] == [1]
    assert result.boxes[0].xyxy is not None
    assert result.boxes[0].xyxy.tolist() == [2, 2, 12, 12]
    assert result.masks("the dog").shape == (4, 32, 48)
    assert result.masks("1").sum() == 4 * 100
    assert result.verdict().finding == "found"
    assert "frame 1 is clear" in result.verdict().why
    assert set(result.seconds) == {"unifier", "temporal", "proposer", "spatial", "propagator"}
    assert [phrase.text for phrase in result.phrases] == ["the dog"]
    assert [len(each) for each in result.candidates] == [2]
    assert result.config["propagator"] == {"use": "scripted"}
    assert result.alref == metadata.version("alref")


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
    assert len(result.tracks_of("1")) == len(result.rles()) == 2
    assert result.masks().sum() == 4 * (100 + 400)


def test_a_given_box_is_propagated_without_reasoning() -> None:
    script = Script()
    result = run(script, Reference(id="1", box=np.array([1, 2, 5, 6]), frame=3))
    assert [name for name, _ in script.calls] == ["propagate"]
    (box,) = result.boxes
    assert (box.pivot.frame, box.source, box.score, box.why) == (3, "user", 1.0, "given as a box")
    assert (box.pivot.source, box.pivot.why) == ("user", "given as a box")
    assert result.verdict().why.count("given as a box") == 1


def test_a_given_mask_starts_from_its_own_box() -> None:
    mask = np.zeros((32, 48), np.bool_)
    mask[4:9, 10:21] = True
    result = run(Script(), Reference(id="1", text="cup", mask=mask))
    assert result.boxes[0].xyxy is not None
    assert result.boxes[0].xyxy.tolist() == [10, 4, 21, 9]
    assert result.boxes[0].mask is not None
    assert result.boxes[0].why == "given as a mask"
    assert result.phrases == ()
    assert result.masks("cup").any()


def test_a_phrase_may_be_renamed_by_the_temporal_reasoner() -> None:
    def renamed(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return [PivotFrame(phrase=phrases[0].model_copy(update={"text": "the puppy"}), frame=0)]

    result = run(Script(pick_frames=renamed))
    assert [track.phrase.text for track in result.tracks] == ["the puppy"]
    assert result.masks("the dog").any()


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
    assert "left it out" in result.verdicts[0].why


def test_nothing_proposed_is_absent_and_nobody_is_asked_to_choose() -> None:
    def nothing(video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [Candidates(pivot=pivot, xyxy=[], scores=[]) for pivot in pivots]

    script = Script(propose=nothing)
    result = run(script)
    assert script.asked("pick_boxes") == script.asked("propagate") == []
    assert result.verdict().finding == "absent"
    assert "saw no 'the dog' on frame 1" in result.verdict().why


def test_an_unanswered_choice_falls_back_in_sight() -> None:
    result = run(Script(pick_boxes=lambda video, candidates: pick_boxes(video, candidates)[1:]), DOG, CAT)
    assert [(verdict.finding, verdict.source) for verdict in result.verdicts] == [("found", "fallback"), ("found", "rule")]
    assert result.boxes[0].why == "the spatial reasoner gave no answer; the candidate with the best score was taken"
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
    assert result.masks().any()


def test_an_ambiguous_phrase_without_a_frame_is_said_to_be_ambiguous() -> None:
    def unsure(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return [PivotFrame(phrase=phrases[0], finding="ambiguous", why="which dog?")]

    assert run(Script(pick_frames=unsure)).verdict().finding == "ambiguous"


def test_an_object_lost_in_propagation_is_absent() -> None:
    def lost(video: Video, boxes: list[PivotBox]) -> Any:
        for masks in propagate(video, boxes):
            yield FrameMasks(frame=masks.frame, masks=np.zeros_like(masks.masks), scores=masks.scores)

    verdict = run(Script(propagate=lost)).verdict()
    assert verdict.finding == "absent"
    assert "nothing remained" in verdict.why


def test_a_silent_sound_reference_is_silent() -> None:
    verdict = run(Script(unify=lambda video, reference: []), Reference(id="1", sound=True)).verdict()
    assert verdict.finding == "silent"


def test_a_text_reference_without_phrases_is_absent() -> None:
    assert run(Script(unify=lambda video, reference: [])).verdict().finding == "absent"


def test_masks_are_empty_while_a_phrase_is_not_heard() -> None:
    def heard(video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        return [phrase.model_copy(update={"heard": ((0.1, 0.2), (0.3, 9.0))}) for phrase in phrases]

    script = Script(locate=heard)
    result = run(script)
    assert script.asked("locate")[0][0] == DOG
    assert result.masks().any(axis=(1, 2)).tolist() == [False, True, False, True]
    assert result.tracks[0].phrase.heard == ((0.1, 0.2), (0.3, 9.0))


def test_warnings_of_phrases_and_of_the_video_reach_the_result() -> None:
    video = ArrayVideo(np.zeros((2, 32, 48, 3), np.uint8))
    video.warnings = ("the last second is missing",)
    warned = Script(unify=lambda v, r: [Phrase(reference=r.id, text=r.text, warnings=("'blue' was not used",))])
    with warned.pipeline() as pipeline:
        result = pipeline.run(video, [DOG])
    assert result.warnings == ("the last second is missing", "'the dog': 'blue' was not used")


BROKEN = {
    "unify gives no list": ("unify", lambda v, r: None, "expected a list of Phrase, got NoneType"),
    "unify gives strings": ("unify", lambda v, r: ["dog"], "expected a list of Phrase"),
    "unify names another reference": ("unify", lambda v, r: [Phrase(reference="9", text="x")], "got one of 9"),
    "a frame beyond the end": (
        "pick_frames",
        lambda v, p: [PivotFrame(phrase=p[0], frame=4)],
        "expected a frame from 0 to 3, got 4",
    ),
    "a pivot without candidates": ("propose", lambda v, p: [], "expected one Candidates for each of 1 pivots"),
    "a box outside": (
        "propose",
        lambda v, p: [Candidates(pivot=p[0], xyxy=[[0, 0, 60, 8]], scores=[1])],
        "expected boxes inside 48 x 32 pixels",
    ),
    "a left box outside": (
        "propose",
        lambda v, p: [Candidates(pivot=p[0], xyxy=[[-3, 0, 6, 8]], scores=[1])],
        "expected boxes inside 48 x 32 pixels",
    ),
    "candidate masks of another size": (
        "propose",
        lambda v, p: [Candidates(pivot=p[0], xyxy=[[0, 0, 6, 8]], scores=[1], masks=np.ones((1, 8, 8), np.bool_))],
        "expected masks of (32, 48), got (8, 8)",
    ),
    "a box for a pivot that was not asked": (
        "pick_boxes",
        lambda v, c: [PivotBox(pivot=c[0].pivot.model_copy(update={"frame": 2}), xyxy=[0, 0, 5, 5])],
        "expected a box for one of the pivots asked about",
    ),
    "a chosen box outside": (
        "pick_boxes",
        lambda v, c: [PivotBox(pivot=c[0].pivot, xyxy=[0, 0, 5, 500])],
        "expected a box inside 48 x 32 pixels",
    ),
    "located phrases changed": (
        "locate",
        lambda v, r, p: [each.model_copy(update={"text": "x"}) for each in p],
        "expected the same 1 phrases",
    ),
    "a frame twice": ("propagate", lambda v, b: [*propagate(v, b), *propagate(v, b)], "got 3 again"),
    "frames missing": ("propagate", lambda v, b: list(propagate(v, b))[:2], "none for 2 frames, the first is 0"),
    "masks of another size": (
        "propagate",
        lambda v, b: [FrameMasks(frame=0, masks=np.ones((1, 4, 4), np.bool_), scores=[1])],
        "frame 0: expected masks of (1, 32, 48), got (1, 4, 4)",
    ),
    "no masks at all": ("propagate", lambda v, b: [3], "expected FrameMasks, got int"),
    "an exception": ("propose", lambda v, p: 1 / 0, "ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize(("method", "answer", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_contract_names_the_plugin_and_what_was_expected(method: str, answer: Any, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        run(Script(**{method: answer}))
    assert message in str(caught.value)
    assert "'scripted'" in str(caught.value)
    assert method in str(caught.value)


def test_a_box_may_stick_out_by_a_rounded_pixel() -> None:
    def rounded(video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [Candidates(pivot=pivot, xyxy=[[-0.6, 0, 48.7, 32.5]], scores=[1.0]) for pivot in pivots]

    assert run(Script(propose=rounded)).boxes[0].xyxy is not None


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (Reference(id="1", box=np.array([0, 0, 5, 5]), frame=4), "expected a frame from 0 to 3, got 4"),
        (Reference(id="1", box=np.array([0, 0, 500, 5])), "expected a box inside 48 x 32 pixels"),
        (Reference(id="1", mask=np.ones((4, 4), np.bool_)), r"expected a mask of \(32, 48\)"),
        (Reference(id="1", mask=np.zeros((32, 48), np.bool_)), "the mask is empty"),
    ],
)
def test_a_prompt_that_does_not_fit_the_video_is_an_input_error(reference: Reference, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(Script(), reference)


def test_no_reference_and_the_same_id_twice_are_input_errors() -> None:
    with Script().pipeline() as pipeline, pytest.raises(InputError, match="nothing to look for"):
        pipeline.run(VIDEO, [])
    with pytest.raises(InputError, match="got twice: 1"):
        run(Script(), DOG, DOG)


def test_all_problems_are_reported_before_any_work() -> None:
    script = Script(problems=lambda: ["needs a key: export KEY=…"])
    with pytest.raises(MissingError) as caught:
        run(script)
    places = ["unifier.scripted", "temporal.scripted, spatial.scripted", "proposer.scripted", "propagator.scripted"]
    assert str(caught.value).splitlines() == [f"{place}: needs a key: export KEY=…" for place in places]
    assert script.calls == []
    assert script.loaded == []


def test_a_given_box_needs_nothing_but_the_propagator() -> None:
    with pytest.raises(MissingError) as caught:
        run(Script(problems=lambda: ["no weights"]), Reference(id="1", box=np.array([0, 0, 5, 5])))
    assert str(caught.value) == "propagator.scripted: no weights"


def test_one_reasoner_with_the_same_options_is_one_object_loaded_once() -> None:
    script = Script()
    with script.pipeline() as pipeline:
        pipeline.run(VIDEO, [DOG])
        pipeline.run(VIDEO, [CAT])
        assert sorted(script.loaded) == ["ScriptedPropagator", "ScriptedProposer", "ScriptedReasoner", "ScriptedUnifier"]
    assert script.loaded == []


def test_a_reasoner_with_other_options_is_another_object() -> None:
    script = Script()
    with script.pipeline(spatial={"use": "scripted", "patience": 9}) as pipeline:
        pipeline.run(VIDEO, [DOG])
        assert script.loaded.count("ScriptedReasoner") == 2


def test_kept_outputs_are_read_back_and_nothing_is_loaded(tmp_path: Path) -> None:
    kept = StageCache(tmp_path)
    first = run(Script(), DOG, CAT, kept=kept)
    again = Script()
    second = run(again, DOG, CAT, kept=kept)
    assert again.calls == []
    assert second.model_dump(mode="json") == first.model_dump(mode="json")


def test_only_what_changed_is_computed_again(tmp_path: Path) -> None:
    kept = StageCache(tmp_path)
    run(Script(), kept=kept)
    again = Script()
    run(again, kept=kept, spatial={"use": "scripted", "patience": 9})
    assert [name for name, _ in again.calls] == ["pick_boxes"]


def test_other_pixels_are_computed_again(tmp_path: Path) -> None:
    kept, script = StageCache(tmp_path), Script()
    run(Script(), kept=kept)
    with script.pipeline() as pipeline:
        pipeline.run(moving_square(frames=4, size=(32, 48), side=8, seed=1)[0], [DOG], kept)
    assert len(script.calls) == 6


def test_a_failed_stage_is_not_kept_and_earlier_ones_are(tmp_path: Path) -> None:
    kept = StageCache(tmp_path)
    with pytest.raises(ContractError):
        run(Script(propose=lambda v, p: 1 / 0), kept=kept)
    again = Script()
    run(again, kept=kept)
    assert [name for name, _ in again.calls] == ["propose", "pick_boxes", "propagate", "locate"]


def test_a_fallback_is_not_kept(tmp_path: Path) -> None:
    def lost(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return [PivotFrame(phrase=phrase, frame=0, why="no usable answer", source="fallback") for phrase in phrases]

    kept = StageCache(tmp_path)
    assert run(Script(pick_frames=lost), kept=kept).verdict().source == "fallback"
    again = Script()
    assert run(again, kept=kept).verdict().source == "rule"
    assert len(again.asked("pick_frames")) == 1


def test_a_damaged_kept_file_is_computed_again(tmp_path: Path) -> None:
    kept = StageCache(tmp_path)
    first = run(Script(), kept=kept)
    for path in tmp_path.iterdir():
        path.write_text(path.read_text()[:-9])
    assert run(Script(), kept=kept).masks().tolist() == first.masks().tolist()


class Watcher:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []

    @hookimpl
    def stage_started(self, event: Any) -> None:
        self.seen.append(("started", event.stage, event.done))

    @hookimpl
    def stage_advanced(self, event: Any) -> None:
        self.seen.append(("advanced", event.stage, event.done))

    @hookimpl
    def stage_finished(self, event: Any) -> None:
        self.seen.append(("finished", event.stage, len(event.output)))


def test_observers_hear_of_every_stage_and_every_frame() -> None:
    script, watcher = Script(), Watcher()
    script.plugins.observe(watcher)
    run(script)
    stages = [stage for what, stage, _ in watcher.seen if what == "finished"]
    assert stages == ["unifier", "temporal", "proposer", "spatial", "propagator", "unifier"]
    assert [done for what, _, done in watcher.seen if what == "advanced"] == [1, 2, 3, 4]


def test_a_failing_observer_is_a_warning_and_is_told_no_more() -> None:
    class Failing:
        @hookimpl
        def stage_started(self, event: Any) -> None:
            raise RuntimeError("no room")

    script = Script()
    script.plugins.observe(Failing())
    result = run(script)
    assert len([warning for warning in result.warnings if "RuntimeError: no room" in warning]) == 1
    assert result.masks().any()


def test_an_unknown_reference_of_a_result_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'the dog'"):
        run(Script()).masks("the dgo")


def test_a_pipeline_from_yaml_takes_settings_over_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("propagator: nonesuch\nvideo: {every: 3}\n")
    with pytest.raises(ConfigError, match="no component 'nonesuch'"):
        Pipeline.from_yaml(path)
    with Pipeline.from_yaml(path, propagator="label-propagation") as pipeline:
        assert pipeline.config.video.every == 3


def test_a_pipeline_starts_from_the_preset_asked_for() -> None:
    with pytest.raises(ConfigError, match="no preset 'nonesuch'"):
        Pipeline.make(preset="nonesuch")


def test_a_component_learns_its_options_device_origin_and_whom_to_tell() -> None:
    class Curious(Propagator):
        """Fills nothing, tells everything."""

        name = "curious"

        def propagate(self, video: Video, boxes: list[PivotBox]) -> Any:
            self.tell("question_answered", (self.options, self.device, self.origin))
            return propagate(video, boxes)

    class Listener:
        heard: list[Any] = []

        @hookimpl
        def question_answered(self, event: Any) -> None:
            self.heard.append(event)

    plugins = Plugins([announcing("curious", propagators=[Curious]), *Script().entries])
    plugins.observe(Listener())
    slots = dict.fromkeys(("unifier", "reasoner", "proposer"), "scripted")
    with Pipeline.make({**slots, "propagator": "curious", "device": "cpu"}, plugins=plugins) as pipeline:
        pipeline.run(VIDEO, [DOG])
    assert Listener.heard == [(Curious.Options(), "cpu", "module_curious unknown")]


def test_an_absent_pivot_is_not_proposed_for_even_where_it_names_a_frame() -> None:
    script = Script(pick_frames=lambda v, p: [PivotFrame(phrase=p[0], frame=0, finding="absent", why="gone")])
    assert run(script).verdict().finding == "absent"
    assert script.asked("propose") == []


def test_a_result_survives_json() -> None:
    result = run(Script(), DOG, Reference(id="2", box=np.array([0, 0, 5, 5])))
    again = Result.model_validate_json(result.model_dump_json())
    assert again.model_dump(mode="json") == result.model_dump(mode="json")
    assert (again.masks("2") == result.masks("2")).all()


def test_a_unifier_that_cannot_locate_is_not_asked_to() -> None:
    script = Script()
    unifier = script.plugins.get("unifier", "scripted").cls
    del unifier.locate  # type: ignore[attr-defined]
    watcher = Watcher()
    script.plugins.observe(watcher)
    run(script)
    assert [stage for what, stage, _ in watcher.seen if what == "started"].count("unifier") == 1
