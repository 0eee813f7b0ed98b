"""The order that tracks first: phrases, nouns, all tracks of the nouns, choices in rounds, an audit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from alref.audio.intervals import merge_spans
from alref.pipeline import contracts, drift
from alref.pipeline.orders.base import VERSION, Order
from alref.pipeline.stage_runner import clear_silent_masks
from alref.pipeline.verdicts import make_track_verdict, make_verdict
from alref.records import Concept, ExistenceAudit, ObjectTrack, Phrase, Track, TrackCandidates, TrackChoice
from alref.result import Result

Found = dict[Phrase, list[ObjectTrack]]


class TracksOrder(Order):
    """The order of training-free systems of 2026: track every object of the right noun, then pick among the tracks.

    Language models name nouns and judge tracks, and never a single frame. Tracks of a noun are made once for all phrases.
    """

    slots = ("unifier", "tagger", "transcriber", "locator", "tracker", "selector")

    def build_result(self, config: dict[str, Any]) -> Result:
        """Call the stages and return the result; ``config`` is the resolved configuration that the result keeps."""
        phrases = self.collect_phrases()
        located = self.locate_phrases(phrases)
        phrases = list(dict.fromkeys(located.get(phrase, phrase) for phrase in phrases))
        concepts, found = self._find_tracks([phrase for phrase in phrases if phrase.heard != ()], config["attempts"])
        choices = self._pick_tracks(found, config["rounds"])
        accepted = {
            phrase: [track for track in tracks if get_choice(choices, phrase, track) == "accept"]
            for phrase, tracks in found.items()
        }
        audits = self._audit_existence(accepted) if config["audit"] else []
        absent = {audit.phrase for audit in audits if audit.finding == "absent"}
        boxes = self.make_prompt_boxes()
        picked = self._make_tracks({phrase: tracks for phrase, tracks in accepted.items() if phrase not in absent})
        tracks = [*picked, *self.propagate_boxes(boxes)]
        verdicts = [
            make_verdict(each, phrases, [], boxes, tracks)
            if each.has_prompt
            else make_track_verdict(each, phrases, concepts, choices, audits, tracks, self.early_verdicts.get(each.id))
            for each in self.references
        ]
        every = {(track.noun, track.id): track for tracks in found.values() for track in tracks}
        return Result(
            alref=VERSION,
            video=self.video.get_info(),
            references=tuple(self.references),
            transcripts=tuple(self.transcripts),
            phrases=tuple(phrases),
            boxes=tuple(boxes),
            concepts=tuple(concepts),
            object_tracks=tuple(every.values()),
            choices=tuple(choices),
            audits=tuple(audits),
            tracks=tuple(tracks),
            verdicts=tuple(verdicts),
            seconds=dict(self.runner.seconds),
            warnings=self.collect_warnings(phrases),
            config=config,
        )

    def _find_tracks(self, phrases: list[Phrase], attempts: int) -> tuple[list[Concept], Found]:
        """Return the concepts of phrases, and the tracks of the noun of which more is seen; others are fed back."""
        bank: dict[str, list[ObjectTrack]] = {}
        concepts: list[Concept] = []
        found: Found = {}
        waiting = phrases
        for attempt in range(1, attempts + 1):
            if not waiting:
                break
            failed = [concept for concept in concepts if concept.phrase in waiting]
            check: Callable[[list[Concept]], None] = partial(contracts.check_concepts, expected=waiting, failed=failed)
            named = self.runner.call_stage("selector", "name_concepts", Concept, check, waiting, failed)
            named = [concept.model_copy(update={"attempt": attempt}) for concept in named]
            searched = [concept for concept in named if concept.finding == "found"]
            self._extend_bank(bank, [noun for concept in searched for noun in concept.nouns])
            for concept in searched:
                best = max(concept.nouns, key=lambda noun: sum(len(track.frames) for track in bank[noun]))
                if bank[best]:
                    found[concept.phrase] = bank[best]
            concepts += named
            waiting = [concept.phrase for concept in searched if concept.phrase not in found]
        return concepts, found

    def _extend_bank(self, bank: dict[str, list[ObjectTrack]], nouns: Sequence[str]) -> None:
        """Track those nouns that the bank lacks."""
        if missing := [noun for noun in dict.fromkeys(nouns) if noun not in bank]:
            tracks = self.runner.track_nouns(missing)
            bank |= {noun: [track for track in tracks if track.noun == noun] for noun in missing}

    def _pick_tracks(self, found: Found, rounds: int) -> list[TrackChoice]:
        """Return the choices of all rounds; undecided tracks are asked about again, and decided after the last round."""
        heard = {phrase: [self._silence_track(track, phrase) for track in tracks] for phrase, tracks in found.items()}
        choices = [reject_unheard(phrase, track) for phrase, tracks in heard.items() for track in tracks if not track.frames]
        undecided = {phrase: [track for track in tracks if track.frames] for phrase, tracks in heard.items()}
        for number in range(1, rounds + 1):
            asked = [
                TrackCandidates(phrase=phrase, tracks=tuple(tracks), round=number)
                for phrase, tracks in undecided.items()
                if tracks
            ]
            if not asked:
                break
            check: Callable[[list[TrackChoice]], None] = partial(
                contracts.check_track_choices, expected=asked, video=self.video
            )
            answers = self.runner.call_stage("selector", "pick_tracks", TrackChoice, check, asked)
            nouns = [track.noun for each in asked for track in each.tracks]
            choices += [
                answer.model_copy(update={"noun": noun, "round": number}) for answer, noun in zip(answers, nouns, strict=True)
            ]
            undecided = {
                each.phrase: [track for track in each.tracks if get_choice(choices, each.phrase, track) == "uncertain"]
                for each in asked
            }
        return [*choices, *settle_undecided(undecided, choices, rounds)]

    def _silence_track(self, track: ObjectTrack, phrase: Phrase) -> ObjectTrack:
        """Return a track with empty masks where the phrase is not heard."""
        if phrase.heard is None:
            return track
        return track.model_copy(update={"rles": self._clear_masks(track, phrase).rles})

    def _clear_masks(self, track: ObjectTrack, phrase: Phrase) -> Track:
        whole = Track(phrase=phrase, rles=track.rles, scores=track.scores)
        return clear_silent_masks(whole, phrase, [float(time) for time in self.video.times])

    def _audit_existence(self, accepted: Found) -> list[ExistenceAudit]:
        asked = [
            TrackCandidates(phrase=phrase, tracks=tuple(self._silence_track(track, phrase) for track in tracks))
            for phrase, tracks in accepted.items()
            if tracks
        ]
        if not asked:
            return []
        check: Callable[[list[ExistenceAudit]], None] = partial(contracts.check_audits, expected=asked)
        return self.runner.call_stage("selector", "audit_existence", ExistenceAudit, check, asked)

    def _make_tracks(self, accepted: Found) -> list[Track]:
        """Return one track for each accepted object of a reference, also if several phrases mean it."""
        meant: dict[tuple[str, str, int], list[Phrase]] = {}
        objects: dict[tuple[str, str, int], ObjectTrack] = {}
        for phrase, tracks in accepted.items():
            for track in tracks:
                key = (phrase.reference, track.noun, track.id)
                meant.setdefault(key, []).append(phrase)
                objects[key] = track
        return [self._make_track(objects[key], phrases) for key, phrases in meant.items()]

    def _make_track(self, track: ObjectTrack, phrases: Sequence[Phrase]) -> Track:
        always = any(phrase.heard is None for phrase in phrases)
        heard = None if always else merge_spans(phrase.heard for phrase in phrases)
        made = self._clear_masks(track, phrases[0].model_copy(update={"heard": heard}))
        scores = [score if rle.area else -np.inf for score, rle in zip(track.scores, track.rles, strict=True)]
        flags = drift.flag_frames(made.rles, made.scores, [int(np.argmax(scores))])
        return made.model_copy(update={"flags": flags, "phrase": phrases[0]})


def get_choice(choices: Sequence[TrackChoice], phrase: Phrase, track: ObjectTrack) -> str:
    """Return the last choice about a track of a phrase."""
    made = [each for each in choices if (each.phrase, each.noun, each.track) == (phrase, track.noun, track.id)]
    return made[-1].choice if made else "uncertain"


def reject_unheard(phrase: Phrase, track: ObjectTrack) -> TrackChoice:
    """Return the choice about a track without a mask while the phrase is heard."""
    why = f"it is not in view while {phrase.text!r} is heard"
    return TrackChoice(phrase=phrase, noun=track.noun, track=track.id, choice="reject", why=why)


def settle_undecided(undecided: Found, choices: Sequence[TrackChoice], rounds: int) -> list[TrackChoice]:
    """Decide what is uncertain after the last round, visibly: doubt rejects a track only if another one was accepted.

    Without an accepted track, the best-scored undecided one is taken as a fallback, and the verdict is ambiguous.
    """
    settled = []
    for phrase, tracks in undecided.items():
        accepted = any(each.phrase == phrase and each.choice == "accept" for each in choices)
        for position, track in enumerate(sorted(tracks, key=lambda track: -track.score)):
            taken = not accepted and position == 0
            rest = "no track was accepted; the best-scored one was taken" if taken else "left out beside another track"
            settled.append(
                TrackChoice(
                    phrase=phrase,
                    noun=track.noun,
                    track=track.id,
                    choice="accept" if taken else "reject",
                    round=rounds,
                    finding="ambiguous" if taken else "found",
                    source="fallback" if taken else "rule",
                    why=f"still uncertain after round {rounds}; {rest}",
                )
            )
    return settled
