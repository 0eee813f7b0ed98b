from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alref.cli.status import check_status
from alref.components.base import Propagator
from alref.errors import ContractError
from alref.media.video import Video
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.plugins.hookspecs import hookimpl
from alref.plugins.manager import PluginManager
from alref.records import Candidates, FrameMasks, Phrase, PivotBox, PivotFrame
from alref.testing import make_moving_square
from support.scripted import CAT, DOG, HEARD, VIDEO, Script, announcing, propagate, run

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
    "an end of the program": ("propose", lambda v, p: sys.exit("enough"), "SystemExit: enough"),
}


@pytest.mark.parametrize(("method", "answer", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_contract_names_the_plugin_and_what_was_expected(method: str, answer: Any, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        run(Script(**{method: answer}), HEARD)
    assert message in str(caught.value)
    assert "'scripted'" in str(caught.value)
    assert method in str(caught.value)


def test_a_box_may_stick_out_by_a_rounded_pixel() -> None:
    def rounded(video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [Candidates(pivot=pivot, xyxy=[[-0.6, 0, 48.7, 32.5]], scores=[1.0]) for pivot in pivots]

    assert run(Script(propose=rounded)).boxes[0].xyxy is not None


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
        pipeline.run(make_moving_square(frames=4, size=(32, 48), side=8, seed=1)[0], [DOG], kept)
    assert len(script.calls) == 5


def test_a_failed_stage_is_not_kept_and_earlier_ones_are(tmp_path: Path) -> None:
    kept = StageCache(tmp_path)
    with pytest.raises(ContractError):
        run(Script(propose=lambda v, p: 1 / 0), kept=kept)
    again = Script()
    run(again, kept=kept)
    assert [name for name, _ in again.calls] == ["propose", "pick_boxes", "propagate"]


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
    script.plugins.add_observer(watcher)
    run(script)
    stages = [stage for what, stage, _ in watcher.seen if what == "finished"]
    assert stages == ["unifier", "temporal", "proposer", "spatial", "propagator"]
    assert [done for what, _, done in watcher.seen if what == "advanced"] == [1, 2, 3, 4]


@pytest.mark.parametrize("error", [RuntimeError("no room"), SystemExit("no room"), GeneratorExit("no room")])
def test_a_failing_observer_is_a_warning_and_is_told_no_more(error: BaseException) -> None:
    class Failing:
        @hookimpl
        def stage_started(self, event: Any) -> None:
            raise error

    script = Script()
    script.plugins.add_observer(Failing())
    result = run(script)
    assert len([warning for warning in result.warnings if f"{type(error).__name__}: no room" in warning]) == 1
    assert result.masks().any()


def test_a_component_learns_its_options_device_origin_and_whom_to_tell() -> None:
    class Curious(Propagator):
        """Fills nothing, tells everything."""

        name = "curious"

        def propagate(self, video: Video, boxes: list[PivotBox]) -> Any:
            self.notify("question_answered", (self.options, self.device, self.origin))
            return propagate(video, boxes)

    class Listener:
        heard: list[Any] = []

        @hookimpl
        def question_answered(self, event: Any) -> None:
            self.heard.append(event)

    plugins = PluginManager([announcing("curious", propagators=[Curious]), *Script().entries])
    plugins.add_observer(Listener())
    slots = dict.fromkeys(("unifier", "reasoner", "proposer"), "scripted")
    with Pipeline(plugins=plugins, **{**slots, "propagator": "curious", "device": "cpu"}) as pipeline:
        pipeline.run(VIDEO, [DOG])
    assert Listener.heard == [(Curious.Options(), "cpu", "module_curious unknown")]


@pytest.mark.parametrize("method", ["__init__", "problems", "find_missing_libraries", "load", "weights", "list_input_files"])
def test_a_component_that_fails_before_its_work_is_blamed_by_name(method: str) -> None:
    def fails(*arguments: Any) -> None:
        raise ZeroDivisionError("division by zero")

    cls = type("Failing", (Propagator,), {"name": "failing", method: fails, "propagate": lambda self, video, boxes: ()})
    script = Script()
    plugins = PluginManager([*script.entries, announcing("failing", propagators=[cls])])
    slots = dict.fromkeys(("unifier", "reasoner", "proposer"), "scripted")
    named = r"propagator 'failing' \(module_failing unknown\), \w+: ZeroDivisionError: division by zero; add -v"
    with (
        pytest.raises(ContractError, match=named),
        Pipeline(plugins=plugins, **{**slots, "propagator": "failing"}) as made,
    ):
        made.run(VIDEO, [DOG])


@pytest.mark.parametrize("said", [None, "pip install it", ["pip install it"], [3]])
def test_problems_of_another_type_break_the_contract(said: Any) -> None:
    cls = type("Vague", (Propagator,), {"name": "vague", "problems": lambda self: said, "propagate": propagate})
    script = Script()
    plugins = PluginManager([*script.entries, announcing("vague", propagators=[cls])])
    slots = dict.fromkeys(("unifier", "reasoner", "proposer"), "scripted")
    wrong = r"propagator 'vague' \(module_vague unknown\), problems: expected a list of Problem, got "
    with (
        Pipeline(plugins=plugins, **{**slots, "propagator": "vague"}) as made,
        pytest.raises(ContractError, match=wrong),
    ):
        made.run(VIDEO, [DOG])
    assert check_status(plugins.get_component("propagator", "vague"), thorough=True).label == "broken"
