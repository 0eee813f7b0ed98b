"""The pivot order: phrases, pivot frames, candidates, pivot boxes, masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata
from typing import Any

from alref.audio.intervals import merge_spans
from alref.audio.loudness import explain_silence
from alref.components.base import PropagatorOptions
from alref.media.video import Video
from alref.pipeline import contracts, drift
from alref.pipeline.orders.base import Order
from alref.pipeline.stage_runner import StageRunner, clear_silent_masks
from alref.pipeline.verdicts import make_verdict
from alref.plugins.manager import SLOTS
from alref.records import (
    Candidates,
    Finding,
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
from alref.utils.masks import compute_box

VERSION = metadata.version("alref")


class PivotOrder(Order):
    """The order of AL-Ref-SAM 2 (arXiv 2408.15876)."""

    def __init__(self, runner: StageRunner, video: Video, references: Sequence[Reference]) -> None:
        super().__init__(runner, video, references)
        self.searched_references = {each.id: each for each in references if not each.has_prompt}
        self.transcripts: list[Transcript] = []
        self.early_verdicts: dict[str, Verdict] = {}

    @classmethod
    def list_slots(cls, *, text: bool, sound: bool, spoken: bool) -> list[str]:
        """List the slots that references of these kinds use, in the order of work."""
        unused = {"unifier": not (text or spoken), "transcriber": not spoken, "tagger": not sound, "locator": not sound}
        return [slot for slot in SLOTS if not unused.get(slot, False)]

    @classmethod
    def list_needed_slots(cls, references: Sequence[Reference]) -> list[str]:
        """List the slots that these references use, in the order of work; a box or a mask needs no reasoning."""
        searched = [each for each in references if not each.has_prompt]
        if not searched:
            return ["propagator"]
        sound, spoken = any(each.sound for each in searched), any(each.spoken for each in searched)
        return cls.list_slots(text=any(each.text.strip() for each in searched), sound=sound, spoken=spoken)

    def build_result(self, config: dict[str, Any]) -> Result:
        """Call the stages and return the result; ``config`` is the resolved configuration that the result keeps."""
        phrases = self._collect_phrases()
        pivots = self._pick_pivots(phrases)
        candidates = self._propose_candidates(pivots)
        reasoned = self._pick_boxes(candidates)
        if config["fallback"] == "first-frame":
            proposed = self._propose_on_first_frame(phrases, pivots, reasoned)
            pivots, candidates = [*pivots, *(each.pivot for each in proposed)], [*candidates, *proposed]
            reasoned += [make_fallback_box(each) for each in proposed]
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
        check = partial(contracts.check_candidates, expected=seen, video=self.video)
        proposed = self.runner.call_stage("proposer", "propose", Candidates, check, seen)
        return [each.model_copy(update={"pivot": pivot}) for each, pivot in zip(proposed, seen, strict=True)]

    def _pick_boxes(self, candidates: list[Candidates]) -> list[PivotBox]:
        choosable = [each for each in candidates if len(each)]
        answers: dict[object, PivotBox] = {}
        if choosable:
            check = partial(contracts.check_boxes, expected=choosable, video=self.video)
            boxes = self.runner.call_stage("spatial", "pick_boxes", PivotBox, check, choosable)
            answers = {identify_pivot(box.pivot): box for box in boxes}
        found = ((each, answers.get(identify_pivot(each.pivot))) for each in candidates)
        return [box.model_copy(update={"pivot": each.pivot}) if box else make_fallback_box(each) for each, box in found]

    def _propose_on_first_frame(
        self, phrases: list[Phrase], pivots: list[PivotFrame], boxes: list[PivotBox]
    ) -> list[Candidates]:
        """Propose on the first frame for each phrase of a text that has no box yet."""
        found = {box.pivot.phrase for box in boxes if box.xyxy is not None and box.finding != "absent"}
        answered = {pivot.phrase.reference for pivot in pivots}
        left_out = [phrase for phrase in phrases if phrase.reference not in answered]
        asked = dict.fromkeys([*(pivot.phrase for pivot in pivots), *left_out])
        why = "no box was found; the best one of the first frame was taken"
        starts = [
            PivotFrame(phrase=phrase, frame=0, why=why, source="fallback")
            for phrase in asked
            if not phrase.sound and phrase not in found
        ]
        if not starts:
            return []
        check = partial(contracts.check_candidates, expected=starts, video=self.video)
        proposed = self.runner.call_stage("proposer", "propose_best", Candidates, check, starts)
        return [each.model_copy(update={"pivot": pivot}) for each, pivot in zip(proposed, starts, strict=True)]

    def _propagate_boxes(self, boxes: list[PivotBox]) -> list[Track]:
        options = self.runner.choices["propagator"].options
        keeps_masks = isinstance(options, PropagatorOptions) and options.proposal_masks
        started = [
            box if keeps_masks or box.source == "user" else box.model_copy(update={"mask": None})
            for box in boxes
            if box.xyxy is not None and box.finding != "absent"
        ]
        if not started:
            return []
        tracks = [flag_track(track, started) for track in self.runner.propagate_tracks(started)]
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


def identify_pivot(pivot: PivotFrame) -> tuple[Phrase, int | None, Finding]:
    """Return what was decided without the reasons: an output read from the cache may carry those of another run."""
    return pivot.phrase, pivot.frame, pivot.finding


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
        box = compute_box(reference.mask)
    return PivotBox(pivot=pivot, xyxy=box, score=1.0, mask=reference.mask, why=why, source="user")


def make_fallback_box(candidates: Candidates) -> PivotBox:
    """Return the box of a pivot without an answer: absent without candidates, else the best-scored one, marked a fallback."""
    pivot = candidates.pivot
    if not len(candidates):
        why = f"the proposer saw no {pivot.phrase.text!r} on frame {pivot.frame}"
        return PivotBox(pivot=pivot, finding="absent", why=why)
    return PivotBox(
        pivot=pivot,
        xyxy=candidates.xyxy[0],
        score=float(candidates.scores[0]),
        mask=None if candidates.masks is None else candidates.masks[0],
        why="the spatial reasoner was not asked or gave no answer; the candidate with the best score was taken",
        source="fallback",
    )
