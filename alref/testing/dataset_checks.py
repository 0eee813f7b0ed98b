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
from alref.pipeline.stage_cache import compute_key
from alref.records import Reference
from alref.testing import cases, dataset_copies
from alref.testing.errors import assert_raises

UNKNOWN_VIDEO = "no such video"


class DatasetReadingContract:
    """What a data set promises of what it reads. Frames are read of the first ``max_videos`` videos only."""

    max_videos: ClassVar[int] = 3

    def make_dataset(self) -> Dataset:
        """Return the data set to test, made anew over a small folder."""
        raise NotImplementedError("return the data set to test, over a small folder")

    def make_dataset_in(self, root: Path) -> Dataset:
        """Return the same split of the data set in another folder."""
        made = self.make_dataset()
        return type(made)(root, made.split)

    def find_required_files(self, video: str) -> list[Path]:
        """Return files without which a video cannot be used. Default: one of each folder, found by the video's name."""
        root = self.make_dataset().root
        firsts = {path.parent: path for path in reversed(list(dataset_copies.find_video_files(root, video)))}
        return [path for path in firsts.values() if not self._is_usable_without(path, video)]

    def _is_usable_without(self, path: Path, video: str) -> bool:
        with dataset_copies.make_altered_copy(self.make_dataset().root, [path], None) as copy:
            return cases.is_usable(self.make_dataset_in(copy), video)

    def iterate_videos(self) -> Iterator[tuple[Dataset, str]]:
        """Yield the data set with the name of each video to look at."""
        dataset = self.make_dataset()
        for video in dataset.list_videos()[: self.max_videos]:
            yield dataset, video

    def test_explains_itself(self) -> None:
        """It has a name that people can type, a docstring, a homepage and a license.

        Set ``name`` in lower case without spaces, ``homepage`` and ``license``, and say in the docstring what the data set is.
        """
        cls = type(self.make_dataset())
        assert cls.name == "".join(cls.name.lower().split()), f"expected one word in lower case, got name = {cls.name!r}"
        lacking = [what for what in ("name", "homepage", "license", "__doc__") if not (getattr(cls, what) or "").strip()]
        assert not lacking, f"expected words in each of name, homepage, license and __doc__, got none in {', '.join(lacking)}"

    def test_knows_its_splits(self) -> None:
        """An unknown split is one ConfigError, and nothing is said of splits that there are not.

        Call ``super().__init__(root, split)``; list each split once in ``splits``, and use no other in ``split_protocols``,
        ``published_counts``.
        """
        made = self.make_dataset()
        with assert_raises(ConfigError, "no-such-split"):
            type(made)(made.root, "no-such-split")
        assert len({*made.splits}) == len(made.splits), f"expected each split once, got {made.splits}"
        strange = {made.split, *made.split_protocols, *made.published_counts} - {*made.splits}
        assert not strange, f"expected splits among {', '.join(made.splits)}, got {', '.join(sorted(strange))}"

    def test_lists_its_videos(self) -> None:
        """Videos have names of their own, listed in the same order each time.

        Return a list of str from ``list_videos``; sort what a folder lists, since another machine lists it in another order.
        """
        first, second = self.make_dataset().list_videos(), self.make_dataset().list_videos()
        assert isinstance(first, list), f"expected a list of names, got {type(first).__name__}"
        assert first, "expected at least one video, got none"
        strange = [name for name in first if not (isinstance(name, str) and name)]
        assert not strange, f"expected names, got {strange[0]!r}"
        twice = [name for name, times in Counter(first).items() if times > 1]
        assert not twice, f"expected each video once, got {twice[0]!r} more often"
        assert first == second, (
            f"expected the same order each time, got {first[: self.max_videos]}, then {second[: self.max_videos]}"
        )

    def test_says_what_is_missing_in_the_folder(self) -> None:
        """Nothing is read when it is made; the wrong folder is one InputError that names it when videos are listed.

        Read the index in ``list_videos``, not in ``__init__``, and raise InputError with the path that was expected.
        """
        with TemporaryDirectory() as empty:
            made = self.make_dataset_in(Path(empty))
            with assert_raises(InputError, empty):
                made.list_videos()

    def test_refuses_an_unknown_video(self) -> None:
        """An unknown video is one InputError that names it.

        Begin ``read_references``, ``open_video`` and ``read_cases`` with ``self.require_video(video)``.
        """
        made = self.make_dataset()
        with assert_raises(InputError, UNKNOWN_VIDEO):
            made.read_references(UNKNOWN_VIDEO)
        with assert_raises(InputError, UNKNOWN_VIDEO):
            made.open_video(UNKNOWN_VIDEO)
        if made.protocols:
            with assert_raises(InputError, UNKNOWN_VIDEO):
                cases.list_unread_cases(made, UNKNOWN_VIDEO)

    def test_gives_references_with_ids(self) -> None:
        """Every video has references, each with an id of its own, the same each time.

        Return at least one ``Reference`` for each listed video; where ids come twice, add a number.
        """
        for dataset, video in self.iterate_videos():
            given, again = dataset.read_references(video), self.make_dataset().read_references(video)
            contracts.check_list_of(given, Reference)
            contracts.check_references(given, dataset.open_video(video))
            same = [each.model_dump_json() for each in given] == [each.model_dump_json() for each in again]
            assert same, f"{video}: expected the same references each time, got others"

    def test_opens_its_videos(self) -> None:
        """Frames are uint8 (H, W, 3) of one size, their times increase, and a frame that is not there is an InputError.

        Open pictures with ``alref.media.open_frames`` and files with ``alref.media.open_video``, which see to it.
        """
        for dataset, video in self.iterate_videos():
            opened = dataset.open_video(video)
            assert len(opened), f"{video}: expected at least one frame, got none"
            assert (np.diff(opened.times) > 0).all(), f"{video}: expected times that increase, got {opened.times}"
            for index, frame in opened.read_frames():
                expected, got = ("uint8", (opened.height, opened.width, 3)), (str(frame.dtype), frame.shape)
                assert got == expected, f"{video}, frame {index}: expected {expected}, got {got}"
            with assert_raises(InputError):
                opened.read_frame(len(opened))

    def test_names_the_files_of_its_videos(self) -> None:
        """The files that it names lie on disk, or it names none.

        Return from ``list_files`` the paths that ``open_video`` reads, as they are called on disk: no change of another is ever
        noticed.
        """
        for dataset, video in self.iterate_videos():
            lost = [path for path in dataset.list_files(video) if not path.is_file()]
            assert not lost, f"{video}: expected files that are there, got {lost[0]}"

    def test_describes_a_video_the_same_each_time(self) -> None:
        """What ``get_index_entry`` says of a video can be written as JSON, and is the same each time.

        Return from ``get_index_entry`` plain data or dataclasses of it: a video of which it says something else is done again.
        """
        for dataset, video in self.iterate_videos():
            first, second = compute_key(dataset.get_index_entry(video)), compute_key(self.make_dataset().get_index_entry(video))
            assert first == second, f"{video}: expected the same entry each time, got another"

    def test_can_be_sent_to_other_processes(self) -> None:
        """It can be pickled, also when it has read its index, and lists the same afterwards.

        Keep no open file and no lock in the instance, or say in ``__reduce__`` how it is made anew.
        """
        made = self.make_dataset()
        videos = made.list_videos()
        sent = pickle.loads(pickle.dumps(made))  # noqa: S301 - its own bytes
        assert (sent.split, sent.list_videos()) == (made.split, videos), "expected the same videos after pickling, got others"

    def test_reports_faults_in_one_line(self) -> None:
        """A look through the files says each fault in one line, with the name of the video that it spoils.

        Yield ``DatasetProblem(message, video)`` from ``find_problems``; leave ``video`` empty when a fault is of the whole data
        set.
        """
        made = self.make_dataset()
        cases.check_faults(list(made.find_problems()), made.list_videos())

    def test_names_a_file_that_is_missing(self) -> None:
        """A file that is missing is named as a fault of its video, and the other videos can still be used.

        Look in ``find_problems`` for every file that ``open_video`` and ``read_cases`` read, which raise InputError when it is
        not there.
        """
        self._check_damaged_files(None)

    def test_names_a_file_that_cannot_be_read(self) -> None:
        """A file that cannot be read is named as a fault of its video, and the other videos can still be used.

        Decode every file in ``find_problems``, and turn the errors of whatever decodes into InputError in ``open_video`` and
        ``read_cases``.
        """
        self._check_damaged_files(b"neither a picture nor a sound")

    def _check_damaged_files(self, content: bytes | None) -> None:
        """Look among the faults for files that are not there, or that hold something else."""
        videos = self.make_dataset().list_videos()
        spoilt, others = videos[0], [video for video in videos if video != videos[0]]
        paths = self.find_required_files(spoilt)
        if not paths:
            raise SkipTest(f"no file is needed whose path has the name of video {spoilt}; override files_of")
        for path in paths:
            with dataset_copies.make_altered_copy(self.make_dataset().root, [path], content) as copy:
                self._check_damaged_dataset(self.make_dataset_in(copy), path.name, spoilt, others[: self.max_videos])

    def _check_damaged_dataset(self, damaged: Dataset, file: str, video: str, others: list[str]) -> None:
        assert not cases.is_usable(damaged, video), f"{video}: expected InputError for {file}, got none"
        faults = list(damaged.find_problems())
        cases.check_faults(faults, damaged.list_videos())
        told = [each.message for each in faults if each.video == video]
        assert any(file in what for what in told), f"{video}: expected a fault that names {file}, got {told}"
        for other in others:
            assert cases.is_usable(damaged, other), f"{other}: expected to be usable, where {file} of {video} is not"
