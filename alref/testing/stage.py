"""The contract of every component while it runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import SkipTest

import numpy as np

from alref.errors import AlrefError, InputError
from alref.media.array_video import ArrayVideo
from alref.media.video import Video
from alref.testing.contract import Task, expect_nothing
from alref.testing.diff import copy_inputs, find_difference
from alref.testing.observation import ObservedComponent
from alref.testing.option_checks import DeclarationContract
from alref.testing.videos import UNREADABLE, DamagedVideo


class StageContract(DeclarationContract):
    """The contract of every component. Override ``make_component``."""

    def test_finds_something_in_the_test_video(self) -> None:
        """It finds something in the test video, so that the other requirements are really checked.

        Override ``make_video`` with a video that shows what the component knows, and set ``text``, ``category`` or ``sound`` to
        its name; or check it with ``--video FILE --text TEXT``. If there is no such video, set ``finds_nothing`` to the reason.
        """
        if self.finds_nothing:
            raise SkipTest(self.finds_nothing)
        video, truth = self.make_video()
        with self.load_component() as component:
            for task in self.build_tasks(video, truth):
                self.found = False
                task.run(component, video)
                assert self.found, f"expected {task.method} to find something in the test video, got nothing"

    def test_loads_and_closes_more_than_once(self) -> None:
        """It can be closed twice, and gives the same answers after it is loaded again.

        ``close`` does nothing if nothing is loaded, and ``load`` creates again everything that ``close`` released.
        """
        video, truth = self.make_video()
        component = self.prepare_component()
        observed = ObservedComponent(component, self.observe_record)
        answers = []
        for _ in range(2):
            component.load()
            answers.append(self.collect_answers(observed, video, truth))
            component.close()
            component.close()
        difference = find_difference(*answers)
        assert not difference, f"expected the same answers after a second load(), got {difference}"

    def test_gives_the_same_answers_twice(self) -> None:
        """It is deterministic: a second call, or a new instance, gives the same answers.

        Seed random generators in ``load``, or use none; store nothing in a call that changes the next one.
        """
        video, truth = self.make_video()
        with self.load_component() as component:
            first, again = (self.collect_answers(component, video, truth) for _ in range(2))
        with self.load_component() as component:
            anew = self.collect_answers(component, video, truth)
        for answers, when in ((again, "on a second call"), (anew, "of a new instance")):
            difference = find_difference(first, answers)
            assert not difference, f"expected the same answers {when}, got {difference}"

    def test_works_in_several_threads_at_once(self) -> None:
        """If ``concurrent`` is True, several threads get the same answers.

        Store what belongs to one video in local variables, and give each thread what it must not share. Or set ``concurrent``
        to False.
        """
        if not self.make_component().concurrent:
            raise SkipTest("concurrent = False: it processes one video at a time")
        video, truth = self.make_video()
        with self.load_component() as component, ThreadPoolExecutor(2) as threads:
            futures = [threads.submit(self.collect_answers, component, video, truth) for _ in range(4)]
            alone = self.collect_answers(component, video, truth)
            difference = next(filter(None, (find_difference(alone, future.result()) for future in futures)), "")
        assert not difference, f"expected the same answers in several threads, got {difference}"

    def test_leaves_its_inputs_alone(self) -> None:
        """It does not modify its inputs: frames and records belong to the caller.

        Copy a frame or an array before you write to it; ``torch.from_numpy`` shares memory, so copy before it too.
        """
        given, truth = self.make_video()
        frames = np.stack([frame for _, frame in given.read_frames()])
        video, before = ArrayVideo(frames, given.fps, given.read_audio(16_000)), frames.copy()
        with self.load_component() as component:
            for task in self.build_tasks(video, truth):
                inputs = copy_inputs(task.inputs)
                task.run(component, video)
                difference = find_difference([inputs], [copy_inputs(task.inputs)])
                assert not difference, f"expected {task.method} not to modify its inputs, got {difference}"
        changed = int((before != frames).any(axis=(1, 2, 3)).sum())
        assert not changed, f"expected unmodified frames, got {changed} of {len(frames)} changed"

    @expect_nothing
    def test_lets_errors_of_reading_through(self) -> None:
        """An error while reading frames or audio reaches the caller unchanged.

        Do not catch InputError or Exception where frames or audio are read.
        """
        given, truth = self.make_video()
        with self.load_component() as component:
            for readable in (1, 0):
                video = DamagedVideo(given, readable)
                for task in self.build_tasks(video, truth):
                    _check_input_error(task, component, video)

    def test_recovers_after_a_video_that_failed(self) -> None:
        """After a video that cannot be read, it gives the same answers for the next video.

        Store what belongs to one video in local variables, or release it in ``finally``.
        """
        given, truth = self.make_video()
        with self.load_component() as component:
            before = self.collect_answers(component, given, truth)
            for task in self.build_tasks(given, truth):
                _run_ignoring_errors(task, component, DamagedVideo(given, 1))
            difference = find_difference(before, self.collect_answers(component, given, truth))
        assert not difference, f"expected the same answers as before the failure, got {difference}"


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
