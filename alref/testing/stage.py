"""What every component promises of its work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import SkipTest

import numpy as np

from alref.errors import AlrefError, InputError
from alref.media.video import Video
from alref.testing.contract import Task
from alref.testing.diff import difference, frozen
from alref.testing.option_checks import DescribedContract
from alref.testing.videos import UNREADABLE, ArrayVideo, DamagedVideo


class StageContract(DescribedContract):
    """What every component promises, of whatever kind it is. Override ``component``."""

    def test_loads_and_closes_more_than_once(self) -> None:
        """It can be closed twice, and loaded again to give the same answers.

        Let ``close`` do nothing where nothing is loaded, and ``load`` make anew all that ``close`` let go of.
        """
        video, truth = self.video()
        component = self.component()
        said = []
        for _ in range(2):
            component.load()
            said.append(self.answers(component, video, truth))
            component.close()
            component.close()
        apart = difference(*said)
        assert not apart, f"expected the same answers after load() came again, got {apart}"

    def test_gives_the_same_answers_twice(self) -> None:
        """The same question gets the same answer, asked again or of a component made anew.

        Seed what is random in ``load``, or use none; keep nothing of one call that changes the next.
        """
        video, truth = self.video()
        with self.at_work() as component:
            first, again = (self.answers(component, video, truth) for _ in range(2))
        with self.at_work() as component:
            anew = self.answers(component, video, truth)
        for said, when in ((again, "asked again"), (anew, "made anew")):
            apart = difference(first, said)
            assert not apart, f"expected the same answers, {when} got {apart}"

    def test_works_in_several_threads_at_once(self) -> None:
        """Where it says ``concurrent = True``, several threads may ask it at once, and each gets the same answers.

        Keep what belongs to one video in variables of the call; give each thread what it may not share. Or leave ``concurrent``
        False.
        """
        if not self.component().concurrent:
            raise SkipTest("concurrent = False: it is asked about one video at a time")
        video, truth = self.video()
        with self.at_work() as component, ThreadPoolExecutor(2) as threads:
            asked = [threads.submit(self.answers, component, video, truth) for _ in range(4)]
            alone = self.answers(component, video, truth)
            apart = next(filter(None, (difference(alone, each.result()) for each in asked)), "")
        assert not apart, f"expected the same answers in several threads, got {apart}"

    def test_leaves_its_inputs_alone(self) -> None:
        """It changes nothing of what it is given: frames and records are the caller's.

        Copy a frame or an array before you write to it; ``torch.from_numpy`` shares memory, so copy before that too.
        """
        given, truth = self.video()
        frames = np.stack([frame for _, frame in given.frames()])
        video, before = ArrayVideo(frames, given.fps, given.audio(16_000)), frames.copy()
        with self.at_work() as component:
            for task in self.tasks(video, truth):
                asked = frozen(task.inputs)
                task.done(component, video)
                apart = difference([asked], [frozen(task.inputs)])
                assert not apart, f"expected {task.method} to leave its inputs as they are, got {apart}"
        changed = int((before != frames).any(axis=(1, 2, 3)).sum())
        assert not changed, f"expected frames as they were, got {changed} of {len(frames)} changed"

    def test_lets_errors_of_reading_through(self) -> None:
        """When a frame or the sound cannot be read, the video's own error reaches the caller.

        Catch no InputError, and no Exception, around the reading of frames and sound.
        """
        given, truth = self.video()
        with self.at_work() as component:
            for readable in (1, 0):
                video = DamagedVideo(given, readable)
                for task in self.tasks(video, truth):
                    _refused(task, component, video)

    def test_goes_on_after_a_video_that_failed(self) -> None:
        """After a video that could not be read the next one gets the same answers as ever.

        Keep what belongs to one video in variables of the call, or let go of it in ``finally``.
        """
        given, truth = self.video()
        with self.at_work() as component:
            before = self.answers(component, given, truth)
            for task in self.tasks(given, truth):
                _tried(task, component, DamagedVideo(given, 1))
            apart = difference(before, self.answers(component, given, truth))
        assert not apart, f"expected the same answers as before the failure, got {apart}"


def _refused(task: Task, component: Any, video: DamagedVideo) -> None:
    before = video.refused
    try:
        task.done(component, video)
    except AlrefError as error:
        if isinstance(error, InputError) and UNREADABLE in str(error):
            return
        got = f"{type(error).__name__}: {error}"
    else:
        got = "an answer" if video.refused > before else ""
    assert not got, f"expected the InputError {UNREADABLE!r} from {task.method}, got {got}"


def _tried(task: Task, component: Any, video: Video) -> None:
    try:
        task.done(component, video)
    except AlrefError:
        return
