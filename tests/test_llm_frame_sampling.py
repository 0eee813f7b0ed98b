"""Which frames a model is shown: few of a long video, closer ones around its answer, chunks as published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alref.llm import frame_sampling
from alref.media.video import Frame, Video
from alref.records import Audio, Candidates, Phrase, PivotFrame
from alref.testing import SQUARE, ArrayVideo
from support.scripted_llm import ScriptedChat

Make = Callable[..., ScriptedChat]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a scripted model with the answers kept in one file."""
    return lambda answers, **options: ScriptedChat.saying(answers, tmp_path / "answers.sqlite", **options)


def phrases(count: int) -> list[Phrase]:
    return [Phrase(reference=str(number), text=f"thing {number}") for number in range(count)]


class Long(Video):
    """A gray video of any length, 25 frames a second, that counts what is read of it."""

    def __init__(self, seconds: float) -> None:
        self.name, self.path, self.fps = "long", None, 25.0
        self.height, self.width = 24, 32
        self.times = np.arange(int(seconds * 25)) / 25
        self.read: list[int] = []

    def read_frame(self, index: int) -> Frame:
        self._check_index(index)
        self.read.append(index)
        return np.full((24, 32, 3), index % 200, np.uint8)

    def read_audio(self, rate: int) -> Audio | None:
        return None

    @property
    def fingerprint(self) -> str:
        return f"{len(self):032x}"


@pytest.mark.parametrize(("seconds", "count"), [(1, 1), (17, 1), (30, 2), (120, 3), (1200, 3), (7200, 3)])
def test_a_long_video_takes_no_more_questions_than_a_shorter_one(make: Make, seconds: int, count: int) -> None:
    chat, video = make(["[5]"]), Long(seconds)
    chat.pick_frames(video, [SQUARE])
    assert len(chat.questions) == count
    assert len(video.read) <= 9 * count


@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_more_questions_are_asked_than_allowed(make: Make, most: int) -> None:
    chat = make(["[5]"], max_questions=most)
    chat.pick_frames(Long(7200), [SQUARE])
    assert len(chat.questions) == min(most, 5)


def test_each_further_question_looks_closer_around_the_answer(make: Make) -> None:
    video = Long(1200)
    chat = make(["[7]", "[2]", "[4]"])
    (pivot,) = chat.pick_frames(video, [SQUARE])
    coarse, finer, finest = (sorted(video.read[9 * part : 9 * part + 9]) for part in range(3))
    assert coarse[0] < 0.06 * len(video)
    assert coarse[-1] > 0.94 * len(video)
    assert coarse[5] < finer[0] < finer[-1] < coarse[7]
    assert coarse[6] in finer
    assert finer[0] < finest[0] < finest[-1] < finer[2]
    assert pivot.frame == finest[3]


def test_what_a_long_video_did_not_show_is_looked_for_between(make: Make) -> None:
    video = Long(600)
    chat = make(["[-1]", "[3]", "[1]"])
    (pivot,) = chat.pick_frames(video, [SQUARE])
    first, second = video.read[:9], video.read[9:17]
    assert all(left < between < right for left, between, right in zip(first, second, first[1:], strict=False))
    assert (pivot.finding, pivot.source) == ("found", "model")


def test_what_no_question_showed_is_absent_and_no_frame_is_shown_twice(make: Make) -> None:
    video = Long(600)
    chat = make(["[-1]"])
    (pivot,) = chat.pick_frames(video, [SQUARE])
    assert (pivot.finding, len(chat.questions)) == ("absent", 3)
    assert len(set(video.read)) == len(video.read)


@pytest.mark.parametrize("closer", ["[-1]", "no idea", "[99]"])
def test_a_closer_look_that_fails_keeps_what_was_found(make: Make, closer: str) -> None:
    video = Long(600)
    (pivot,) = make(["[4]", closer]).pick_frames(video, [SQUARE])
    assert (pivot.frame, pivot.source) == (video.read[3], "model")


@pytest.mark.parametrize("total", [1, 2, 9, 50, 51, 999])
@pytest.mark.parametrize("count", [1, 5, 9, 64])
def test_uniform_frames_are_distinct_ordered_and_cover_the_video(total: int, count: int) -> None:
    frames = frame_sampling.sample_uniform(0, total, count)
    assert len(frames) == min(total, count) == len(set(frames))
    assert frames == sorted(frames)
    assert frames[0] >= 0
    assert frames[-1] < total
    gaps = np.diff([-frames[0] - 1, *frames, 2 * total - frames[-1]])
    assert gaps.max() - gaps.min() <= 3


@pytest.mark.parametrize(
    ("total", "chunks"),
    [
        (100, [[0, 10, 20, 30, 40], [50, 60, 70, 80, 90]]),
        (61, [[0, 10, 20, 30, 40], [50, 60]]),
        (60, [[0, 10, 20, 30, 40]]),
        (11, [[0, 10]]),
        (10, [[1, 3, 5, 7, 9]]),
        (1, [[0]]),
    ],
)
def test_published_chunks(total: int, chunks: list[list[int]]) -> None:
    assert frame_sampling.split_into_chunks(total) == chunks


def test_published_chunks_give_each_a_pivot_but_the_absent_ones(make: Make) -> None:
    answers = iter(["[2]", "[-1]", "hm", "[5]", "hm"])
    chat = make(lambda question: next(answers), sampler="paper", layout="paper", prompts="paper", concurrency=1)
    pivots = chat.pick_frames(Long(8), [SQUARE])
    assert [pivot.frame for pivot in pivots] == [10, 190]


def test_published_chunks_that_show_nothing_are_absent_once(make: Make) -> None:
    pivots = make(["[-1]"], sampler="paper").pick_frames(Long(8), [SQUARE])
    assert [pivot.finding for pivot in pivots] == ["absent"]


def test_context_holds_the_pivot_and_stays_near_it() -> None:
    video = Long(600)
    frames = frame_sampling.sample_context(video, 7000)
    assert 7000 in frames
    assert len(frames) == 5
    assert all(abs(frame - 7000) <= 5 * 25 for frame in frames)
    assert frame_sampling.sample_context(ArrayVideo(np.zeros((4, 8, 8, 3), np.uint8)), 3) == [0, 1, 2, 3]


def test_published_context_is_the_chunk_and_all_of_a_clip_with_sound() -> None:
    assert frame_sampling.sample_published_context(600, 520, is_sound=False) == [500, 510, 520, 530, 540]
    assert frame_sampling.sample_published_context(5, 3, is_sound=True) == [0, 1, 2, 3, 4]
    assert frame_sampling.sample_published_context(10, 7, is_sound=True) == list(range(10))
    assert 33 in frame_sampling.sample_published_context(600, 33, is_sound=True)


def test_the_frames_of_many_phrases_are_read_once(make: Make) -> None:
    video = Long(10)
    chat = make(["[1]"])
    chat.pick_frames(video, phrases(6))
    assert len(video.read) == 9
    assert len({question.images for question in chat.questions}) == 1


def test_the_paper_sampler_shows_candidates_in_their_chunk_and_sounds_in_ten_frames(make: Make) -> None:
    chat, video = make(["[1]"], sampler="paper", layout="paper", prompts="paper"), Long(20)
    boxes = np.array([[2, 2, 12, 12], [20, 4, 30, 20]], np.float32)
    pivot = PivotFrame(phrase=SQUARE, frame=130)
    chat.pick_boxes(video, [Candidates(pivot=pivot, xyxy=boxes, scores=np.array([0.8, 0.4]))])
    assert video.read == [100, 110, 120, 130, 140]
    assert "drawn on frame 4" in chat.questions[0].messages[0].text
    video.read.clear()
    chat.pick_frames(video, [Phrase(reference="1", text="dog", score=0.5, sound=True)])
    assert video.read == list(range(25, 500, 50))
