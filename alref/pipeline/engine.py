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
from alref.audio.intervals import merge_spans
from alref.audio.loudness import explain_silence
from alref.components.base import Locator, Stage
from alref.config import Configuration, SlotConfiguration, read_config_file, resolve_config
from alref.errors import MissingError, PluginErrorContext
from alref.llm.messages import QuestionEvent
from alref.llm.usage import group_by_model
from alref.media.video import Video
from alref.models import cpu_tuning
from alref.pipeline import contracts, drift, stage_cache
from alref.pipeline.stage_cache import StageCache
from alref.pipeline.stage_runner import StageRunner, clear_silent_masks, describe_call
from alref.pipeline.verdicts import make_verdict
from alref.plugins.manager import SLOTS, PluginManager
from alref.records import (
    Candidates,
    Decision,
    Phrase,
    PivotBox,
    PivotFrame,
    Reference,
    Track,
    Transcript,
    Verdict,
    list_object_phrases,
)
from alref.result import Result

VERSION = metadata.version("alref")
_QUESTIONS: ContextVar[list[QuestionEvent]] = ContextVar("questions of the run in this thread")


class Pipeline:
    """A configuration brought to life: components made, checked, loaded when first needed, and used for any number of videos.

    Use it as a context manager, or call ``close`` at the end. ``run`` may be called for several videos from several threads:
    each component works on one video at a time, unless it says that it may work on several.
    """

    def __init__(self, config: Configuration, plugins: PluginManager) -> None:
        self.config = config
        self.plugins = plugins
        self._stages = _make_stages(config.slots, config.run.device)
        for slot, choice in config.slots.items():
            component = choice.component
            self._stages[slot].bind(f"{component.distribution} {component.version}", self._handle_event)
        self._loaded: list[Stage] = []
        self._checked: set[Stage] = set()
        self._load_lock = Lock()
        self._identities: dict[Stage, list[Any]] = {}
        self._stage_locks = {stage: Lock() for stage in self._stages.values()}

    @classmethod
    def from_yaml(cls, path: str | Path, **settings: Any) -> Self:
        """Make a pipeline from a YAML file; ``settings`` override it (``propagator="sam2"``). Raises ConfigError."""
        return cls.from_layers(read_config_file(Path(path)), settings)

    @classmethod
    def from_layers(cls, *layers: Mapping[str, Any], preset: str | None = None, plugins: PluginManager | None = None) -> Self:
        """Make a pipeline from layers of settings over a preset, ``baseline`` by default. Raises ConfigError."""
        found = plugins or PluginManager()
        return cls(resolve_config(found, layers, preset), found)

    def check(self, video: Video, references: Sequence[Reference]) -> None:
        """Find everything that would keep these references from being segmented, before any work.

        Raises InputError for a reference that does not fit the video, MissingError that lists every problem of every component
        that is needed, each with its dotted path and the next command; ContractError when a component cannot tell them.
        """
        contracts.check_references(references, video)
        needed = _list_needed_slots(references)
        if self.config.run.tune and any("torch" in self._stages[slot].needs for slot in needed):
            cpu_tuning.apply_settings()
        lines = []
        for stage in dict.fromkeys(self._stages[slot] for slot in needed if self._stages[slot] not in self._checked):
            slots = [slot for slot in needed if self._stages[slot] is stage]
            where = ", ".join(f"{slot}.{self.config.slots[slot].component.name}" for slot in slots)
            with PluginErrorContext(describe_call(slots[0], self.config.slots[slots[0]].component, "problems")):
                said = stage.problems()
                contracts.check_list_of(said, str)
            found = [f"{where}: {problem.replace('-o KIND.', f'-o {slots[0]}.')}" for problem in said]
            lines += found
            if not found:
                self._checked.add(stage)
        if lines:
            raise MissingError("\n".join(lines))

    def run(self, video: Video, references: Sequence[Reference], output_cache: StageCache | None = None) -> Result:
        """Segment all references of one video; outputs of stages are read from and written to ``kept``.

        Raises what ``check`` raises, and ContractError when a plugin breaks its contract.
        """
        self.check(video, references)
        questions: list[QuestionEvent] = []
        _QUESTIONS.set(questions)
        stages = self.config.slots
        steps = StageRunner(
            video, stages, self._reserve_stage, self._get_identity, self.plugins, output_cache or StageCache(), questions
        )
        result = _PivotOrder(steps, video, references).build_result(self.config.to_dict())
        return result.model_copy(update={"usage": group_by_model(steps.usage)})

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Ask the locator for the word of a vocabulary that each name means, None where none does."""
        component = self.config.slots["locator"].component
        with PluginErrorContext(describe_call("locator", component, "match_names")), self._reserve_stage("locator") as locator:
            return locator.match_names(names, vocabulary) if isinstance(locator, Locator) else [None for _ in names]

    def close(self) -> None:
        """Close every component that was loaded."""
        while self._loaded:
            self._loaded.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _handle_event(self, hook: str, event: Any) -> None:
        """Pass on what a stage tells observers, and keep the questions of this run."""
        if isinstance(event, QuestionEvent):
            _QUESTIONS.get().append(event)
        self.plugins.notify_observers(hook, event)

    def _get_identity(self, slot: str) -> list[Any]:
        """Say where a stage works and which files it reads; weights that are not here are fetched, to know which they are."""
        stage = self._stages[slot]
        with self._load_lock:
            if stage not in self._identities:
                places = [each.find_complete_path() or each.fetch_files() for each in stage.weights()]
                self._identities[stage] = [stage.device, stage_cache.file_fingerprints([*places, *stage.list_input_files()])]
            return self._identities[stage]

    @contextmanager
    def _reserve_stage(self, slot: str) -> Iterator[Stage]:
        """Give the stage of a slot, loaded, to one video at a time or to all that ask."""
        stage = self._stages[slot]
        with self._load_lock:
            if stage not in self._loaded:
                stage.load()
                self._loaded.append(stage)
        with nullcontext() if stage.concurrent else self._stage_locks[stage]:
            yield stage


def _list_needed_slots(references: Sequence[Reference]) -> list[str]:
    """List the slots that references make use of, in the order of work."""
    asked = [each for each in references if not each.has_prompt]
    if not asked:
        return ["propagator"]
    sound, spoken = any(each.sound for each in asked), any(each.spoken for each in asked)
    return list_used_slots(text=any(each.text.strip() for each in asked), sound=sound, spoken=spoken)


def list_used_slots(*, text: bool, sound: bool, spoken: bool) -> list[str]:
    """List the slots that references of these kinds make use of."""
    unused = {"unifier": not (text or spoken), "transcriber": not spoken, "tagger": not sound, "locator": not sound}
    return [slot for slot in SLOTS if not unused.get(slot, False)]


def _make_stages(choices: Mapping[str, SlotConfiguration], device: str) -> dict[str, Stage]:
    """Make one stage for each slot; the same component with the same options is one object."""
    made: dict[tuple[type[Stage], str], Stage] = {}
    stages = {}
    for slot, choice in choices.items():
        identity = (choice.component.cls, choice.options.model_dump_json())
        if identity not in made:
            with PluginErrorContext(describe_call(slot, choice.component, "__init__")):
                made[identity] = choice.component.cls(choice.options, device)
        stages[slot] = made[identity]
    return stages


class _PivotOrder:
    """The order of AL-Ref-SAM 2 (arXiv 2408.15876): phrases, pivot frames, candidates, pivot boxes, masks."""

    def __init__(self, runner: StageRunner, video: Video, references: Sequence[Reference]) -> None:
        self.runner, self.video, self.references = runner, video, references
        self.searched_references = {each.id: each for each in references if not each.has_prompt}
        self.transcripts: list[Transcript] = []
        self.early_verdicts: dict[str, Verdict] = {}

    def build_result(self, config: dict[str, Any]) -> Result:
        phrases = self._collect_phrases()
        pivots = self._pick_pivots(phrases)
        candidates = self._propose_candidates(pivots)
        reasoned = self._pick_boxes(candidates)
        boxes = [*reasoned, *(make_prompt_box(each) for each in self.references if each.has_prompt)]
        tracks = self._propagate_boxes(boxes)
        return Result(
            alref=VERSION,
            video=self.video.get_info(),
            references=tuple(self.references),
            transcripts=tuple(self.transcripts),
            phrases=tuple(phrases),
            pivots=tuple(pivots),
            candidates=tuple(candidates),
            boxes=tuple(boxes),
            tracks=tuple(tracks),
            verdicts=tuple(
                make_verdict(each, phrases, pivots, boxes, tracks, self.early_verdicts.get(each.id)) for each in self.references
            ),
            seconds=dict(self.runner.seconds),
            warnings=self._collect_warnings(phrases),
            config=config,
        )

    def _collect_warnings(self, phrases: list[Phrase]) -> tuple[str, ...]:
        of_phrases = [f"{phrase.text!r}: {warning}" for phrase in phrases for warning in phrase.warnings]
        return tuple(dict.fromkeys([*self.video.warnings, *of_phrases, *self.runner.warnings, *self.runner.plugins.warnings]))

    def _collect_phrases(self) -> list[Phrase]:
        found: list[Phrase] = []
        for reference in self.searched_references.values():
            worded = self._transcribe_reference(reference) if reference.spoken else reference
            if reference.id not in self.early_verdicts:
                found += self._tag_reference(worded) if worded.sound else self._unify_reference(worded)
        return list(dict.fromkeys(found))

    def _transcribe_reference(self, reference: Reference) -> Reference:
        """Return a spoken reference with its words for text."""
        check = partial(contracts.check_transcripts, ids=[reference.id])
        said = self.runner.call_stage("transcriber", "transcribe", Transcript, check, reference)
        self.transcripts += said
        text = " ".join(each.text.strip() for each in said).strip()
        if not text:
            why = "no words are heard in the spoken reference"
            self.early_verdicts[reference.id] = Verdict(reference=reference.id, finding="absent", why=why)
        return reference.model_copy(update={"text": text, "spoken": None})

    def _tag_reference(self, reference: Reference) -> list[Phrase]:
        """Return the sounds of the video; beside a text they only accompany its phrases, by their names and seconds."""
        unheard = explain_silence(self.video)
        if unheard:
            self.early_verdicts[reference.id] = Verdict(reference=reference.id, finding="silent", why=unheard)
            return []
        check = partial(contracts.check_phrases, ids=[reference.id])
        tags = self.runner.call_stage("tagger", "tag", Phrase, check, reference)
        if not reference.text.strip():
            return tags
        heard = {
            "sounds": tuple(dict.fromkeys(tag.text for tag in tags)),
            "heard": merge_spans(tag.heard for tag in tags) or None,
        }
        return [phrase.model_copy(update=heard) for phrase in self._unify_reference(reference)]

    def _unify_reference(self, reference: Reference) -> list[Phrase]:
        check = partial(contracts.check_phrases, ids=[reference.id])
        return self.runner.call_stage("unifier", "unify", Phrase, check, reference)

    def _pick_pivots(self, phrases: list[Phrase]) -> list[PivotFrame]:
        if not phrases:
            return []
        check = partial(contracts.check_pivots, video=self.video, ids=list(self.searched_references))
        return self.runner.call_stage("temporal", "pick_frames", PivotFrame, check, phrases)

    def _propose_candidates(self, pivots: list[PivotFrame]) -> list[Candidates]:
        seen = [pivot for pivot in pivots if pivot.frame is not None and pivot.finding != "absent"]
        if not seen:
            return []
        asked = [without_provenance(each) for each in seen]
        check = partial(contracts.check_candidates, expected=asked, video=self.video)
        proposed = self.runner.call_stage("proposer", "propose", Candidates, check, asked)
        return [each.model_copy(update={"pivot": pivot}) for each, pivot in zip(proposed, seen, strict=True)]

    def _pick_boxes(self, candidates: list[Candidates]) -> list[PivotBox]:
        choosable = [each for each in candidates if len(each)]
        answers: dict[PivotFrame, PivotBox] = {}
        if choosable:
            check = partial(contracts.check_boxes, expected=choosable, video=self.video)
            answered = self.runner.call_stage("spatial", "pick_boxes", PivotBox, check, choosable)
            answers = {box.pivot: box for box in answered}
        return [answers.get(each.pivot) or make_fallback_box(each) for each in candidates]

    def _propagate_boxes(self, boxes: list[PivotBox]) -> list[Track]:
        started = [box for box in boxes if box.xyxy is not None and box.finding != "absent"]
        if not started:
            return []
        asked = [without_provenance(box).model_copy(update={"pivot": without_provenance(box.pivot)}) for box in started]
        tracks = [flag_track(track, started) for track in self.runner.propagate_tracks(asked)]
        heard = self._locate_phrases(list_object_phrases(started))
        times = [float(time) for time in self.video.times]
        return [clear_silent_masks(track, heard.get(track.phrase, track.phrase), times) for track in tracks]

    def _locate_phrases(self, phrases: list[Phrase]) -> dict[Phrase, Phrase]:
        """Ask when each phrase of a sound reference is heard, one reference at a time."""
        heard: dict[Phrase, Phrase] = {}
        for reference in self.searched_references.values():
            own = [phrase for phrase in phrases if phrase.reference == reference.id]
            if own and reference.sound:
                check: Callable[[list[Phrase]], None] = partial(contracts.check_located_phrases, expected=own)
                heard.update(zip(own, self.runner.call_stage("locator", "locate", Phrase, check, reference, own), strict=True))
        return heard


AnyDecision = TypeVar("AnyDecision", bound=Decision)


def without_provenance(decision: AnyDecision) -> AnyDecision:
    """Return a decision without the words for it: what follows depends on what was decided, and is shared where that agrees."""
    return decision.model_copy(update={"why": "", "raw": "", "source": "rule"})


def flag_track(track: Track, boxes: Sequence[PivotBox]) -> Track:
    """Return a track with flags on the frames where it may have drifted."""
    pivots = [box.pivot.frame for box in boxes if box.pivot.phrase == track.phrase and box.pivot.frame is not None]
    return track.model_copy(update={"flags": drift.flag_frames(track.rles, track.scores, pivots)})


def make_prompt_box(reference: Reference) -> PivotBox:
    """Return the pivot box of a reference that is itself a box or a mask."""
    phrase = Phrase(reference=reference.id, text=reference.text.strip() or reference.id)
    why = f"given as a {'box' if reference.mask is None else 'mask'}"
    pivot = PivotFrame(phrase=phrase, frame=reference.frame, why=why, source="user")
    box = reference.box
    if reference.mask is not None:
        rows, columns = np.nonzero(reference.mask)
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)
    return PivotBox(pivot=pivot, xyxy=box, score=1.0, mask=reference.mask, why=why, source="user")


def make_fallback_box(candidates: Candidates) -> PivotBox:
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
