"""The published answers as answers about tracks: labels are nouns, frames and boxes choose among their tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alref.llm.published_answers import PublishedAnswers, PublishedChoice
from alref.media.video import Video
from alref.records import ObjectTrack, Phrase, TrackCandidates
from alref.testing import ArrayVideo, TrackReasonerContract
from alref.testing.contract import TrueMasks
from alref.utils.masks import encode_mask
from alref_baseline.replay import ReplayReasoner, ReplayReasonerOptions

FRAMES = 6


def make_video(name: str = "clip") -> ArrayVideo:
    video = ArrayVideo(np.zeros((FRAMES, 32, 48, 3), np.uint8))
    video.name = name
    return video


def make_reasoner(folder: Path, **clips: tuple[tuple[str, int, int | None], ...]) -> ReplayReasoner:
    """Return the reasoner with recorded answers: a label, a frame and a box for each clip."""
    known = {
        clip: tuple(PublishedChoice(label=label, frame=frame, box=box) for label, frame, box in choices)
        for clip, choices in clips.items()
    }
    (folder / "answers.json").write_text(PublishedAnswers(clips=known).model_dump_json())
    return ReplayReasoner(ReplayReasonerOptions(answers=folder / "answers.json"))


def make_tracks(noun: str, *seen: range) -> TrackCandidates:
    """Return one track for each range of frames, best first."""
    mask = np.ones((32, 48), bool)
    tracks = [
        ObjectTrack(
            id=number,
            noun=noun,
            score=1 - number / 10,
            rles=tuple(encode_mask(mask & (frame in frames)) for frame in range(FRAMES)),
            scores=(1.0,) * FRAMES,
        )
        for number, frames in enumerate(seen, 1)
    ]
    return TrackCandidates(phrase=Phrase(reference="1", text="a sound", sound=True), tracks=tuple(tracks))


def test_labels_are_the_nouns_of_phrases(tmp_path: Path) -> None:
    phrases = [
        Phrase(reference="1", text="wind", score=0.2),
        Phrase(reference="1", text="cat", score=0.1),
        Phrase(reference="1", text="hum", score=0.9),
    ]
    reasoner = make_reasoner(tmp_path, clip=(("cat", 1, None), ("lawn mower", 2, 1)), silent=())
    named = reasoner.name_concepts(make_video(), phrases, [])
    assert [(each.finding, each.source) for each in named] == [("absent", "replay"), ("found", "replay"), ("found", "replay")]
    assert [each.noun for each in named[1:]] == ["cat", "lawn mower"]
    assert reasoner.name_concepts(make_video(), phrases, [named[1]]) == []
    for name, source in (("silent", "replay"), ("other", "fallback")):
        found = reasoner.name_concepts(make_video(name), phrases, [])
        assert {(each.finding, each.source) for each in found} == {("absent", source)}


ALWAYS, EARLY, LATE = range(FRAMES), range(2), range(4, FRAMES)
PICKED: dict[str, tuple[tuple[str, int, int | None], tuple[range, ...], list[str], str]] = {
    "the only one": (("cat", 1, None), (ALWAYS,), ["accept"], "replay"),
    "the only one that is seen": (("cat", 5, None), (EARLY, LATE), ["reject", "accept"], "replay"),
    "the recorded box": (("cat", 1, 2), (ALWAYS, ALWAYS, LATE), ["reject", "accept", "reject"], "replay"),
    "a box counts what is seen": (("Cat", 5, 2), (EARLY, ALWAYS, LATE), ["reject", "reject", "accept"], "replay"),
    "several without a box": (("cat", 1, None), (ALWAYS, ALWAYS), ["accept", "reject"], "fallback"),
    "a box that does not exist": (("cat", 1, 3), (ALWAYS, ALWAYS), ["accept", "reject"], "fallback"),
    "a frame that does not exist": (("cat", 90, None), (ALWAYS,), ["accept"], "fallback"),
    "none is seen": (("cat", 5, 1), (EARLY, EARLY), ["uncertain", "uncertain"], "fallback"),
    "another label": (("dog", 1, 1), (ALWAYS,), ["uncertain"], "fallback"),
}


@pytest.mark.parametrize(("recorded", "seen", "choices", "source"), PICKED.values(), ids=PICKED)
def test_the_recorded_frame_and_box_choose_a_track(
    tmp_path: Path, recorded: tuple[str, int, int | None], seen: tuple[range, ...], choices: list[str], source: str
) -> None:
    made = make_reasoner(tmp_path, clip=(recorded,)).pick_tracks(make_video(), [make_tracks("cat", *seen)])
    assert [each.choice for each in made] == choices
    assert {each.source for each in made} == {source}


class TestReplayTracks(TrackReasonerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_component(self) -> ReplayReasoner:
        return make_reasoner(self.folder, clip=((self.category, 1, 1),))

    def make_video(self) -> tuple[Video, TrueMasks]:
        video, truth = super().make_video()
        video.name = "clip"
        return video, truth
