"""The contract kit: what a plugin author inherits to test a component, and small videos to test it on.

A component's test is three lines::

    class TestMine(PropagatorContract):
        def component(self) -> Propagator:
            return Mine(Mine.Options())

Each ``test_`` method holds one promise that the engine relies on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alref import checks
from alref.arrays import Mask, read_only
from alref.records import Audio, Candidates, FrameMasks, Phrase, PivotBox, PivotFrame, Reference, objects
from alref.stages import Propagator, Proposer, SpatialReasoner, Stage, TemporalReasoner, Unifier
from alref.video import Frame, Video


class ArrayVideo(Video):
    """A video in memory: ``frames`` uint8 (T, H, W, 3) RGB at ``fps``, with an optional sound track."""

    def __init__(self, frames: Sequence[Frame] | Frame, fps: float = 10.0, sound: Audio | None = None) -> None:
        self._frames = read_only(np.asarray(frames, np.uint8))
        self._sound = sound
        self.name, self.path, self.fps = "in memory", None, fps
        self.height, self.width = self._frames.shape[1:3]
        self.times = np.arange(len(self._frames)) / fps

    def frame(self, index: int) -> Frame:
        """Return frame ``index``; raises InputError outside the video."""
        self._check(index)
        picture: Frame = self._frames[index]
        return picture

    def audio(self, rate: int) -> Audio | None:
        """Return the sound given, by nearest sample at ``rate`` Hz, or None."""
        if self._sound is None:
            return None
        length = round(len(self._sound.samples) * rate / self._sound.rate)
        index = np.arange(length) * self._sound.rate // rate
        return Audio(samples=self._sound.samples[index], rate=rate, start=self._sound.start)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the pixels and the frame rate."""
        facts = str((self._frames.shape, self.fps)).encode()
        return hashlib.blake2b(self._frames.tobytes() + facts, digest_size=16).hexdigest()


def moving_square(frames: int = 8, size: tuple[int, int] = (96, 128), side: int = 32, seed: int = 0) -> tuple[ArrayVideo, Mask]:
    """Make a red square that moves right over grey noise: the video, and its true masks bool (T, H, W)."""
    height, width = size
    background = np.random.default_rng(seed).integers(90, 130, (height, width, 1), np.uint8).repeat(3, axis=2)
    pictures = np.stack([background] * frames)
    masks = np.zeros((frames, height, width), np.bool_)
    for index in range(frames):
        left = 4 + (width - side - 8) * index // max(frames - 1, 1)
        masks[index, height // 2 - side // 2 : height // 2 + side // 2, left : left + side] = True
    pictures[masks] = (220, 30, 30)
    return ArrayVideo(pictures), masks


def write_frames(video: Video, folder: Path) -> Path:
    """Write a video as a folder of PNG frames 00000.png, 00001.png, …; returns the folder."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in video.frames():
        Image.fromarray(frame).save(folder / f"{index:05d}.png")
    return folder


SQUARE = Phrase(reference="1", text="the red square", category="square")


def square_box(truth: Mask, frame: int = 0, phrase: Phrase = SQUARE) -> PivotBox:
    """Return the pivot box around the true square of one frame."""
    return PivotBox(pivot=PivotFrame(phrase=phrase, frame=frame), xyxy=_around(truth[frame]), score=1.0)


def _around(mask: Mask) -> npt.NDArray[np.float32]:
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)


class StageContract:
    """What every component promises. Override ``component``; override ``video`` where it cannot see a moving square."""

    def component(self) -> Stage:
        """Return the component to test, made anew."""
        raise NotImplementedError("return the component to test")

    @contextmanager
    def at_work(self) -> Iterator[Any]:
        """Give the component, loaded, and close it at the end."""
        component = self.component()
        component.load()
        try:
            yield component
        finally:
            component.close()

    def video(self) -> tuple[Video, Mask]:
        """Return a video and the true masks bool (T, H, W) of SQUARE in it."""
        return moving_square()

    def test_has_a_name_people_can_type(self) -> None:
        assert self.component().name == self.component().name.strip().lower()

    def test_explains_itself_and_every_option(self) -> None:
        assert (type(self.component()).__doc__ or "").strip()
        undescribed = [name for name, field in self.component().Options.model_fields.items() if not field.description]
        assert undescribed == []

    def test_options_survive_json(self) -> None:
        options = self.component().options
        assert type(options).model_validate(json.loads(options.model_dump_json())) == options

    def test_has_no_problem_where_it_is_tested(self) -> None:
        assert self.component().problems() == []

    def test_loads_and_closes_more_than_once(self) -> None:
        component = self.component()
        for _ in range(2):
            component.load()
            component.close()


class UnifierContract(StageContract):
    """What a unifier promises. Override ``component`` and, for one that hears, ``reference``."""

    def component(self) -> Unifier:
        """Return the unifier to test."""
        raise NotImplementedError("return the unifier to test")

    def reference(self) -> Reference:
        """Return a reference that it understands."""
        return Reference(id="1", text="the red square")

    def phrases(self) -> list[Phrase]:
        """Return what the unifier makes of the reference."""
        with self.at_work() as component:
            found: list[Phrase] = component.unify(self.video()[0], self.reference())
            return found

    def test_finds_phrases_of_the_reference(self) -> None:
        phrases = self.phrases()
        checks.each_is(phrases, Phrase)
        checks.phrases(phrases, [self.reference().id])
        assert phrases

    def test_gives_distinct_phrases(self) -> None:
        assert len(set(self.phrases())) == len(self.phrases())

    def test_locates_the_phrases_it_gave(self) -> None:
        with self.at_work() as component:
            phrases = component.unify(self.video()[0], self.reference())
            checks.located(component.locate(self.video()[0], self.reference(), phrases), phrases)


class TemporalReasonerContract(StageContract):
    """What a temporal reasoner promises."""

    def component(self) -> TemporalReasoner:
        """Return the temporal reasoner to test."""
        raise NotImplementedError("return the temporal reasoner to test")

    def picked(self, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return the pivots that it picks."""
        with self.at_work() as component:
            pivots: list[PivotFrame] = component.pick_frames(self.video()[0], phrases)
            return pivots

    def test_answers_for_each_phrase_in_the_video_and_says_why(self) -> None:
        other = SQUARE.model_copy(update={"reference": "2"})
        pivots = self.picked([SQUARE, other])
        checks.each_is(pivots, PivotFrame)
        checks.pivots(pivots, self.video()[0], ["1", "2"])
        assert {pivot.phrase.reference for pivot in pivots} == {"1", "2"}
        assert all(pivot.why for pivot in pivots)

    def test_answers_nothing_for_nothing(self) -> None:
        assert self.picked([]) == []


class SpatialReasonerContract(StageContract):
    """What a spatial reasoner promises."""

    def component(self) -> SpatialReasoner:
        """Return the spatial reasoner to test."""
        raise NotImplementedError("return the spatial reasoner to test")

    def test_picks_one_candidate_for_each_pivot_and_says_why(self) -> None:
        video, truth = self.video()
        asked = [_two_candidates(truth, frame) for frame in (0, len(truth) - 1)]
        with self.at_work() as component:
            boxes = component.pick_boxes(video, asked)
        checks.each_is(boxes, PivotBox)
        checks.boxes(boxes, asked, video)
        assert [box.pivot for box in boxes] == [each.pivot for each in asked]
        assert all(box.why for box in boxes)

    def test_answers_nothing_for_nothing(self) -> None:
        with self.at_work() as component:
            assert component.pick_boxes(self.video()[0], []) == []


def _two_candidates(truth: Mask, frame: int) -> Candidates:
    boxes = np.stack([_around(truth[frame]), np.array([0, 0, 8, 8], np.float32)])
    return Candidates(pivot=PivotFrame(phrase=SQUARE, frame=frame), xyxy=boxes, scores=np.array([0.9, 0.2]))


class ProposerContract(StageContract):
    """What a proposer promises."""

    def component(self) -> Proposer:
        """Return the proposer to test."""
        raise NotImplementedError("return the proposer to test")

    def test_answers_each_pivot_in_order_with_boxes_inside_the_picture(self) -> None:
        video = self.video()[0]
        pivots = [PivotFrame(phrase=SQUARE, frame=frame) for frame in (len(video) - 1, 0)]
        with self.at_work() as component:
            candidates = component.propose(video, pivots)
        checks.each_is(candidates, Candidates)
        checks.candidates(candidates, pivots, video)

    def test_answers_nothing_for_nothing(self) -> None:
        with self.at_work() as component:
            assert component.propose(self.video()[0], []) == []


class PropagatorContract(StageContract):
    """What a propagator promises."""

    def component(self) -> Propagator:
        """Return the propagator to test."""
        raise NotImplementedError("return the propagator to test")

    def propagated(self, video: Video, boxes: list[PivotBox]) -> dict[int, FrameMasks]:
        """Return the masks of every frame, checked against the contract."""
        seen: dict[int, FrameMasks] = {}
        with self.at_work() as component:
            for masks in component.propagate(video, boxes):
                checks.frame_masks(masks, video, len(objects(boxes)), seen)
                seen[masks.frame] = masks
        checks.complete(seen, video)
        return seen

    def test_gives_every_frame_once_from_a_pivot_in_the_middle(self) -> None:
        video, truth = self.video()
        assert len(self.propagated(video, [square_box(truth, len(truth) // 2)])) == len(video)

    def test_keeps_objects_apart_and_in_order(self) -> None:
        video, truth = self.video()
        other = SQUARE.model_copy(update={"reference": "2"})
        boxes = [square_box(truth, 0), square_box(truth, len(truth) - 1, other)]
        assert all(len(each.masks) == 2 for each in self.propagated(video, boxes).values())

    def test_takes_several_pivots_of_one_object(self) -> None:
        video, truth = self.video()
        boxes = [square_box(truth, 0), square_box(truth, len(truth) - 1)]
        assert all(len(each.masks) == 1 for each in self.propagated(video, boxes).values())

    def test_starts_from_a_mask(self) -> None:
        video, truth = self.video()
        box = square_box(truth, 0).model_copy(update={"mask": truth[0]})
        first = self.propagated(video, [box])[0].masks[0]
        assert (first & truth[0]).sum() / (first | truth[0]).sum() > 0.8

    def test_takes_a_video_of_one_frame(self) -> None:
        _, truth = self.video()
        video = ArrayVideo(self.video()[0].frame(0)[None])
        assert len(self.propagated(video, [square_box(truth, 0)])) == 1
