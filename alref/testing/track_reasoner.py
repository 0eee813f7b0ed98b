"""The contract of a track reasoner."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from alref.components.base import TrackReasoner
from alref.media.video import Video
from alref.pipeline import contracts
from alref.records import Concept, ExistenceAudit, ObjectTrack, Phrase, TrackCandidates, TrackChoice
from alref.testing.contract import Task, TrueMasks, expect_nothing
from alref.testing.diff import find_difference
from alref.testing.shapes import FrameContract, find_visible_frames
from alref.utils.masks import Mask, encode_mask


class TrackReasonerContract(FrameContract):
    """The contract of a track reasoner. Override ``make_component``."""

    def make_component(self) -> TrackReasoner:
        """Return the track reasoner to test."""
        raise NotImplementedError("return the track reasoner to test")

    def make_candidates(self, truth: TrueMasks) -> list[TrackCandidates]:
        """Return two tracks, the object and a corner that is seen half of the time, for each of two phrases."""
        masks = [np.asarray(truth[frame]) for frame in range(len(truth))]
        corners = np.zeros_like(masks)
        corners[len(masks) // 2 :, :8, :8] = True
        tracks = [self.make_track(1, masks), self.make_track(2, list(corners))]
        phrases = (self.phrase, self.other_phrase)
        return [TrackCandidates(phrase=phrase, tracks=tuple(each for each in tracks if each.frames)) for phrase in phrases]

    def make_track(self, number: int, masks: list[Mask]) -> ObjectTrack:
        """Return the track of an object, given its mask bool (H, W) on every frame."""
        scores = tuple(float(mask.any()) for mask in masks)
        rles = tuple(map(encode_mask, masks))
        return ObjectTrack(id=number, noun=self.category, score=1 - number / 10, rles=rles, scores=scores)

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return tasks that name nouns and pick tracks for two phrases, and audit them if the component audits."""
        phrases, candidates = [self.phrase, self.other_phrase], self.make_candidates(truth)
        tasks = [
            Task("name_concepts", (phrases, []), partial(_check_concepts, phrases=phrases, failed=[])),
            Task("pick_tracks", (candidates,), partial(_check_choices, candidates=candidates, video=video)),
        ]
        if type(self.make_component()).audit_existence is not TrackReasoner.audit_existence:
            tasks.append(Task("audit_existence", (candidates,), partial(_check_audits, candidates=candidates)))
        return [*super().build_tasks(video, truth), *tasks]

    def name_concepts(self, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        """Return the concepts of phrases, checked against the contract."""
        with self.load_component() as component:
            concepts: list[Concept] = component.name_concepts(self.make_video()[0], phrases, failed)
        _check_concepts(concepts, phrases, failed)
        return concepts

    def pick_tracks(self, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        """Return the choices about tracks of the test video, checked against the contract."""
        video = self.make_video()[0]
        with self.load_component() as component:
            choices: list[TrackChoice] = component.pick_tracks(video, candidates)
        _check_choices(choices, candidates, video)
        return choices

    def test_names_a_noun_for_each_phrase_and_says_why(self) -> None:
        """It names at most one noun for each phrase, in their order, and gives a reason.

        Return a ``Concept`` for each phrase with a text in ``why``, and none for a phrase of which no noun is known.
        """
        concepts = self.name_concepts([self.phrase, self.other_phrase], [])
        assert all(each.why for each in concepts), f"expected a text in why, got {[each.why for each in concepts]}"

    def test_names_no_noun_that_failed(self) -> None:
        """It does not name a noun again of which no track was found.

        Leave out the ``nouns`` of the concepts in ``failed`` of the same phrase; return no concept if no other noun is known.
        """
        failed: list[Concept] = []
        for _ in range(3):
            concepts = [each for each in self.name_concepts([self.phrase], failed) if each.finding == "found"]
            failed += concepts

    def test_chooses_for_each_track_in_order_and_says_why(self) -> None:
        """It accepts or rejects each track of each phrase, or is uncertain, in their order, and gives a reason.

        Return one ``TrackChoice`` per track with a text in ``why``. What an answer does not mention is uncertain.
        """
        choices = self.pick_tracks(self.make_candidates(self.make_video()[1]))
        assert all(each.why for each in choices), f"expected a text in why, got {[each.why for each in choices]}"

    @expect_nothing
    def test_answers_nothing_for_no_phrase_and_no_track(self) -> None:
        """It returns an empty list for no phrases, and for no tracks.

        Return early if there is nothing to do.
        """
        concepts, choices = self.name_concepts([], []), self.pick_tracks([])
        assert concepts == [], f"expected [] for no phrase, got {concepts!r}"
        assert choices == [], f"expected [] for no tracks, got {choices!r}"

    def test_phrases_are_decided_in_any_order(self) -> None:
        """The nouns and choices of a phrase do not depend on the order of the phrases.

        Handle each phrase independently.
        """
        candidates = self.make_candidates(self.make_video()[1])
        phrases = [each.phrase for each in candidates]
        for forwards, backwards in (
            (self.name_concepts(phrases, []), self.name_concepts(phrases[::-1], [])),
            (self.pick_tracks(candidates), self.pick_tracks(candidates[::-1])),
        ):
            ordered = [each for phrase in phrases for each in backwards if each.phrase == phrase]
            difference = find_difference(forwards, ordered)
            assert not difference, f"expected the same answers in another order of phrases, got {difference}"

    def test_takes_a_track_of_one_frame_and_one_pixel(self) -> None:
        """It works on a track that is seen on one frame only, as a single pixel.

        Check where a mask is cropped, shrunk or rounded to zero size, and where several frames are compared.
        """
        truth = self.make_video()[1]
        frame = find_visible_frames(truth)[0]
        masks = [np.zeros(np.asarray(truth[0]).shape, np.bool_) for _ in range(len(truth))]
        masks[frame][tuple(np.argwhere(np.asarray(truth[frame]))[0])] = True
        self.pick_tracks([TrackCandidates(phrase=self.phrase, tracks=(self.make_track(1, masks),))])

    def test_a_later_round_is_answered_like_the_first(self) -> None:
        """It answers about some of the tracks in a later round.

        Use the ids of the tracks as given: in later rounds, those that were decided are missing.
        """
        candidates = self.make_candidates(self.make_video()[1])
        self.pick_tracks([each.model_copy(update={"tracks": each.tracks[-1:], "round": 2}) for each in candidates])


def _check_concepts(output: Any, phrases: list[Phrase], failed: list[Concept]) -> None:
    contracts.check_list_of(output, Concept)
    contracts.check_concepts(output, phrases, failed)


def _check_choices(output: Any, candidates: list[TrackCandidates], video: Video) -> None:
    contracts.check_list_of(output, TrackChoice)
    contracts.check_track_choices(output, candidates, video)


def _check_audits(output: Any, candidates: list[TrackCandidates]) -> None:
    contracts.check_list_of(output, ExistenceAudit)
    contracts.check_audits(output, candidates)
