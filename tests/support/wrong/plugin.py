"""A plugin whose components are wrong in one thing each; loaded with ``--plugin``, as an author tries them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

import alref

if TYPE_CHECKING:
    from alref import Candidates, ObjectTrack, PivotFrame, Problem, Video


class Sighted(alref.Proposer):
    """Proposes the whole frame; nothing is wrong with it."""

    name = "sighted"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [self.see(video, pivot) for pivot in pivots]

    def see(self, video: Video, pivot: PivotFrame, scale: float = 1) -> Candidates:
        return alref.Candidates(pivot=pivot, xyxy=[[0, 0, scale * video.width, scale * video.height]], scores=[0.5])


class Clash(Sighted):
    """Has the name of a shipped component."""

    name = "class-evidence"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        raise AssertionError("the plugin was used")


class Imports(Sighted):
    """Needs a library by an import name that is not the name of its package."""

    name = "imports"
    needs = ("sklearnish",)


class Unwell(Sighted):
    """Fails when it is asked for its problems."""

    name = "unwell"

    def problems(self) -> list[Problem]:
        raise ZeroDivisionError


class Several(alref.Proposer, alref.Tracker):
    """Is registered by two hooks, and finds nothing in one of its slots."""

    name = "several"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [alref.Candidates(pivot=pivot, xyxy=[[0, 0, 9, 9]], scores=[0.5]) for pivot in pivots]

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        return []


class Processor(Sighted):
    """Runs on the CPU only."""

    name = "processor"
    devices = ("cpu",)


class Filed(alref.ModelStage[Path], Sighted):
    """Loads a file."""

    name = "filed"
    needs = ()
    model_options = ("model",)

    class Options(alref.StageOptions):
        model: str = Field("small", description="small, or a file")

    options: Options

    def weights(self) -> list[alref.Weights]:
        return [alref.Weights(self.options.model, included={"small": Path(__file__)})]

    def load_model(self, folder: Path) -> Path:
        return folder


class Cars(Sighted):
    """Knows nothing but cars, and gives boxes that are a thousand times too large."""

    name = "cars"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [
            self.see(video, pivot, scale=1000)
            if pivot.phrase.category == "car"
            else alref.Candidates(pivot=pivot, xyxy=[], scores=[])
            for pivot in pivots
        ]


class Idle(Sighted):
    """Proposes nothing at all."""

    name = "idle"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        return [alref.Candidates(pivot=pivot, xyxy=[], scores=[]) for pivot in pivots]


class Manual(Filed):
    """Loads a file that the user has to get."""

    name = "manual"

    def weights(self) -> list[alref.Weights]:
        return [alref.Weights("absent.onnx", manual="ask its authors")]


class Remote(Filed):
    """Loads a file that has an address."""

    name = "remote"

    def weights(self) -> list[alref.Weights]:
        return [alref.Weights("small", urls={"small": "http://127.0.0.1:9/absent.onnx"}, sha256={"absent.onnx": "00"})]


@alref.hookimpl
def register_proposers() -> list[type[alref.Proposer]]:
    return [Sighted, Clash, Imports, Unwell, Several, Processor, Filed, Manual, Remote, Cars, Idle]


@alref.hookimpl
def register_trackers() -> list[type[alref.Tracker]]:
    return [Several]
