"""Call the stages for one video: each call is timed, checked, cached, and reported to observers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import numpy as np
from pydantic import BaseModel

from alref.components.base import ADVANCED, Stage
from alref.config import SlotConfiguration
from alref.errors import PluginErrorContext
from alref.llm.messages import QuestionEvent
from alref.llm.usage import count_usage, mark_cached
from alref.media.video import Video
from alref.pipeline import contracts, stage_cache
from alref.pipeline.stage_cache import CachedOutput, StageCache
from alref.plugins.manager import PluginManager
from alref.plugins.registered import RegisteredClass
from alref.records import FrameMasks, ObjectTrack, Phrase, PivotBox, StageEvent, Track, list_object_phrases
from alref.result import Usage
from alref.utils.logit_maps import LogitMap, encode_logits
from alref.utils.masks import Rle, encode_mask

AnyRecord = TypeVar("AnyRecord", bound=BaseModel)


class EncodedFrame(NamedTuple):
    """The masks of one frame, and their logits if there are any."""

    rles: list[Rle]
    logits: list[LogitMap]


class CanceledError(KeyboardInterrupt):
    """A propagation was canceled; ``masks`` and ``scores`` have one entry per object, by frame, as far as they are known."""

    def __init__(self, masks: dict[int, list[Rle]], scores: dict[int, list[float]]) -> None:
        super().__init__(f"canceled after {len(masks)} frames")
        self.masks, self.scores = masks, scores


def _never() -> bool:
    return False


def _ignore_progress(done: int, total: int) -> None:
    """Ignore progress."""


@dataclass
class StageRunner:
    """The stages of one run over one video. ``acquire_stage`` gives the loaded stage of a slot for the time of one call.

    ``identity`` returns what the outputs of a slot's stage depend on besides its options. ``seconds`` and ``usage`` are what
    the outputs took, including those read from the cache. A propagation calls ``advance(done, total)`` after each frame, and
    ends with CanceledError when ``canceled()`` is true.
    """

    video: Video
    choices: Mapping[str, SlotConfiguration]
    acquire_stage: Callable[[str], AbstractContextManager[Stage]]
    identity: Callable[[str], Any]
    plugins: PluginManager
    stage_cache: StageCache
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)
    advance: Callable[[int, int], object] = _ignore_progress
    canceled: Callable[[], bool] = _never

    def call_stage(
        self, slot: str, method: str, record_type: type[AnyRecord], check: Callable[[list[AnyRecord]], None], *inputs: Any
    ) -> list[AnyRecord]:
        """Return ``stage.method(video, *inputs)``, from the cache if possible."""
        return self._call_cached(
            slot, method, record_type, inputs, lambda: self._call_component(slot, method, record_type, check, inputs)
        )

    def propagate_tracks(self, boxes: list[PivotBox]) -> list[Track]:
        """Propagate to one track per object; masks are encoded as they arrive."""
        return self._call_cached("propagator", "propagate", Track, (boxes,), lambda: self._collect_tracks(boxes))

    def track_nouns(self, nouns: Sequence[str]) -> list[ObjectTrack]:
        """Return the tracks of nouns. Each noun is cached by itself; the others are tracked in one call."""
        slot, method = "tracker", "track"
        with PluginErrorContext(who := describe_call(slot, self.choices[slot].component, method)):
            digests = {noun: self._compute_key(slot, method, [[noun]]) for noun in nouns}
        cached = {noun: self.stage_cache.get(f"{slot}-{method}", digest, ObjectTrack) for noun, digest in digests.items()}
        missing = [noun for noun, found in cached.items() if found is None]
        self._notify_observers("stage_started", slot, method, total=len(self.video), cached=not missing)
        bank = {noun: found for noun, found in cached.items() if found is not None}
        self.usage += [mark_cached(usage) for found in bank.values() for usage in found.usage]
        if missing:
            check: Callable[[list[ObjectTrack]], None] = partial(contracts.check_object_tracks, nouns=missing, video=self.video)
            with PluginErrorContext(who):
                made = self._call_component(slot, method, ObjectTrack, check, [missing])
            self.usage += made.usage
            for noun in missing:
                own = [track for track in made.output if track.noun == noun]
                bank[noun] = CachedOutput(own, made.seconds / len(missing), made.usage if noun == missing[0] else ())
                self.stage_cache.put(f"{slot}-{method}", digests[noun], bank[noun])
        seconds, output = (
            sum(found.seconds for found in bank.values()),
            [track for noun in nouns for track in bank[noun].output],
        )
        self.seconds[slot] = self.seconds.get(slot, 0.0) + seconds
        facts = {"seconds": seconds, "cached": not missing, "output": output, "done": len(self.video), "total": len(self.video)}
        self._notify_observers("stage_finished", slot, method, **facts)
        return output

    def _call_cached(
        self,
        slot: str,
        method: str,
        record_type: type[AnyRecord],
        inputs: Any,
        compute: Callable[[], CachedOutput[AnyRecord]],
    ) -> list[AnyRecord]:
        who = describe_call(slot, self.choices[slot].component, method)
        with PluginErrorContext(who):
            digest = self._compute_key(slot, method, inputs)
        found = self.stage_cache.get(f"{slot}-{method}", digest, record_type)
        cached, total = found is not None, len(self.video)
        self._notify_observers("stage_started", slot, method, total=total, cached=cached)
        if found is None:
            with PluginErrorContext(who):
                found = compute()
            if not any(getattr(item, "source", "") == "fallback" for item in found.output):
                self.stage_cache.put(f"{slot}-{method}", digest, found)
        self.seconds[slot] = self.seconds.get(slot, 0.0) + found.seconds
        self.usage += map(mark_cached, found.usage) if cached else found.usage
        facts = {"seconds": found.seconds, "cached": cached, "output": found.output}
        self._notify_observers("stage_finished", slot, method, done=total, total=total, **facts)
        return found.output

    def _call_component(
        self, slot: str, method: str, record_type: type[AnyRecord], check: Callable[[list[AnyRecord]], None], inputs: Any
    ) -> CachedOutput[AnyRecord]:
        questions: list[QuestionEvent] = []
        with self._use_stage(slot, method, questions) as stage:
            started = perf_counter()
            output = getattr(stage, method)(self.video, *inputs)
            seconds = perf_counter() - started
        contracts.check_list_of(output, record_type)
        check(output)
        return CachedOutput(list(output), seconds, count_usage(questions))

    def _collect_tracks(self, boxes: list[PivotBox]) -> CachedOutput[Track]:
        """Return the tracks of boxes. The masks of a frame are encoded while the propagator computes the next one."""
        phrases, total = list_object_phrases(boxes), len(self.video)
        encoded: dict[int, Future[EncodedFrame]] = {}
        last: Future[EncodedFrame] | None = None
        scores: dict[int, list[float]] = {}
        questions: list[QuestionEvent] = []
        with self._use_stage("propagator", "propagate", questions) as stage, ThreadPoolExecutor(1, "encode") as encoder:
            started = perf_counter()
            for masks in stage.propagate(self.video, boxes):  # type: ignore[attr-defined]
                contracts.check_frame_masks(masks, self.video, len(phrases), encoded)
                if last is not None:
                    last.result()
                last = encoded[masks.frame] = encoder.submit(_encode_masks, masks)
                scores[masks.frame] = [float(score) for score in masks.scores]
                self._notify_observers(ADVANCED, "propagator", "propagate", done=len(encoded), total=total)
                self.advance(len(encoded), total)
                if len(encoded) < total and self.canceled():
                    raise CanceledError({frame: future.result().rles for frame, future in encoded.items()}, scores)
            found = {frame: future.result() for frame, future in encoded.items()}
            seconds = perf_counter() - started
        contracts.check_all_frames(found, self.video)
        tracks = [
            Track(
                phrase=phrase,
                rles=tuple(found[frame].rles[index] for frame in range(total)),
                scores=tuple(scores[frame][index] for frame in range(total)),
                logits=tuple(found[frame].logits[index] for frame in range(total) if found[frame].logits),
            )
            for index, phrase in enumerate(phrases)
        ]
        return CachedOutput(tracks, seconds, count_usage(questions))

    @contextmanager
    def _use_stage(self, slot: str, method: str, questions: list[QuestionEvent]) -> Iterator[Stage]:
        """Yield the stage of a slot for one call, with the stages that it uses; collect their questions and warnings."""

        def handle_event(hook: str, event: Any) -> None:
            if hook == ADVANCED:
                facts = {"note": event} if isinstance(event, str) else dict(zip(("done", "total"), event, strict=True))
                self._notify_observers(hook, slot, method, **facts)
                return
            if isinstance(event, QuestionEvent):
                questions.append(event)
            self.plugins.notify_observers(hook, event)

        def handle_part_event(hook: str, event: Any) -> None:
            if hook != ADVANCED or isinstance(event, str):
                handle_event(hook, event)

        with ExitStack() as stack, self.acquire_stage(slot) as stage, stage.listen(handle_event):
            stage.parts = {name: stack.enter_context(self.acquire_stage(name)) for name in stage.uses}
            for part in stage.parts.values():
                stack.enter_context(part.listen(handle_part_event))
            yield stage
            for part in (stage, *stage.parts.values()):
                self.warnings += part.warnings
                part.warnings.clear()

    def _compute_key(self, slot: str, method: str, inputs: Sequence[Any]) -> str:
        choice = self.choices[slot]
        who = self._identify_component(slot)
        parts = [[self._identify_component(name), self.choices[name].options] for name in choice.component.cls.uses]
        where = [*who, *parts]
        return stage_cache.compute_key(where, choice.options, method, self.video.name, self.video.fingerprint, inputs)

    def _identify_component(self, slot: str) -> list[Any]:
        component = self.choices[slot].component
        return [component.distribution, component.version, component.name, self.identity(slot)]

    def _notify_observers(self, hook: str, slot: str, method: str, **facts: Any) -> None:
        name = self.choices[slot].component.name
        event = StageEvent(video=self.video.name, stage=slot, method=method, component=name, **facts)
        self.plugins.notify_observers(hook, event)


def _encode_masks(masks: FrameMasks) -> EncodedFrame:
    logits = () if masks.logits is None else masks.logits
    return EncodedFrame([encode_mask(mask) for mask in masks.masks], [encode_logits(logit) for logit in logits])


def describe_call(slot: str, component: RegisteredClass[Any], method: str) -> str:
    """Return the name of a component's method for errors, with the component's distribution."""
    return f"{slot} {component.name!r} ({component.distribution} {component.version}), {method}"


def clear_silent_masks(track: Track, phrase: Phrase, times: Sequence[float]) -> Track:
    """Return the track under a located phrase, its masks emptied at times in which the phrase is not heard."""
    if phrase.heard is None:
        return track.model_copy(update={"phrase": phrase})
    empty = encode_mask(np.zeros(track.rles[0].size, np.bool_)) if track.rles else None
    inside = [any(start <= time < end for start, end in phrase.heard) for time in times]
    rles = tuple(rle if on else empty for rle, on in zip(track.rles, inside, strict=True))
    return track.model_copy(update={"phrase": phrase, "rles": rles, "logits": ()})
