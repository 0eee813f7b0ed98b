"""The tracker detect-and-follow: when tracks start, end, are dropped and linked, with scripted detections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from alref.components.base import Propagator, Proposer, StageOptions
from alref.errors import ContractError
from alref.media.section import VideoSection
from alref.media.video import Video
from alref.records import Candidates, FrameMasks, ObjectTrack, PivotBox, PivotFrame, list_object_phrases
from alref.testing import ArrayVideo
from alref_tracking import DetectAndFollow
from alref_tracking._sections import find_cuts, split_video

HEIGHT, WIDTH, FRAMES = 40, 60, 40
Box = tuple[int, int, int, int]
Path = Mapping[int, Box]


def stay(box: Box, frames: range = range(FRAMES)) -> Path:
    return dict.fromkeys(frames, box)


LEFT, RIGHT = (4, 4, 16, 16), (40, 20, 54, 34)


class World:
    """Objects with their boxes by frame, what is detected of them, and how a propagator follows them."""

    def __init__(self, *objects: Path, false: Mapping[int, Box] = {}, scores: Mapping[int, float] = {}, **more: Any) -> None:
        self.objects, self.false, self.scores = objects, false, scores
        self.ghost: Box | None = more.get("ghost")
        self.calls: list[list[int]] = []
        self.asked: list[int] = []


def make_tracker(world: World, **options: Any) -> DetectAndFollow:
    """Return a tracker whose proposer and propagator see the world; sections know their place by their times."""

    class Detects(Proposer):
        name = "detects"

        def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
            return [self.look(pivot, locate(video, pivot.frame or 0)) for pivot in pivots]

        def look(self, pivot: PivotFrame, frame: int) -> Candidates:
            world.asked.append(frame)
            seen = [(path[frame], world.scores.get(n, 0.9)) for n, path in enumerate(world.objects) if frame in path]
            seen += [(world.false[frame], 0.8)] if frame in world.false else []
            seen.sort(key=lambda each: -each[1])
            boxes = np.array([box for box, _ in seen], np.float32).reshape(-1, 4)
            return Candidates(pivot=pivot, xyxy=boxes, scores=np.array([score for _, score in seen], np.float32))

    class Follows(Propagator):
        name = "follows"

        def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
            world.calls.append([locate(video, box.pivot.frame or 0) for box in boxes])
            phrases = list_object_phrases(boxes)
            paths = [self.find_path(video, next(b for b in boxes if b.pivot.phrase == phrase)) for phrase in phrases]
            for frame in range(len(video)):
                masks = np.zeros((len(paths), video.height, video.width), np.bool_)
                for index, path in enumerate(paths):
                    box = path.get(locate(video, frame), world.ghost)
                    if box:
                        masks[index, box[1] : box[3], box[0] : box[2]] = True
                yield FrameMasks(frame=frame, masks=masks, scores=np.full(len(paths), 0.5))

        def find_path(self, video: Video, box: PivotBox) -> Path:
            frame = locate(video, box.pivot.frame or 0)
            assert box.xyxy is not None
            corners = tuple(box.xyxy.astype(int).tolist())
            return next((path for path in world.objects if path.get(frame) == corners), stay(corners))

    tracker = DetectAndFollow(DetectAndFollow.Options(**{"every": 4, **options}))
    tracker.parts = {"proposer": Detects(StageOptions()), "propagator": Follows(StageOptions())}
    return tracker


def locate(video: Video, frame: int) -> int:
    """Return the number of a frame in the whole video, of 10 frames a second."""
    return round(float(video.times[frame]) * 10)


def make_video(frames: int = FRAMES) -> Video:
    return ArrayVideo(np.full((frames, HEIGHT, WIDTH, 3), 90, np.uint8))


def track(world: World, frames: int = FRAMES, **options: Any) -> list[ObjectTrack]:
    return make_tracker(world, **options).track(make_video(frames), ["dog"])


def test_each_object_is_one_track_best_first() -> None:
    world = World(stay(LEFT), stay(RIGHT), scores={0: 0.7, 1: 0.9})
    found = track(world)
    assert [(each.id, each.noun, len(each.frames)) for each in found] == [(1, "dog", FRAMES), (2, "dog", FRAMES)]
    assert found[0].decode_mask(0)[20:34, 40:54].all()
    assert found[0].score == pytest.approx(0.9)
    assert world.calls == [[0, 0]]


def test_detection_runs_on_every_nth_frame_and_the_last() -> None:
    world = World(stay(LEFT, range(160)))
    track(world, frames=160, every=16)
    assert world.asked == [*range(0, 160, 16), 159]


def test_a_short_video_is_searched_on_eight_frames() -> None:
    world = World(stay(LEFT))
    track(world, every=16)
    assert len(world.asked) == 8
    assert (world.asked[0], world.asked[-1]) == (1, FRAMES - 2)
    assert {later - earlier for earlier, later in pairwise(world.asked)} == {5, 6}
    track(short := World(stay(LEFT)), frames=3)
    assert short.asked == [0, 1, 2]


def test_an_object_that_enters_late_gets_a_track_of_its_own() -> None:
    world = World(stay(LEFT), stay(RIGHT, range(20, FRAMES)))
    first, late = track(world)
    assert late.frames == list(range(20, FRAMES))
    assert first.frames == list(range(FRAMES))


def test_a_track_ends_after_its_last_confirmation() -> None:
    world = World(stay(LEFT), stay(RIGHT, range(28)), ghost=RIGHT)
    ended = next(each for each in track(world, keep_alive=5) if each.frames[-1] != FRAMES - 1)
    assert ended.frames == list(range(24 + 5 + 1))


def test_a_weak_detection_starts_no_track() -> None:
    world = World(stay(LEFT), stay(RIGHT), scores={0: 0.9, 1: 0.4})
    assert len(track(world, new_score=0.6)) == 1
    assert len(track(world, new_score=0.3)) == 2


def test_what_is_detected_once_is_dropped() -> None:
    assert len(track(World(stay(LEFT), false={8: RIGHT}))) == 1


def test_a_detection_that_no_neighboring_frame_supports_is_not_followed() -> None:
    world = World(stay(LEFT), {8: RIGHT}, {20: (50, 2, 54, 6)}, scores={0: 0.6, 1: 0.9, 2: 0.9})
    assert [each.score for each in track(world)] == pytest.approx([0.6])
    assert world.calls == [[0]]


def test_without_any_support_the_best_detections_are_followed() -> None:
    world = World({8: LEFT})
    assert track(world)
    assert world.calls == [[8]]


def test_a_fast_object_supports_itself() -> None:
    walks: Path = {frame: (frame, 4, frame + 12, 16) for frame in range(FRAMES)}
    assert [len(each.frames) for each in track(World(walks))] == [FRAMES]


def test_support_over_time_outweighs_a_high_score_on_few_frames() -> None:
    world = World(stay(LEFT), stay(RIGHT, range(8)), scores={0: 0.6, 1: 0.9})
    first, brief = track(world)
    assert first.decode_mask(0)[4:16, 4:16].all()
    assert (len(first.frames), first.score) == (FRAMES, pytest.approx(0.6))
    assert brief.score < 0.4


def test_an_object_that_is_seen_half_of_the_time_counts_in_full() -> None:
    world = World(stay(LEFT), stay(RIGHT, range(16, FRAMES)), scores={0: 0.6, 1: 0.9})
    assert [each.score for each in track(world)] == pytest.approx([0.9, 0.6])


def test_two_detections_of_one_object_are_one_track() -> None:
    near = (LEFT[0] + 1, LEFT[1], LEFT[2] + 1, LEFT[3])
    assert len(track(World(stay(LEFT), stay(near)))) == 1


def test_a_track_that_lies_on_a_stronger_one_is_dropped() -> None:
    turning: Path = {frame: RIGHT if frame < 12 else LEFT for frame in range(FRAMES)}
    found = track(World(stay(LEFT), {frame: box for frame, box in turning.items() if frame < 12}, ghost=LEFT))
    assert len(found) == 1


def test_a_pixel_belongs_to_one_track_and_a_covered_mask_is_empty() -> None:
    beside, passing = (4, 4, 16, 16), (12, 4, 24, 16)
    first, second = track(World(stay(beside), stay(passing), scores={0: 0.9, 1: 0.8}))
    assert not (first.decode_mask(0) & second.decode_mask(0)).any()
    assert second.decode_mask(0)[4:16, 16:24].all()
    walks: Path = {frame: (2 * frame, 4, 2 * frame + 12, 16) for frame in range(20)}
    _, hidden = track(World(stay((14, 2, 30, 18)), walks, scores={0: 0.9, 1: 0.8}), frames=20)
    assert 9 not in hidden.frames
    assert {0, 1, 18}.issubset(hidden.frames)


def test_the_tracks_of_a_noun_are_limited_best_first() -> None:
    world = World(*(stay((6 * n, 4, 6 * n + 5, 20)) for n in range(8)), scores={n: 0.9 - n / 100 for n in range(8)})
    assert [round(each.score, 2) for each in track(world, max_tracks=3)] == [0.9, 0.89, 0.88]


def test_reconditioning_starts_again_from_later_detections_that_fit() -> None:
    world = World(stay(LEFT))
    track(world, recondition=True)
    assert world.calls == [[0], [0, 16, 32]]


def test_a_long_video_is_tracked_in_windows_and_linked() -> None:
    world = World(stay(LEFT, range(200)), stay(RIGHT, range(100, 160)))
    first, late = track(world, frames=200, window=6.0)
    assert len(first.frames) == 200
    assert late.frames == list(range(100, 160))
    assert len(world.calls) > 2


def test_windows_share_frames_and_cover_the_video() -> None:
    sections = split_video(make_video(1000), 12.0, at_cuts=False)
    assert (sections[0].start, sections[-1].stop) == (0, 1000)
    assert all(one.stop - other.start == 8 for one, other in pairwise(sections))
    assert all(each.stop - each.start <= 120 for each in sections)


def test_shots_are_tracked_apart() -> None:
    shots = np.full((FRAMES, HEIGHT, WIDTH, 3), 30, np.uint8)
    shots[15:] = 200
    video = ArrayVideo(shots)
    assert find_cuts(video) == [15]
    world = World(stay(LEFT))
    assert len(make_tracker(world).track(video, ["dog"])) == 2
    assert len(make_tracker(world, cuts=False).track(video, ["dog"])) == 1


def test_a_slow_change_of_light_is_no_cut() -> None:
    shots = np.stack([np.full((HEIGHT, WIDTH, 3), 20 + 5 * frame, np.uint8) for frame in range(FRAMES)])
    assert find_cuts(ArrayVideo(shots)) == []


def test_nouns_are_tracked_apart_and_nothing_gives_nothing() -> None:
    found = make_tracker(World(stay(LEFT))).track(make_video(), ["dog", "cat"])
    assert [(each.noun, each.id) for each in found] == [("dog", 1), ("cat", 1)]
    assert track(World()) == []


def test_without_the_components_of_the_run_it_says_what_is_missing() -> None:
    tracker = make_tracker(World(stay(LEFT)))
    tracker.parts = {}
    with pytest.raises(ContractError, match="proposer"):
        tracker.track(make_video(), ["dog"])


def test_a_section_is_a_video_of_its_own() -> None:
    frames = np.arange(FRAMES, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2).repeat(3, 3)
    whole = ArrayVideo(frames)
    section = VideoSection(whole, 10, 20)
    assert (len(section), int(section[0][0, 0, 0]), int(section[-1][0, 0, 0])) == (10, 10, 19)
    assert [index for index, _ in section.read_frames()] == list(range(10))
    assert section.times[0] == whole.times[10]
    assert section.fingerprint not in (whole.fingerprint, VideoSection(whole, 11, 20).fingerprint)
