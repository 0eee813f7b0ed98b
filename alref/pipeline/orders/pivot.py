"""The pivot order: phrases, pivot frames, candidates, pivot boxes, masks."""

from __future__ import annotations

from functools import partial
from typing import Any

from alref.pipeline import contracts
from alref.pipeline.orders.base import VERSION, Order
from alref.pipeline.stage_runner import clear_silent_masks
from alref.pipeline.verdicts import make_verdict
from alref.records import Candidates, Finding, Phrase, PivotBox, PivotFrame, Track
from alref.result import Result


class PivotOrder(Order):
    """The order of AL-Ref-SAM 2 (arXiv 2408.15876)."""

    slots = ("unifier", "tagger", "transcriber", "locator", "temporal", "spatial", "proposer", "propagator")

    def build_result(self, config: dict[str, Any]) -> Result:
        """Call the stages and return the result; ``config`` is the resolved configuration that the result keeps."""
        phrases = self.collect_phrases()
        pivots = self._pick_pivots(phrases)
        candidates = self._propose_candidates(pivots)
        reasoned = self._pick_boxes(candidates)
        if config["fallback"] == "first-frame":
            proposed = self._propose_on_first_frame(phrases, pivots, reasoned)
            pivots, candidates = [*pivots, *(each.pivot for each in proposed)], [*candidates, *proposed]
            reasoned += [make_fallback_box(each) for each in proposed]
        boxes = [*reasoned, *self.make_prompt_boxes()]
        tracks = self._make_tracks(boxes)
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
            warnings=self.collect_warnings(phrases),
            config=config,
        )

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

    def _make_tracks(self, boxes: list[PivotBox]) -> list[Track]:
        """Return the tracks of boxes, their masks emptied where a phrase of a sound reference is not heard."""
        tracks = self.propagate_boxes(boxes)
        heard = self.locate_phrases([track.phrase for track in tracks])
        times = [float(time) for time in self.video.times]
        return [clear_silent_masks(track, heard.get(track.phrase, track.phrase), times) for track in tracks]


def identify_pivot(pivot: PivotFrame) -> tuple[Phrase, int | None, Finding]:
    """Return what was decided without the reasons: an output read from the cache may carry those of another run."""
    return pivot.phrase, pivot.frame, pivot.finding


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
