"""What the engine expects of an order, and what all orders do with references: words, sounds, speech, prompts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from typing import Any, ClassVar

from alref.audio.intervals import merge_spans
from alref.audio.loudness import explain_silence
from alref.components.base import PropagatorOptions
from alref.config import SlotConfiguration
from alref.media.video import Video
from alref.pipeline import contracts, drift, prompts
from alref.pipeline.stage_runner import StageRunner
from alref.records import Phrase, PivotBox, Reference, Track, Transcript, Verdict
from alref.result import Result

VERSION = metadata.version("alref")
Choices = Mapping[str, SlotConfiguration]


class Order(ABC):
    """One run over one video: calls the stages through ``runner`` and builds the result.

    ``slots`` are the slots that it uses, in the order of work.
    """

    slots: ClassVar[tuple[str, ...]]

    def __init__(self, runner: StageRunner, video: Video, references: Sequence[Reference]) -> None:
        self.runner, self.video, self.references = runner, video, references
        self.searched_references = {each.id: each for each in references if not each.has_prompt}
        self.transcripts: list[Transcript] = []
        self.early_verdicts: dict[str, Verdict] = {}

    @classmethod
    def list_slots(cls, choices: Choices, *, text: bool, sound: bool, spoken: bool) -> list[str]:
        """List the slots that references of these kinds use, and those that their components use, in the order of work."""
        unused = {"unifier": not (text or spoken), "transcriber": not spoken, "tagger": not sound, "locator": not sound}
        own = [slot for slot in cls.slots if not unused.get(slot, False)]
        used = [other for slot in own if slot in choices for other in (*choices[slot].component.cls.uses, slot)]
        return list(dict.fromkeys([*used, *own]))

    @classmethod
    def list_needed_slots(cls, choices: Choices, references: Sequence[Reference]) -> list[str]:
        """List the slots that these references use, in the order of work; a box or a mask needs no reasoning."""
        searched = [each for each in references if not each.has_prompt]
        given = ["propagator"] if len(searched) < len(references) else []
        if not searched:
            return given
        sound, spoken = any(each.sound for each in searched), any(each.spoken for each in searched)
        text = any(each.text.strip() for each in searched)
        return list(dict.fromkeys([*cls.list_slots(choices, text=text, sound=sound, spoken=spoken), *given]))

    @abstractmethod
    def build_result(self, config: dict[str, Any]) -> Result:
        """Call the stages and return the result; ``config`` is the resolved configuration that the result keeps."""

    def collect_warnings(self, phrases: list[Phrase]) -> tuple[str, ...]:
        """Return the warnings of the video, the phrases, the components and the plugins, each once."""
        of_phrases = [f"{phrase.text!r}: {warning}" for phrase in phrases for warning in phrase.warnings]
        return tuple(dict.fromkeys([*self.video.warnings, *of_phrases, *self.runner.warnings, *self.runner.plugins.warnings]))

    def collect_phrases(self) -> list[Phrase]:
        """Return the phrases of all references without a prompt."""
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

    def locate_phrases(self, phrases: list[Phrase]) -> dict[Phrase, Phrase]:
        """Ask when each phrase of a sound reference is heard, one reference at a time."""
        heard: dict[Phrase, Phrase] = {}
        for reference in self.searched_references.values():
            own = [phrase for phrase in phrases if phrase.reference == reference.id]
            if own and reference.sound:
                check: Callable[[list[Phrase]], None] = partial(contracts.check_located_phrases, expected=own)
                heard.update(zip(own, self.runner.call_stage("locator", "locate", Phrase, check, reference, own), strict=True))
        return heard

    def make_prompt_boxes(self) -> list[PivotBox]:
        """Return the pivot boxes of the prompts of all references."""
        return [box for each in self.references for box in prompts.make_prompt_boxes(each)]

    def propagate_boxes(self, boxes: list[PivotBox]) -> list[Track]:
        """Return the tracks of the pivot boxes that were found, with flags."""
        options = self.runner.choices["propagator"].options
        keeps_masks = isinstance(options, PropagatorOptions) and options.proposal_masks
        started = [
            box if keeps_masks or box.source == "user" else box.model_copy(update={"mask": None})
            for box in boxes
            if (box.xyxy is not None and box.finding != "absent") or (box.source == "user" and box.kinds)
        ]
        return [flag_track(track, started) for track in self.runner.propagate_tracks(started)] if started else []


def flag_track(track: Track, boxes: Sequence[PivotBox]) -> Track:
    """Return a track with flags on the frames where it may have drifted."""
    pivots = [box.pivot.frame for box in boxes if box.pivot.phrase == track.phrase and box.pivot.frame is not None]
    return track.model_copy(update={"flags": drift.flag_frames(track.rles, track.scores, pivots)})
