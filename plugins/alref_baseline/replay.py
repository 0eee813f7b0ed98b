"""The published answers of AL-Ref-SAM 2 as a reasoner."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from alref import Problem, Reasoner, StageOptions, TrackReasoner

if TYPE_CHECKING:
    from alref import Candidates, Concept, Phrase, PivotBox, PivotFrame, TrackCandidates, TrackChoice, Video
    from alref.llm.published_answers import PublishedAnswers, PublishedChoice


class ReplayReasonerOptions(StageOptions):
    """Options of replay."""

    answers: Path | None = Field(None, description="file written by: alref answers import")


class ReplayReasoner(Reasoner, TrackReasoner):
    """Replays the answers that the authors of AL-Ref-SAM 2 published for a clip, found by the name of the video.

    The recorded labels replace the phrases, and are the nouns that a tracker searches for.
    """

    name = "replay"
    Options = ReplayReasonerOptions
    options: ReplayReasonerOptions

    def problems(self) -> list[Problem]:
        """Return a problem if the file is not given or cannot be read."""
        if self.options.answers is None:
            hint = "alref answers import FOLDER FILE"
            return [Problem(option="answers", message="needs a file of answers", hint=hint, value="FILE")]
        from alref import InputError
        from alref.llm.published_answers import load_published_answers

        try:
            load_published_answers(self.options.answers)
        except InputError as error:
            return [Problem(option="answers", message=str(error))]
        return []

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return the recorded frames of each reference, one phrase per recorded label; absent if there is none.

        A label that is none of the phrases renames the surest one of its reference, which stays a sound or a text.
        """
        own: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            own.setdefault(phrase.reference, []).append(phrase)
        recorded = self._find_choices(video)
        if recorded:
            surest = [sorted(given, key=lambda phrase: -phrase.score) for given in own.values()]
            return [_make_pivot(video, choice, _find_phrase(choice, given)) for given in surest for choice in recorded]
        return [_make_absent_pivot(video, phrase, known=recorded is not None) for phrase in phrases]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Return the recorded candidate of each entry; without one, the only candidate, or the best one as a fallback."""
        boxes = {choice.label: choice.box for choice in self._find_choices(video) or ()}
        return [_make_pivot_box(each, boxes.get(each.pivot.phrase.text)) for each in candidates]

    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        """Return a recorded label as the noun of each phrase, absent where none is left; none after a label failed."""
        from alref_baseline.replay_tracks import name_recorded_concepts

        return [] if failed else name_recorded_concepts(video, phrases, self._find_choices(video))

    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        """Accept the track that the recorded frame and box name, and reject the others.

        All are uncertain if no label is recorded, or if none of them is seen on the recorded frame.
        """
        from alref_baseline.replay_tracks import pick_recorded_tracks

        recorded = self._find_choices(video) or ()
        return [choice for each in candidates for choice in pick_recorded_tracks(video, each, recorded)]

    @cached_property
    def _published(self) -> PublishedAnswers:
        from alref.llm.published_answers import load_published_answers

        assert self.options.answers is not None
        return load_published_answers(self.options.answers)

    def _find_choices(self, video: Video) -> tuple[PublishedChoice, ...] | None:
        clips = self._published.clips
        return clips.get(video.name, clips.get(Path(video.name).stem))


def _find_phrase(choice: PublishedChoice, phrases: list[Phrase]) -> Phrase:
    """Return the phrase of a label: the given phrase with this text, or the surest one under the new name."""
    same = [phrase for phrase in phrases if phrase.text == choice.label]
    return same[0] if same else phrases[0].model_copy(update={"text": choice.label, "category": choice.label})


def _make_pivot(video: Video, choice: PublishedChoice, phrase: Phrase) -> PivotFrame:
    from alref import PivotFrame

    if choice.frame < len(video):
        why = f"the recorded answer names {choice.label!r} on frame {choice.frame}"
        return PivotFrame(phrase=phrase, frame=choice.frame, why=why, source="replay")
    why = f"the recorded answer names frame {choice.frame}, but the video has {len(video)} frames; using the first frame"
    return PivotFrame(phrase=phrase, frame=0, why=why, source="fallback")


def _make_absent_pivot(video: Video, phrase: Phrase, known: bool) -> PivotFrame:
    from alref import PivotFrame

    if known:
        why = f"the answer recorded for {video.name!r} is empty"
        return PivotFrame(phrase=phrase, finding="absent", why=why, source="replay")
    why = f"no answer is recorded for {video.name!r}"
    return PivotFrame(phrase=phrase, finding="absent", why=why, source="fallback")


def _make_pivot_box(candidates: Candidates, recorded: int | None) -> PivotBox:
    from alref_baseline.rules import make_pivot_box

    count = len(candidates)
    if recorded is not None and recorded <= count:
        box, source = make_pivot_box(candidates, recorded - 1, f"the recorded answer names box {recorded} of {count}"), "replay"
    elif count == 1:
        box, source = make_pivot_box(candidates, 0, "the only candidate"), "rule"
    else:
        missing = "no box is recorded" if recorded is None else f"the recorded answer names box {recorded} of {count}"
        box, source = make_pivot_box(candidates, 0, f"{missing}; using the candidate with the highest score"), "fallback"
    return box.model_copy(update={"source": source})
