"""A studio that serves in this process, and a browser to look at its page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

import numpy as np
import uvicorn

from alref.config import VideoOptions
from alref.media.reader import open_video
from alref.media.video import Video
from alref.output.run_folder import RunFolder, RunSpec
from alref.pipeline.engine import Pipeline
from alref.plugins.manager import PluginManager
from alref.records import Flag, FrameMasks, ObjectTrack, Phrase, PivotBox, Reference, Track, TrackChoice, Verdict
from alref.result import Result, Usage
from alref.testing import ArrayVideo, write_frames
from alref.utils.masks import Mask, encode_mask
from alref_studio._runtime import open_port
from alref_studio.guard import AccessGuard
from alref_studio.library import Library
from alref_studio.server import build_application
from alref_studio.studio import Studio
from support.corrected_runs import NearestPropagator
from support.scripted import Script, announcing

TOKEN = "a-token-of-tests"
COLORS = ((220, 40, 40), (40, 200, 60), (40, 70, 230))
FRAMES, HEIGHT, WIDTH, SIDE = 16, 96, 128, 24


def draw_squares() -> tuple[ArrayVideo, list[list[Mask]]]:
    """Return a video of three squares that move right, and their true masks; the second one leaves after half of the frames."""
    frames = np.full((FRAMES, HEIGHT, WIDTH, 3), 120, np.uint8)
    truth: list[list[Mask]] = [[], [], []]
    for frame in range(FRAMES):
        for number, color in enumerate(COLORS):
            mask: Mask = np.zeros((HEIGHT, WIDTH), np.bool_)
            if number != 1 or frame < FRAMES // 2:
                left = 8 + frame * 4
                mask[6 + 30 * number : 6 + 30 * number + SIDE, left : left + SIDE] = True
            frames[frame][mask] = color
            truth[number].append(mask)
    return ArrayVideo(frames), truth


class PaidPropagator(NearestPropagator):
    """Costs half a dollar."""

    name = "paid"

    def estimate_request(self, frames: int) -> Usage:
        """Return the price."""
        return Usage(model="dear", uncached_cost=0.5)


class SteppedPropagator(NearestPropagator):
    """Repeats the nearest mask, and waits before each frame while ``gate`` is closed."""

    name = "stepped"
    gate: ClassVar[Event] = Event()
    reached: ClassVar[Event] = Event()
    loaded: ClassVar[Event] = Event()

    def load(self) -> None:
        """Tell that it was loaded."""
        self.loaded.set()

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the frames in order."""
        for masks in super().propagate(video, boxes):
            if masks.frame == FRAMES // 2:
                self.reached.set()
                assert self.gate.wait(60)
            yield masks


SteppedPropagator.gate.set()


def make_studio_pipeline(propagator: str = "stepped") -> Pipeline:
    """Return a pipeline of scripted components that accepts points; the propagation of "stepped" can be held."""
    exporters = EntryPoint("exporters", "alref_exporters", "alref")
    plugins = PluginManager(
        [*Script().entries, announcing("stepped", propagators=[SteppedPropagator, PaidPropagator]), exporters]
    )
    slots = dict.fromkeys(("unifier", "reasoner", "proposer"), "scripted")
    return Pipeline(plugins=plugins, propagator=propagator, **slots)


def make_track(number: int, first: int) -> ObjectTrack:
    """Return a track that appears on frame ``first`` and is largest on the last frame."""
    masks = np.zeros((FRAMES, HEIGHT, WIDTH), np.bool_)
    for frame in range(first, FRAMES):
        masks[frame, : frame + 1, :4] = True
    return ObjectTrack(id=number, noun="dog", score=0.5, rles=tuple(map(encode_mask, masks)), scores=(0.5,) * FRAMES)


def add_rejected_tracks(result: Result) -> Result:
    """Add three tracks of dogs to a result: the first one accepted, the second rejected, the third uncertain."""
    choices = [
        TrackChoice(
            phrase=Phrase(reference="1", text="the red square"), noun="dog", track=number, choice=choice, why=f"{choice} it"
        )
        for number, choice in ((1, "accept"), (2, "reject"), (3, "uncertain"))
    ]
    tracks = tuple(make_track(number, number) for number in (1, 2, 3))
    return result.model_copy(update={"object_tracks": tracks, "choices": tuple(choices)})


def save_squares(folder: Path, pipeline: Pipeline) -> tuple[Path, Path, list[list[Mask]]]:
    """Write the clip as images and a finished run of it; return the clip, the run folder and the true masks."""
    video, truth = draw_squares()
    clip = write_frames(video, folder / "squares")
    opened = open_video(clip)
    names = ("the red square", "the green square", "the blue square")
    tracks = [
        Track(
            phrase=Phrase(reference=str(number), text=name),
            rles=tuple(map(encode_mask, masks)),
            scores=(1.0 - number / 10,) * FRAMES,
            flags=(Flag(frame=5, kind="mask jumps", why="moved"),) if number == 3 else (),
        )
        for number, (name, masks) in enumerate(zip(names, truth, strict=True), 1)
    ]
    references = tuple(Reference(id=str(number), text=name) for number, name in enumerate(names, 1))
    result = Result(
        alref="0.1.0",
        video=opened.get_info(),
        references=references,
        tracks=tuple(tracks),
        verdicts=tuple(Verdict(reference=each.id, finding="found", why="seen") for each in references),
        config=pipeline.config.to_dict(),
    )
    spec = RunSpec(
        input=str(clip),
        fingerprint=opened.fingerprint,
        versions={"alref": "0.1.0"},
        references=references,
        config=result.config,
    )
    with RunFolder.open(folder / "runs" / "squares-run", spec) as run_folder:
        run_folder.write_result(result, opened)
    return clip, folder / "runs" / "squares-run", truth


@contextmanager
def serve_studio(paths: list[Path], out: Path, pipeline: Pipeline, **settings: Any) -> Iterator[tuple[str, Studio]]:
    """Serve a studio and yield the address of its page."""
    studio = Studio(Library(paths, out, VideoOptions()), pipeline, **settings)
    listener = open_port("127.0.0.1", [0])
    server = uvicorn.Server(
        uvicorn.Config(
            AccessGuard(build_application(studio), TOKEN, ()),
            log_level="warning",
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/{TOKEN}/", studio
    finally:
        studio.hub.close()
        server.should_exit = True
        thread.join()
        studio.close()
        listener.close()
