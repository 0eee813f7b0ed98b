"""What data sets promise of the videos and references that they read, and of files that are missing or damaged."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from unittest import SkipTest

import numpy as np

from alref.components.dataset import Dataset
from alref.errors import ConfigError, InputError
from alref.pipeline import contracts
from alref.pipeline.stage_cache import key
from alref.records import Reference
from alref.testing import cases, dataset_copies
from alref.testing.errors import refused

NAME = "no such video"


class ReadingContract:
    """What a data set promises of what it reads. Frames are read of the first ``most`` videos only."""

    most: ClassVar[int] = 3

    def dataset(self) -> Dataset:
        """Return the data set to test, made anew over a small folder."""
        raise NotImplementedError("return the data set to test, over a small folder")

    def over(self, root: Path) -> Dataset:
        """Return the same split of the data set in another folder."""
        made = self.dataset()
        return type(made)(root, made.split)

    def files_of(self, video: str) -> list[Path]:
        """Return files without which a video cannot be used. Default: one of each folder, found by the video's name."""
        root = self.dataset().root
        firsts = {path.parent: path for path in reversed(list(dataset_copies.files_of(root, video)))}
        return [path for path in firsts.values() if not self._usable_without(path, video)]

    def _usable_without(self, path: Path, video: str) -> bool:
        with dataset_copies.altered(self.dataset().root, [path], None) as copy:
            return cases.usable(self.over(copy), video)

    def some(self) -> Iterator[tuple[Dataset, str]]:
        """Yield the data set with the name of each video to look at."""
        dataset = self.dataset()
        for video in dataset.videos()[: self.most]:
            yield dataset, video

    def test_explains_itself(self) -> None:
        """It has a name that people can type, a docstring, a homepage and a licence.

        Set ``name`` in lower case without spaces, ``homepage`` and ``licence``, and say in the docstring what the data set is.
        """
        cls = type(self.dataset())
        assert cls.name == "".join(cls.name.lower().split()), f"expected one word in lower case, got name = {cls.name!r}"
        lacking = [what for what in ("name", "homepage", "licence", "__doc__") if not (getattr(cls, what) or "").strip()]
        assert not lacking, f"expected words in each of name, homepage, licence and __doc__, got none in {', '.join(lacking)}"

    def test_knows_its_splits(self) -> None:
        """An unknown split is one ConfigError, and nothing is said of splits that there are not.

        Call ``super().__init__(root, split)``; list each split once in ``splits``, and use no other in ``scored``, ``counts``.
        """
        made = self.dataset()
        with refused(ConfigError, "no-such-split"):
            type(made)(made.root, "no-such-split")
        assert len({*made.splits}) == len(made.splits), f"expected each split once, got {made.splits}"
        strange = {made.split, *made.scored, *made.counts} - {*made.splits}
        assert not strange, f"expected splits among {', '.join(made.splits)}, got {', '.join(sorted(strange))}"

    def test_lists_its_videos(self) -> None:
        """Videos have names of their own, listed in the same order each time.

        Return a list of str from ``videos``; sort what a folder lists, since another machine lists it in another order.
        """
        first, second = self.dataset().videos(), self.dataset().videos()
        assert isinstance(first, list), f"expected a list of names, got {type(first).__name__}"
        assert first, "expected at least one video, got none"
        strange = [name for name in first if not (isinstance(name, str) and name)]
        assert not strange, f"expected names, got {strange[0]!r}"
        twice = [name for name, times in Counter(first).items() if times > 1]
        assert not twice, f"expected each video once, got {twice[0]!r} more often"
        assert first == second, f"expected the same order each time, got {first[: self.most]}, then {second[: self.most]}"

    def test_says_what_is_missing_in_the_folder(self) -> None:
        """Nothing is read when it is made; the wrong folder is one InputError that names it when videos are listed.

        Read the index in ``videos``, not in ``__init__``, and raise InputError with the path that was expected.
        """
        with TemporaryDirectory() as empty:
            made = self.over(Path(empty))
            with refused(InputError, empty):
                made.videos()

    def test_refuses_an_unknown_video(self) -> None:
        """An unknown video is one InputError that names it.

        Begin ``references``, ``open`` and ``cases`` with ``self.known(video)``.
        """
        made = self.dataset()
        with refused(InputError, NAME):
            made.references(NAME)
        with refused(InputError, NAME):
            made.open(NAME)
        if made.protocols:
            with refused(InputError, NAME):
                cases.unread(made, NAME)

    def test_gives_references_with_ids(self) -> None:
        """Every video has references, each with an id of its own, the same each time.

        Return at least one ``Reference`` for each listed video; where ids come twice, add a number.
        """
        for dataset, video in self.some():
            given, again = dataset.references(video), self.dataset().references(video)
            contracts.each_is(given, Reference)
            contracts.references(given, dataset.open(video))
            same = [each.model_dump_json() for each in given] == [each.model_dump_json() for each in again]
            assert same, f"{video}: expected the same references each time, got others"

    def test_opens_its_videos(self) -> None:
        """Frames are uint8 (H, W, 3) of one size, their times increase, and a frame that is not there is an InputError.

        Open pictures with ``alref.media.open_frames`` and files with ``alref.media.open_video``, which see to it.
        """
        for dataset, video in self.some():
            opened = dataset.open(video)
            assert len(opened), f"{video}: expected at least one frame, got none"
            assert (np.diff(opened.times) > 0).all(), f"{video}: expected times that increase, got {opened.times}"
            for index, frame in opened.frames():
                expected, got = ("uint8", (opened.height, opened.width, 3)), (str(frame.dtype), frame.shape)
                assert got == expected, f"{video}, frame {index}: expected {expected}, got {got}"
            with refused(InputError):
                opened.frame(len(opened))

    def test_names_the_files_of_its_videos(self) -> None:
        """The files that it names lie on disk, or it names none.

        Return from ``files`` the paths that ``open`` reads, as they are called on disk: no change of another is ever noticed.
        """
        for dataset, video in self.some():
            lost = [path for path in dataset.files(video) if not path.is_file()]
            assert not lost, f"{video}: expected files that are there, got {lost[0]}"

    def test_says_the_same_of_a_video_each_time(self) -> None:
        """What ``entry`` says of a video can be written as JSON, and is the same each time.

        Return from ``entry`` plain data or dataclasses of it: a video of which it says something else is done again.
        """
        for dataset, video in self.some():
            first, second = key(dataset.entry(video)), key(self.dataset().entry(video))
            assert first == second, f"{video}: expected the same entry each time, got another"

    def test_can_be_sent_to_other_processes(self) -> None:
        """It can be pickled, also when it has read its index, and lists the same afterwards.

        Keep no open file and no lock in the instance, or say in ``__reduce__`` how it is made anew.
        """
        made = self.dataset()
        videos = made.videos()
        sent = pickle.loads(pickle.dumps(made))  # noqa: S301 - its own bytes
        assert (sent.split, sent.videos()) == (made.split, videos), "expected the same videos after pickling, got others"

    def test_says_faults_in_one_line(self) -> None:
        """A look through the files says each fault in one line, with the name of the video that it spoils.

        Yield ``Fault(what, video)`` from ``faults``; leave ``video`` empty when a fault is of the whole data set.
        """
        made = self.dataset()
        cases.check_faults(list(made.faults()), made.videos())

    def test_names_a_file_that_is_missing(self) -> None:
        """A file that is missing is named as a fault of its video, and the other videos can still be used.

        Look in ``faults`` for every file that ``open`` and ``cases`` read, which raise InputError when it is not there.
        """
        self._spoil(None)

    def test_names_a_file_that_cannot_be_read(self) -> None:
        """A file that cannot be read is named as a fault of its video, and the other videos can still be used.

        Decode every file in ``faults``, and turn the errors of whatever decodes into InputError in ``open`` and ``cases``.
        """
        self._spoil(b"neither a picture nor a sound")

    def _spoil(self, content: bytes | None) -> None:
        """Look among the faults for files that are not there, or that hold something else."""
        videos = self.dataset().videos()
        spoilt, others = videos[0], [video for video in videos if video != videos[0]]
        paths = self.files_of(spoilt)
        if not paths:
            raise SkipTest(f"no file is needed whose path has the name of video {spoilt}; override files_of")
        for path in paths:
            with dataset_copies.altered(self.dataset().root, [path], content) as copy:
                self._check_spoilt(self.over(copy), path.name, spoilt, others[: self.most])

    def _check_spoilt(self, damaged: Dataset, file: str, spoilt: str, others: list[str]) -> None:
        assert not cases.usable(damaged, spoilt), f"{spoilt}: expected InputError for {file}, got none"
        faults = list(damaged.faults())
        cases.check_faults(faults, damaged.videos())
        told = [each.what for each in faults if each.video == spoilt]
        assert any(file in what for what in told), f"{spoilt}: expected a fault that names {file}, got {told}"
        for other in others:
            assert cases.usable(damaged, other), f"{other}: expected to be usable, where {file} of {spoilt} is not"
