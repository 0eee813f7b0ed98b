"""One video's stages at work: each call is timed, its output checked, announced to observers, and kept under its content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from alref.components.base import Stage
from alref.config import Choice
from alref.errors import Blamed
from alref.llm.messages import QuestionEvent
from alref.llm.usage import answered_before, counted
from alref.media.video import Video
from alref.pipeline import contracts, stage_cache
from alref.pipeline.stage_cache import Kept, StageCache
from alref.plugins.manager import Component, Plugins
from alref.records import Phrase, PivotBox, StageEvent, Track, objects
from alref.result import Usage
from alref.utils.masks import Rle, encode

Item = TypeVar("Item", bound=BaseModel)


@dataclass
class Steps:
    """The stages of one run over one video. ``ready`` gives the loaded stage of a slot for the time of one call.

    ``identity`` says of a slot's stage what beside its options its outputs depend on; ``questions`` are those of this run so
    far; ``seconds`` and ``usage`` are what the outputs took, those that were kept from before too.
    """

    video: Video
    choices: Mapping[str, Choice]
    ready: Callable[[str], AbstractContextManager[Stage]]
    identity: Callable[[str], Any]
    plugins: Plugins
    kept: StageCache
    questions: list[QuestionEvent]
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)

    def call(self, slot: str, method: str, kind: type[Item], check: Callable[[list[Item]], None], *inputs: Any) -> list[Item]:
        """Call ``stage.method(video, *inputs)``, or read back what it gave for the same inputs."""
        return self._kept(slot, method, kind, inputs, lambda: self._answered(slot, method, kind, check, inputs))

    def propagate(self, boxes: list[PivotBox]) -> list[Track]:
        """Propagate to one track for each object, its masks encoded as they come."""
        return self._kept("propagator", "propagate", Track, (boxes,), lambda: self._collected(boxes))

    def _kept(
        self, slot: str, method: str, kind: type[Item], inputs: Any, compute: Callable[[], tuple[list[Item], float]]
    ) -> list[Item]:
        who = whose(slot, self.choices[slot].component, method)
        with Blamed(who):
            digest = self._key(slot, method, inputs)
        found = self.kept.get(f"{slot}-{method}", digest, kind)
        cached, total = found is not None, len(self.video)
        self._tell("stage_started", slot, method, total=total, cached=cached)
        if found is None:
            before = len(self.questions)
            with Blamed(who):
                output, seconds = compute()
            found = Kept(output, seconds, counted(self.questions[before:]))
            if not any(getattr(item, "source", "") == "fallback" for item in output):
                self.kept.put(f"{slot}-{method}", digest, found)
        self.seconds[slot] = self.seconds.get(slot, 0.0) + found.seconds
        self.usage += map(answered_before, found.usage) if cached else found.usage
        facts = {"seconds": found.seconds, "cached": cached, "output": found.output}
        self._tell("stage_finished", slot, method, done=total, total=total, **facts)
        return found.output

    def _answered(
        self, slot: str, method: str, kind: type[Item], check: Callable[[list[Item]], None], inputs: Any
    ) -> tuple[list[Item], float]:
        with self._at_work(slot) as stage:
            started = perf_counter()
            output = getattr(stage, method)(self.video, *inputs)
            seconds = perf_counter() - started
        contracts.each_is(output, kind)
        check(output)
        return list(output), seconds

    def _collected(self, boxes: list[PivotBox]) -> tuple[list[Track], float]:
        phrases, total = objects(boxes), len(self.video)
        rles: dict[int, list[Rle]] = {}
        scores: dict[int, list[float]] = {}
        with self._at_work("propagator") as stage:
            started = perf_counter()
            for masks in stage.propagate(self.video, boxes):  # type: ignore[attr-defined]
                contracts.frame_masks(masks, self.video, len(phrases), rles)
                rles[masks.frame] = [encode(mask) for mask in masks.masks]
                scores[masks.frame] = [float(score) for score in masks.scores]
                self._tell("stage_advanced", "propagator", "propagate", done=len(rles), total=total)
            seconds = perf_counter() - started
        contracts.complete(rles, self.video)
        return [
            Track(
                phrase=phrase,
                rles=tuple(rles[frame][index] for frame in range(total)),
                scores=tuple(scores[frame][index] for frame in range(total)),
            )
            for index, phrase in enumerate(phrases)
        ], seconds

    @contextmanager
    def _at_work(self, slot: str) -> Iterator[Stage]:
        """Give the stage of a slot for one call, and take what it warned of."""
        with self.ready(slot) as stage:
            yield stage
            self.warnings += stage.warnings
            stage.warnings.clear()

    def _key(self, slot: str, method: str, inputs: Sequence[Any]) -> str:
        choice = self.choices[slot]
        component = choice.component
        who = [component.distribution, component.version, component.name, self.identity(slot)]
        return stage_cache.key(who, choice.options, method, self.video.name, self.video.fingerprint, inputs)

    def _tell(self, hook: str, slot: str, method: str, **facts: Any) -> None:
        name = self.choices[slot].component.name
        event = StageEvent(video=self.video.name, stage=slot, method=method, component=name, **facts)
        self.plugins.notify(hook, event)


def whose(slot: str, component: Component, method: str) -> str:
    """Name a component's method in an error, with the distribution that it came with."""
    return f"{slot} {component.name!r} ({component.distribution} {component.version}), {method}"


def silenced(track: Track, heard: Phrase, times: Sequence[float]) -> Track:
    """Return the track under a located phrase, its masks emptied at times in which the phrase is not heard."""
    if heard.heard is None:
        return track.model_copy(update={"phrase": heard})
    empty = encode(np.zeros(track.rles[0].size, np.bool_)) if track.rles else None
    inside = [any(start <= time < end for start, end in heard.heard) for time in times]
    rles = tuple(rle if on else empty for rle, on in zip(track.rles, inside, strict=True))
    return track.model_copy(update={"phrase": heard, "rles": rles})
