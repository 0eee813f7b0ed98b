"""Scripted components: what they answer is set by the test, what they were asked is kept for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import numpy as np
from pydantic import Field

from alref.components.base import Locator, Propagator, Proposer, Reasoner, Stage, StageOptions, Tagger, Transcriber, Unifier
from alref.errors import Problem
from alref.media.video import Video
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.plugins.hookspecs import hookimpl
from alref.plugins.manager import PluginManager
from alref.records import (
    Audio,
    Candidates,
    FrameMasks,
    Phrase,
    PivotBox,
    PivotFrame,
    Reference,
    Transcript,
    list_object_phrases,
)
from alref.result import Result
from alref.testing import ArrayVideo, make_moving_square

Calls = list[tuple[str, Any]]


def entry(name: str = "scripted", **hooks: Callable[..., Any]) -> EntryPoint:
    """Return an entry point of a module made of the given hook functions."""
    module = ModuleType(f"module_{name}")
    for hook, function in hooks.items():
        setattr(module, hook, hookimpl(function))
        getattr(module, hook).__name__ = hook
    sys.modules[module.__name__] = module
    return EntryPoint(name, module.__name__, "alref")


def announcing(name: str, **classes: list[type[Stage]]) -> EntryPoint:
    """Return an entry point of a plugin that registers classes: ``propagators=[Mine]``."""
    return entry(name, **{f"register_{kind}": (lambda listed=listed: listed) for kind, listed in classes.items()})


class Script:
    """One pipeline of scripted components, and the list of the calls that were made."""

    def __init__(self, **answers: Callable[..., Any]) -> None:
        self.calls: Calls = []
        self.loaded: list[str] = []
        self.answers = answers
        unifier, reasoner, proposer, propagator = self.classes()
        kinds = {"unifiers": [unifier], "reasoners": [reasoner], "proposers": [proposer], "propagators": [propagator]}
        self.entries = [announcing("scripted", **kinds)]
        self.plugins = PluginManager(self.entries)
        assert not self.plugins.broken, self.plugins.broken

    def pipeline(self, **settings: Any) -> Pipeline:
        slots = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "scripted")
        return Pipeline(plugins=self.plugins, **{**slots, **settings})

    def asked(self, method: str) -> list[Any]:
        """Return the inputs of each call of a method."""
        return [inputs for name, inputs in self.calls if name == method]

    def answer(self, method: str, default: Callable[..., Any], *inputs: Any) -> Any:
        self.calls.append((method, inputs[1:]))
        return self.answers.get(method, default)(*inputs)

    def classes(self) -> tuple[type[Unifier], type[Reasoner], type[Proposer], type[Propagator]]:
        script = self

        class Base(Stage):
            name = "scripted"

            def problems(self) -> list[Problem]:
                return script.answers.get("problems", list)()

            def load(self) -> None:
                script.loaded.append(type(self).__name__)

            def close(self) -> None:
                script.loaded.remove(type(self).__name__)

        class ScriptedReasoner(Base, Reasoner):
            """Picks frame 1 and the first box."""

            class Options(StageOptions):
                patience: int = Field(3, ge=1, description="how long it thinks")

            def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
                return script.answer("pick_frames", pick_frames, video, phrases)

            def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
                return script.answer("pick_boxes", pick_boxes, video, candidates)

        class ScriptedProposer(Base, Proposer):
            """Proposes two boxes."""

            def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
                return script.answer("propose", propose, video, pivots)

            def propose_best(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
                return script.answer("propose_best", propose, video, pivots)

        class ScriptedPropagator(Base, Propagator):
            """Fills the box on every frame."""

            def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
                yield from script.answer("propagate", propagate, video, boxes)

        return scripted_unifier(script, Base), ScriptedReasoner, ScriptedProposer, ScriptedPropagator


def scripted_unifier(script: Script, base: type[Stage]) -> type[Unifier]:
    """Return a class that reads, tags, transcribes and locates as the script says."""

    class ScriptedUnifier(base, Unifier, Tagger, Transcriber, Locator):
        """Takes the text as it is, and hears one bark and nobody speak."""

        def unify(self, video: Video, reference: Reference) -> list[Phrase]:
            return script.answer("unify", unify, video, reference)

        def tag(self, video: Video, reference: Reference) -> list[Phrase]:
            return script.answer("tag", tag, video, reference)

        def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
            return script.answer("transcribe", lambda video, reference: [], video, reference)

        def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
            return script.answer("locate", lambda video, reference, phrases: phrases, video, reference, phrases)

    return ScriptedUnifier


DOG = Reference(id="1", text="the dog")
CAT = Reference(id="2", text="the cat")
HEARD = Reference(id="1", text="the louder dog", sound=True)
NOISE = Audio(samples=np.random.default_rng(0).uniform(-0.5, 0.5, 6_400).astype(np.float32), rate=16_000)
VIDEO = ArrayVideo([frame for _, frame in make_moving_square(frames=4, size=(32, 48), side=8)[0].read_frames()], audio=NOISE)


def run(script: Script, *references: Reference, kept: StageCache | None = None, **settings: Any) -> Result:
    with script.pipeline(**settings) as pipeline:
        return pipeline.run(VIDEO, references or (DOG,), kept)


def unify(video: Video, reference: Reference) -> list[Phrase]:
    return [Phrase(reference=reference.id, text=reference.text)]


def tag(video: Video, reference: Reference) -> list[Phrase]:
    return [Phrase(reference=reference.id, text="Bark", score=0.9, sound=True)]


def pick_frames(video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
    return [PivotFrame(phrase=phrase, frame=1, why="frame 1 is clear") for phrase in phrases]


def propose(video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
    boxes = np.array([[2, 2, 12, 12], [20, 4, 40, 24]], np.float32)
    return [Candidates(pivot=pivot, xyxy=boxes, scores=np.array([0.8, 0.4]), labels=("a", "b")) for pivot in pivots]


def pick_boxes(video: Video, candidates: list[Candidates]) -> list[PivotBox]:
    return [PivotBox(pivot=each.pivot, xyxy=each.xyxy[0], score=0.8, why="the first box") for each in candidates]


def propagate(video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
    phrases = list_object_phrases(boxes)
    for frame in reversed(range(len(video))):
        masks = np.zeros((len(phrases), video.height, video.width), np.bool_)
        for box in boxes:
            if box.xyxy is not None:
                x0, y0, x1, y1 = box.xyxy.astype(int)
                masks[phrases.index(box.pivot.phrase), y0:y1, x0:x1] = True
        yield FrameMasks(frame=frame, masks=masks, scores=np.ones(len(phrases)))
