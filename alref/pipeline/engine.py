"""The orders in which components work. The only place that knows one; it names no plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from importlib import metadata
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from alref import output as output
from alref.audio.intervals import union
from alref.audio.loudness import silence
from alref.components.base import Locator, Stage
from alref.config import Choice, Configuration, read_yaml, resolve
from alref.errors import Blamed, MissingError
from alref.llm.messages import QuestionEvent
from alref.llm.usage import by_model
from alref.media.video import Video
from alref.models import cpu_tuning
from alref.pipeline import contracts, drift, stage_cache
from alref.pipeline.stage_cache import StageCache
from alref.pipeline.stage_runner import Steps, silenced, whose
from alref.pipeline.verdicts import verdict
from alref.plugins.manager import SLOTS, Plugins
from alref.records import Candidates, Decision, Phrase, PivotBox, PivotFrame, Reference, Track, Transcript, Verdict, objects
from alref.result import Result

VERSION = metadata.version("alref")
_QUESTIONS: ContextVar[list[QuestionEvent]] = ContextVar("questions of the run in this thread")


class Pipeline:
    """A configuration brought to life: components made, checked, loaded when first needed, and used for any number of videos.

    Use it as a context manager, or call ``close`` at the end. ``run`` may be called for several videos from several threads:
    each component works on one video at a time, unless it says that it may work on several.
    """

    def __init__(self, config: Configuration, plugins: Plugins) -> None:
        self.config = config
        self.plugins = plugins
        self._stages = _made(config.stages, config.run.device)
        for slot, choice in config.stages.items():
            component = choice.component
            self._stages[slot].bind(f"{component.distribution} {component.version}", self._tell)
        self._loaded: list[Stage] = []
        self._fit: set[Stage] = set()
        self._loading = Lock()
        self._identities: dict[Stage, list[Any]] = {}
        self._turns = {stage: Lock() for stage in self._stages.values()}

    @classmethod
    def from_yaml(cls, path: str | Path, **settings: Any) -> Self:
        """Make a pipeline from a YAML file; ``settings`` override it (``propagator="sam2"``). Raises ConfigError."""
        return cls.make(read_yaml(Path(path)), settings)

    @classmethod
    def make(cls, *layers: Mapping[str, Any], preset: str | None = None, plugins: Plugins | None = None) -> Self:
        """Make a pipeline from layers of settings over a preset, ``baseline`` by default. Raises ConfigError."""
        found = plugins or Plugins()
        return cls(resolve(found, layers, preset), found)

    def check(self, video: Video, references: Sequence[Reference]) -> None:
        """Find everything that would keep these references from being segmented, before any work.

        Raises InputError for a reference that does not fit the video, MissingError that lists every problem of every component
        that is needed, each with its dotted path and the next command; ContractError when a component cannot tell them.
        """
        contracts.references(references, video)
        needed = _needed(references)
        if self.config.run.tune and any("torch" in self._stages[slot].needs for slot in needed):
            cpu_tuning.tune()
        lines = []
        for stage in dict.fromkeys(self._stages[slot] for slot in needed if self._stages[slot] not in self._fit):
            slots = [slot for slot in needed if self._stages[slot] is stage]
            where = ", ".join(f"{slot}.{self.config.stages[slot].component.name}" for slot in slots)
            with Blamed(whose(slots[0], self.config.stages[slots[0]].component, "problems")):
                said = stage.problems()
                contracts.each_is(said, str)
            found = [f"{where}: {problem.replace('-o KIND.', f'-o {slots[0]}.')}" for problem in said]
            lines += found
            if not found:
                self._fit.add(stage)
        if lines:
            raise MissingError("\n".join(lines))

    def run(self, video: Video, references: Sequence[Reference], kept: StageCache | None = None) -> Result:
        """Segment all references of one video; outputs of stages are read from and written to ``kept``.

        Raises what ``check`` raises, and ContractError when a plugin breaks its contract.
        """
        self.check(video, references)
        questions: list[QuestionEvent] = []
        _QUESTIONS.set(questions)
        stages = self.config.stages
        steps = Steps(video, stages, self._ready, self._identity, self.plugins, kept or StageCache(), questions)
        result = _Pivot(steps, video, references).result(self.config.resolved())
        return result.model_copy(update={"usage": by_model(steps.usage)})

    def name_as(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Ask the locator for the word of a vocabulary that each name means, None where none does."""
        component = self.config.stages["locator"].component
        with Blamed(whose("locator", component, "name_as")), self._ready("locator") as locator:
            return locator.name_as(names, vocabulary) if isinstance(locator, Locator) else [None for _ in names]

    def close(self) -> None:
        """Close every component that was loaded."""
        while self._loaded:
            self._loaded.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _tell(self, hook: str, event: Any) -> None:
        """Pass on what a stage tells observers, and keep the questions of this run."""
        if isinstance(event, QuestionEvent):
            _QUESTIONS.get().append(event)
        self.plugins.notify(hook, event)

    def _identity(self, slot: str) -> list[Any]:
        """Say where a stage works and which files it reads; weights that are not here are fetched, to know which they are."""
        stage = self._stages[slot]
        with self._loading:
            if stage not in self._identities:
                places = [each.place() or each.fetch() for each in stage.weights()]
                self._identities[stage] = [stage.device, stage_cache.marks([*places, *stage.reads()])]
            return self._identities[stage]

    @contextmanager
    def _ready(self, slot: str) -> Iterator[Stage]:
        """Give the stage of a slot, loaded, to one video at a time or to all that ask."""
        stage = self._stages[slot]
        with self._loading:
            if stage not in self._loaded:
                stage.load()
                self._loaded.append(stage)
        with nullcontext() if stage.concurrent else self._turns[stage]:
            yield stage


def _needed(references: Sequence[Reference]) -> list[str]:
    """List the slots that references make use of, in the order of work."""
    asked = [each for each in references if not each.given]
    if not asked:
        return ["propagator"]
    sound, spoken = any(each.sound for each in asked), any(each.spoken for each in asked)
    return used(text=any(each.text.strip() for each in asked), sound=sound, spoken=spoken)


def used(*, text: bool, sound: bool, spoken: bool) -> list[str]:
    """List the slots that references of these kinds make use of."""
    unused = {"unifier": not (text or spoken), "transcriber": not spoken, "tagger": not sound, "locator": not sound}
    return [slot for slot in SLOTS if not unused.get(slot, False)]


def _made(choices: Mapping[str, Choice], device: str) -> dict[str, Stage]:
    """Make one stage for each slot; the same component with the same options is one object."""
    made: dict[tuple[type[Stage], str], Stage] = {}
    stages = {}
    for slot, choice in choices.items():
        identity = (choice.component.cls, choice.options.model_dump_json())
        if identity not in made:
            with Blamed(whose(slot, choice.component, "__init__")):
                made[identity] = choice.component.cls(choice.options, device)
        stages[slot] = made[identity]
    return stages


class _Pivot:
    """The order of AL-Ref-SAM 2 (arXiv 2408.15876): phrases, pivot frames, candidates, pivot boxes, masks."""

    def __init__(self, steps: Steps, video: Video, references: Sequence[Reference]) -> None:
        self.steps, self.video, self.references = steps, video, references
        self.asked = {each.id: each for each in references if not each.given}
        self.transcripts: list[Transcript] = []
        self.unheard: dict[str, Verdict] = {}

    def result(self, config: dict[str, Any]) -> Result:
        phrases = self._phrases()
        pivots = self._pivots(phrases)
        candidates = self._candidates(pivots)
        reasoned = self._boxes(candidates)
        boxes = [*reasoned, *(given_box(each) for each in self.references if each.given)]
        tracks = self._tracks(boxes)
        return Result(
            alref=VERSION,
            video=self.video.facts(),
            references=tuple(self.references),
            transcripts=tuple(self.transcripts),
            phrases=tuple(phrases),
            pivots=tuple(pivots),
            candidates=tuple(candidates),
            boxes=tuple(boxes),
            tracks=tuple(tracks),
            verdicts=tuple(
                verdict(each, phrases, pivots, boxes, tracks, self.unheard.get(each.id)) for each in self.references
            ),
            seconds=dict(self.steps.seconds),
            warnings=self._warnings(phrases),
            config=config,
        )

    def _warnings(self, phrases: list[Phrase]) -> tuple[str, ...]:
        of_phrases = [f"{phrase.text!r}: {warning}" for phrase in phrases for warning in phrase.warnings]
        return tuple(dict.fromkeys([*self.video.warnings, *of_phrases, *self.steps.warnings, *self.steps.plugins.warnings]))

    def _phrases(self) -> list[Phrase]:
        found: list[Phrase] = []
        for reference in self.asked.values():
            worded = self._worded(reference) if reference.spoken else reference
            if reference.id not in self.unheard:
                found += self._heard_of(worded) if worded.sound else self._unified(worded)
        return list(dict.fromkeys(found))

    def _worded(self, reference: Reference) -> Reference:
        """Return a spoken reference with its words for text."""
        check = partial(contracts.transcripts, ids=[reference.id])
        said = self.steps.call("transcriber", "transcribe", Transcript, check, reference)
        self.transcripts += said
        text = " ".join(each.text.strip() for each in said).strip()
        if not text:
            why = "no words are heard in the spoken reference"
            self.unheard[reference.id] = Verdict(reference=reference.id, finding="absent", why=why)
        return reference.model_copy(update={"text": text, "spoken": None})

    def _heard_of(self, reference: Reference) -> list[Phrase]:
        """Return the sounds of the video; beside a text they only accompany its phrases, by their names and seconds."""
        unheard = silence(self.video)
        if unheard:
            self.unheard[reference.id] = Verdict(reference=reference.id, finding="silent", why=unheard)
            return []
        check = partial(contracts.phrases, ids=[reference.id])
        tags = self.steps.call("tagger", "tag", Phrase, check, reference)
        if not reference.text.strip():
            return tags
        heard = {"sounds": tuple(dict.fromkeys(tag.text for tag in tags)), "heard": union(tag.heard for tag in tags) or None}
        return [phrase.model_copy(update=heard) for phrase in self._unified(reference)]

    def _unified(self, reference: Reference) -> list[Phrase]:
        check = partial(contracts.phrases, ids=[reference.id])
        return self.steps.call("unifier", "unify", Phrase, check, reference)

    def _pivots(self, phrases: list[Phrase]) -> list[PivotFrame]:
        if not phrases:
            return []
        check = partial(contracts.pivots, video=self.video, ids=list(self.asked))
        return self.steps.call("temporal", "pick_frames", PivotFrame, check, phrases)

    def _candidates(self, pivots: list[PivotFrame]) -> list[Candidates]:
        seen = [pivot for pivot in pivots if pivot.frame is not None and pivot.finding != "absent"]
        if not seen:
            return []
        asked = [bare(each) for each in seen]
        check = partial(contracts.candidates, asked=asked, video=self.video)
        proposed = self.steps.call("proposer", "propose", Candidates, check, asked)
        return [each.model_copy(update={"pivot": pivot}) for each, pivot in zip(proposed, seen, strict=True)]

    def _boxes(self, candidates: list[Candidates]) -> list[PivotBox]:
        choosable = [each for each in candidates if len(each)]
        answers: dict[PivotFrame, PivotBox] = {}
        if choosable:
            check = partial(contracts.boxes, asked=choosable, video=self.video)
            answered = self.steps.call("spatial", "pick_boxes", PivotBox, check, choosable)
            answers = {box.pivot: box for box in answered}
        return [answers.get(each.pivot) or unanswered(each) for each in candidates]

    def _tracks(self, boxes: list[PivotBox]) -> list[Track]:
        started = [box for box in boxes if box.xyxy is not None and box.finding != "absent"]
        if not started:
            return []
        asked = [bare(box).model_copy(update={"pivot": bare(box.pivot)}) for box in started]
        tracks = [flagged(track, started) for track in self.steps.propagate(asked)]
        heard = self._heard(objects(started))
        times = [float(time) for time in self.video.times]
        return [silenced(track, heard.get(track.phrase, track.phrase), times) for track in tracks]

    def _heard(self, phrases: list[Phrase]) -> dict[Phrase, Phrase]:
        """Ask when each phrase of a sound reference is heard, one reference at a time."""
        heard: dict[Phrase, Phrase] = {}
        for reference in self.asked.values():
            own = [phrase for phrase in phrases if phrase.reference == reference.id]
            if own and reference.sound:
                check: Callable[[list[Phrase]], None] = partial(contracts.located, asked=own)
                heard.update(zip(own, self.steps.call("locator", "locate", Phrase, check, reference, own), strict=True))
        return heard


Decided = TypeVar("Decided", bound=Decision)


def bare(decision: Decided) -> Decided:
    """Return a decision without the words for it: what follows depends on what was decided, and is shared where that agrees."""
    return decision.model_copy(update={"why": "", "raw": "", "source": "rule"})


def flagged(track: Track, boxes: Sequence[PivotBox]) -> Track:
    """Return a track with flags on the frames where it may have drifted."""
    pivots = [box.pivot.frame for box in boxes if box.pivot.phrase == track.phrase and box.pivot.frame is not None]
    return track.model_copy(update={"flags": drift.flags(track.rles, track.scores, pivots)})


def given_box(reference: Reference) -> PivotBox:
    """Return the pivot box of a reference that is itself a box or a mask."""
    phrase = Phrase(reference=reference.id, text=reference.text.strip() or reference.id)
    why = f"given as a {'box' if reference.mask is None else 'mask'}"
    pivot = PivotFrame(phrase=phrase, frame=reference.frame, why=why, source="user")
    box = reference.box
    if reference.mask is not None:
        rows, columns = np.nonzero(reference.mask)
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)
    return PivotBox(pivot=pivot, xyxy=box, score=1.0, mask=reference.mask, why=why, source="user")


def unanswered(candidates: Candidates) -> PivotBox:
    """Return the box of a pivot that got no answer: absent without candidates, else the best-scored one, marked a fallback."""
    pivot = candidates.pivot
    if not len(candidates):
        why = f"the proposer saw no {pivot.phrase.text!r} on frame {pivot.frame}"
        return PivotBox(pivot=pivot, finding="absent", why=why)
    return PivotBox(
        pivot=pivot,
        xyxy=candidates.xyxy[0],
        score=float(candidates.scores[0]),
        mask=None if candidates.masks is None else candidates.masks[0],
        why="the spatial reasoner gave no answer; the candidate with the best score was taken",
        source="fallback",
    )
