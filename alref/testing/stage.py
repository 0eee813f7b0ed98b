"""What every component promises."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from alref.arrays import Mask
from alref.errors import AlrefError, InputError
from alref.options import describe
from alref.stages import Stage
from alref.testing.comparing import difference, frozen
from alref.testing.importing import HEAVY, imported
from alref.testing.videos import UNREADABLE, ArrayVideo, DamagedVideo, moving_square, sounding
from alref.video import Video
from alref.weights import Weights

Truth = Sequence[Mask] | Mask
"""True masks bool (H, W) of the square, one for each frame."""


@dataclass(frozen=True)
class Task:
    """One call of a component, as the engine makes it: the method, what follows the video, and the check of what it returns."""

    method: str
    inputs: tuple[Any, ...]
    check: Callable[[Any], None]

    def done(self, component: Any, video: Video) -> Any:
        """Return what the component answers, a list where it yields."""
        output = getattr(component, self.method)(video, *self.inputs)
        return list(output) if isinstance(output, Iterator) else output


class StageContract:
    """What every component promises. Override ``component``; override ``video`` where it cannot see a moving square.

    Each ``test_`` method is one promise: the first line of its docstring says which, what follows says what to do about it.
    """

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
        """Return a video with sound, and the true masks bool (T, H, W) of SQUARE in it."""
        return sounding(0.8, (0.2, 0.6)), moving_square(8)[1]

    def tasks(self, video: Video, truth: Truth) -> list[Task]:
        """Return what the component is asked about a video: one task for each kind that it is of."""
        return []

    def answers(self, component: Any, video: Video, truth: Truth) -> list[Any]:
        """Return all that a component answers about a video, unchecked."""
        return [record for task in self.tasks(video, truth) for record in task.done(component, video)]

    def test_has_a_name_people_can_type(self) -> None:
        """Its name is one word in lower case that people can type.

        Set ``name`` to letters, digits and hyphens, as in ``name = "my-tracker"``.
        """
        name = self.component().name
        typed = re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name)
        assert typed, f"expected one word of small letters, digits and hyphens, got name = {name!r}"

    def test_explains_itself_and_every_option(self) -> None:
        """It says in words what it does, and what each of its options does.

        Write a docstring for the class, and ``Field(default, description="…")`` for each option.
        """
        component = self.component()
        assert (type(component).__doc__ or "").strip(), f"expected a docstring, got none in {type(component).__name__}"
        fields = type(component.options).model_fields
        undescribed = [name for name, field in fields.items() if not field.description]
        assert not undescribed, f"expected a description for each option, got none for {', '.join(undescribed)}"
        required = [name for name, field in fields.items() if field.is_required()]
        assert not required, f"expected a default for each option, got none for {', '.join(required)}"

    def test_options_survive_json(self) -> None:
        """Its options can be written as JSON and read back unchanged, and have a JSON Schema.

        Use types that pydantic can write as JSON: numbers, words, lists, ``Path``; no arrays, functions or objects.
        """
        options = self.component().options
        try:
            describe(type(options))
            back = type(options).model_validate(json.loads(options.model_dump_json()))
        except (PydanticSerializationError, ValidationError, ValueError, TypeError) as error:
            raise AssertionError(f"expected options that JSON can hold, got {type(error).__name__}: {error}") from error
        assert back == options, f"expected {options!r} after writing and reading JSON, got {back!r}"

    def test_refuses_unknown_options(self) -> None:
        """It refuses an option that it does not have, so that a misspelt one is never ignored.

        Derive ``Options`` from ``alref.stages.StageOptions`` and leave ``extra="forbid"`` as it is there.
        """
        try:
            type(self.component().options).model_validate({"no_such_option": 1})
        except ValidationError:
            return
        raise AssertionError("expected an error for the unknown option no_such_option, got none")

    def test_has_no_problem_where_it_is_tested(self) -> None:
        """It finds no problem in the place where it is tested.

        Do what the problem says, or make ``component`` so that it can work here, for example with a tiny model.
        """
        problems = self.component().problems()
        assert problems == [], f"expected no problem here, got {problems!r}"

    def test_says_what_to_install(self) -> None:
        """Where a library is missing it says so with the command that installs it, and nothing breaks.

        In ``problems`` ask ``self.missing()`` first and return what it says before anything is imported.
        """
        component = self.component()
        if not component.needs:
            raise SkipTest("needs = (): the component names no library that could be missing")
        cls = type(component)
        lacking = type(cls.__name__, (cls,), {"needs": ("a_library_that_nobody_has",), "__module__": cls.__module__})
        made = lacking(component.options, component.device)
        for method in ("missing", "problems"):
            said = getattr(made, method)()
            words = isinstance(said, list) and all(isinstance(each, str) and each.strip() for each in said)
            assert words, f"expected a list of sentences from {method}(), got {said!r}"
            steps = [each for each in said if "a_library_that_nobody_has" in each and "install" in each]
            assert steps, f"expected {method}() to name a missing library and the command that installs it, got {said!r}"

    def test_lists_the_files_that_it_depends_on(self) -> None:
        """It lists its weights and the files that it reads, so that outputs of other files are never taken for its own.

        Return a list of ``alref.weights.Weights`` from ``weights`` and a list of ``pathlib.Path`` from ``reads``.
        """
        component = self.component()
        for method, kind in (("weights", Weights), ("reads", Path)):
            listed = getattr(component, method)()
            fits = isinstance(listed, list) and all(isinstance(each, kind) for each in listed)
            assert fits, f"expected a list of {kind.__name__} from {method}(), got {listed!r}"

    def test_imports_nothing_heavy(self) -> None:
        """Importing its module imports no heavy library, so that listing components stays quick.

        Import heavy libraries inside the methods that use them, and types under ``if TYPE_CHECKING:``. ``alref.records`` and
        ``alref.testing`` are heavy too.
        """
        found = imported(type(self.component()))
        heavy = sorted(found.loaded & set(HEAVY))
        assert not heavy, f"expected nothing heavy to be imported with {found.module}, got {', '.join(heavy)}"

    def test_can_be_pickled_before_it_is_loaded(self) -> None:
        """It can be sent to another process before it is loaded, for distributed runs.

        Define the class at the top of an installed module, and make what cannot be pickled in ``load``, not in ``__init__``.
        """
        component = self.component()
        found = imported(type(component))
        if not found.by_name:
            raise SkipTest(f"{found.module}: {found.why}; a component of a distribution can run in several processes")
        try:
            copy = pickle.loads(pickle.dumps(component))  # noqa: S301 - its own bytes
        except (pickle.PickleError, AttributeError, TypeError, ImportError) as error:
            raise AssertionError(f"expected a component that can be pickled, got {type(error).__name__}: {error}") from error
        for name in ("options", "device"):
            sent, came = getattr(component, name, None), getattr(copy, name, None)
            assert sent == came, f"expected {name} {sent!r} after pickling, got {came!r}"

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

    def test_leaves_its_inputs_alone(self) -> None:
        """It changes nothing of what it is given: frames, sound and records are the caller's.

        Copy a frame or an array before you write to it; ``torch.from_numpy`` shares memory, so copy before that too.
        """
        given, truth = self.video()
        frames, sound = np.stack([frame for _, frame in given.frames()]), given.audio(16_000)
        video = ArrayVideo(frames, given.fps, sound)
        samples = np.zeros(0) if sound is None else sound.samples
        before, heard = frames.copy(), samples.copy()
        with self.at_work() as component:
            for task in self.tasks(video, truth):
                asked = frozen(task.inputs)
                task.done(component, video)
                apart = difference([asked], [frozen(task.inputs)])
                assert not apart, f"expected {task.method} to leave its inputs as they are, got {apart}"
        changed = int((before != frames).any(axis=(1, 2, 3)).sum())
        assert not changed, f"expected frames as they were, got {changed} of {len(frames)} changed"
        assert np.array_equal(samples, heard), "expected the sound as it was, got another"

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
