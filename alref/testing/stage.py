"""What every component promises of its work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import SkipTest

import numpy as np

from alref.errors import AlrefError, InputError
from alref.media.array_video import ArrayVideo
from alref.media.video import Video
from alref.testing.contract import Task
from alref.testing.diff import copy_inputs, find_difference
from alref.testing.option_checks import DeclarationContract
from alref.testing.videos import UNREADABLE, DamagedVideo


class StageContract(DeclarationContract):
    """What every component promises, of whatever kind it is. Override ``make_component``."""

    def test_loads_and_closes_more_than_once(self) -> None:
        """It can be closed twice, and loaded again to give the same answers.

        Let ``close`` do nothing where nothing is loaded, and ``load`` make anew all that ``close`` let go of.
        """
        video, truth = self.make_video()
        component = self.make_component()
        said = []
        for _ in range(2):
            component.load()
            said.append(self.collect_answers(component, video, truth))
            component.close()
            component.close()
        apart = find_difference(*said)
        assert not apart, f"expected the same answers after load() came again, got {apart}"

    def test_gives_the_same_answers_twice(self) -> None:
        """The same question gets the same answer, asked again or of a component made anew.

        Seed what is random in ``load``, or use none; keep nothing of one call that changes the next.
        """
        video, truth = self.make_video()
        with self.load_component() as component:
            first, again = (self.collect_answers(component, video, truth) for _ in range(2))
        with self.load_component() as component:
            anew = self.collect_answers(component, video, truth)
        for said, when in ((again, "asked again"), (anew, "made anew")):
            apart = find_difference(first, said)
            assert not apart, f"expected the same answers, {when} got {apart}"

    def test_works_in_several_threads_at_once(self) -> None:
        """Where it says ``concurrent = True``, several threads may ask it at once, and each gets the same answers.

        Keep what belongs to one video in variables of the call; give each thread what it may not share. Or leave ``concurrent``
        False.
        """
        if not self.make_component().concurrent:
            raise SkipTest("concurrent = False: it is asked about one video at a time")
        video, truth = self.make_video()
        with self.load_component() as component, ThreadPoolExecutor(2) as threads:
            asked = [threads.submit(self.collect_answers, component, video, truth) for _ in range(4)]
            alone = self.collect_answers(component, video, truth)
            apart = next(filter(None, (find_difference(alone, each.result()) for each in asked)), "")
        assert not apart, f"expected the same answers in several threads, got {apart}"

    def test_leaves_its_inputs_alone(self) -> None:
        """It changes nothing of what it is given: frames and records are the caller's.

        Copy a frame or an array before you write to it; ``torch.from_numpy`` shares memory, so copy before that too.
        """
        given, truth = self.make_video()
        frames = np.stack([frame for _, frame in given.read_frames()])
        video, before = ArrayVideo(frames, given.fps, given.read_audio(16_000)), frames.copy()
        with self.load_component() as component:
            for task in self.build_tasks(video, truth):
                asked = copy_inputs(task.inputs)
                task.run(component, video)
                apart = find_difference([asked], [copy_inputs(task.inputs)])
                assert not apart, f"expected {task.method} to leave its inputs as they are, got {apart}"
        changed = int((before != frames).any(axis=(1, 2, 3)).sum())
        assert not changed, f"expected frames as they were, got {changed} of {len(frames)} changed"

    def test_lets_errors_of_reading_through(self) -> None:
        """When a frame or the sound cannot be read, the video's own error reaches the caller.

        Catch no InputError, and no Exception, around the reading of frames and sound.
        """
        given, truth = self.make_video()
        with self.load_component() as component:
            for readable in (1, 0):
                video = DamagedVideo(given, readable)
                for task in self.build_tasks(video, truth):
                    _check_input_error(task, component, video)

    def test_recovers_after_a_video_that_failed(self) -> None:
        """After a video that could not be read the next one gets the same answers as ever.

        Keep what belongs to one video in variables of the call, or let go of it in ``finally``.
        """
        given, truth = self.make_video()
        with self.load_component() as component:
            before = self.collect_answers(component, given, truth)
            for task in self.build_tasks(given, truth):
                _run_ignoring_errors(task, component, DamagedVideo(given, 1))
            apart = find_difference(before, self.collect_answers(component, given, truth))
        assert not apart, f"expected the same answers as before the failure, got {apart}"


def _check_input_error(task: Task, component: Any, video: DamagedVideo) -> None:
    before = video.failed_reads
    try:
        task.run(component, video)
    except AlrefError as error:
        if isinstance(error, InputError) and UNREADABLE in str(error):
            return
        got = f"{type(error).__name__}: {error}"
    else:
        got = "an answer" if video.failed_reads > before else ""
    assert not got, f"expected the InputError {UNREADABLE!r} from {task.method}, got {got}"


def _run_ignoring_errors(task: Task, component: Any, video: Video) -> None:
    try:
        task.run(component, video)
    except AlrefError:
        return
