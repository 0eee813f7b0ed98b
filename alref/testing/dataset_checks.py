"""The contract of a dataset: the videos and references that it reads, and missing or damaged files."""

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
from alref.testing.contract import NotExercised
from alref.testing.errors import assert_raises

UNKNOWN_VIDEO = "no such video"


class DatasetReadingContract:
    """The contract of reading a dataset. Frames of the first ``max_videos`` videos only are read."""

    max_videos: ClassVar[int] = 3

    def make_dataset(self) -> Dataset:
        """Return a new instance of the dataset to test, over a small folder."""
        raise NotImplementedError("return the dataset to test, over a small folder")

    def make_dataset_in(self, root: Path) -> Dataset:
        """Return the same split of the dataset in another folder."""
        dataset = self.make_dataset()
        return type(dataset)(root, dataset.split)

    def find_required_files(self, video: str) -> list[Path]:
        """Return files that a video needs. Default: one file per folder, found by the name of the video."""
        root = self.make_dataset().root
        firsts = {path.parent: path for path in reversed(list(dataset_copies.find_video_files(root, video)))}
        required = []
        for path in firsts.values():
            with dataset_copies.make_altered_copy(root, [path], None) as copy:
                required += [] if cases.is_usable(self.make_dataset_in(copy), video) else [path]
        return required

    def iterate_videos(self) -> Iterator[tuple[Dataset, str]]:
        """Yield the dataset with the name of each video to check. Raises NotExercised if there is no video."""
        dataset = self.make_dataset()
        for video in self.list_some_videos(dataset):
            yield dataset, video

    def list_some_videos(self, dataset: Dataset) -> list[str]:
        """Return the names of the first videos. Raises NotExercised if there is none."""
        videos = list(dict.fromkeys(dataset.list_videos()))[: self.max_videos]
        if not videos:
            raise NotExercised("the dataset has no video, so this was not checked")
        return videos

    def test_explains_itself(self) -> None:
        """It has a name, a docstring, a homepage and a license.

        Set ``name`` in lower case without spaces, ``homepage`` and ``license``, and describe the dataset in the docstring.
        """
        cls = type(self.make_dataset())
        assert cls.name == "".join(cls.name.lower().split()), f"expected one word in lower case, got name = {cls.name!r}"
        missing = [what for what in ("name", "homepage", "license", "__doc__") if not (getattr(cls, what) or "").strip()]
        assert not missing, f"expected text in each of name, homepage, license and __doc__, got none in {', '.join(missing)}"

    def test_knows_its_splits(self) -> None:
        """An unknown split raises ConfigError, and all declared splits exist.

        Call ``super().__init__(root, split)``; list each split once in ``splits``, and use no other split in
        ``split_protocols`` and ``published_counts``.
        """
        dataset = self.make_dataset()
        with assert_raises(ConfigError, "no-such-split"):
            type(dataset)(dataset.root, "no-such-split")
        assert len({*dataset.splits}) == len(dataset.splits), f"expected each split once, got {dataset.splits}"
        invalid = {dataset.split, *dataset.split_protocols, *dataset.published_counts} - {*dataset.splits}
        assert not invalid, f"expected splits among {', '.join(dataset.splits)}, got {', '.join(sorted(invalid))}"

    def test_lists_its_videos(self) -> None:
        """Video names are unique and are listed in the same order each time.

        Return a list of str from ``list_videos``; sort the entries of a folder, because their order depends on the machine.
        """
        first, second = self.make_dataset().list_videos(), self.make_dataset().list_videos()
        assert isinstance(first, list), f"expected a list of names, got {type(first).__name__}"
        assert first, "expected at least one video, got none"
        invalid = [name for name in first if not (isinstance(name, str) and name)]
        assert not invalid, f"expected names, got {invalid[0]!r}"
        repeated = [name for name, times in Counter(first).items() if times > 1]
        assert not repeated, f"expected each video once, got {repeated[0]!r} several times"
        assert first == second, (
            f"expected the same order each time, got {first[: self.max_videos]}, then {second[: self.max_videos]}"
        )

    def test_says_what_is_missing_in_the_folder(self) -> None:
        """The constructor reads nothing; listing the videos of a wrong folder raises InputError with the path.

        Read the index in ``list_videos``, not in ``__init__``, and raise InputError with the expected path.
        """
        with TemporaryDirectory() as empty:
            dataset = self.make_dataset_in(Path(empty))
            with assert_raises(InputError, empty):
                dataset.list_videos()

    def test_refuses_an_unknown_video(self) -> None:
        """An unknown video raises InputError with its name.

        Call ``self.require_video(video)`` first in ``read_references``, ``open_video`` and ``read_cases``.
        """
        dataset = self.make_dataset()
        with assert_raises(InputError, UNKNOWN_VIDEO):
            dataset.read_references(UNKNOWN_VIDEO)
        with assert_raises(InputError, UNKNOWN_VIDEO):
            dataset.open_video(UNKNOWN_VIDEO)
        if dataset.protocols:
            with assert_raises(InputError, UNKNOWN_VIDEO):
                cases.list_unread_cases(dataset, UNKNOWN_VIDEO)

    def test_gives_references_with_ids(self) -> None:
        """Every video has references with unique ids, the same each time.

        Return at least one ``Reference`` for each video; append a number to ids that repeat.
        """
        for dataset, video in self.iterate_videos():
            given, again = dataset.read_references(video), self.make_dataset().read_references(video)
            contracts.check_list_of(given, Reference)
            contracts.check_references(given, dataset.open_video(video))
            same = [each.model_dump_json() for each in given] == [each.model_dump_json() for each in again]
            assert same, f"{video}: expected the same references each time, got others"

    def test_opens_its_videos(self) -> None:
        """Frames are uint8 (H, W, 3) of one size, times increase, and a frame outside the video raises InputError.

        Open images with ``alref.media.open_frames`` and files with ``alref.media.open_video``, which check all of this.
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
        """The files that it lists exist, or it lists none.

        Return the paths that ``open_video`` reads from ``list_files``, exactly as they are named on disk: a change to any other
        file is not noticed.
        """
        for dataset, video in self.iterate_videos():
            lost = [path for path in dataset.list_files(video) if not path.is_file()]
            assert not lost, f"{video}: expected files that exist, got {lost[0]}"

    def test_describes_a_video_the_same_each_time(self) -> None:
        """``get_index_entry`` returns the same JSON-compatible data each time.

        Return plain data or dataclasses of plain data from ``get_index_entry``: a video is computed again if its entry changes.
        """
        for dataset, video in self.iterate_videos():
            first, second = compute_key(dataset.get_index_entry(video)), compute_key(self.make_dataset().get_index_entry(video))
            assert first == second, f"{video}: expected the same entry each time, got a different one"

    def test_can_be_sent_to_other_processes(self) -> None:
        """It can be pickled, before and after it reads its index, and lists the same videos afterwards.

        Do not store an open file or a lock in the instance, or define ``__reduce__``.
        """
        dataset = self.make_dataset()
        videos = dataset.list_videos()
        sent = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - its own bytes
        assert (sent.split, sent.list_videos()) == (dataset.split, videos), (
            "expected the same videos after pickling, got others"
        )

    def test_reports_faults_in_one_line(self) -> None:
        """``find_problems`` reports each problem in one line with the name of the affected video.

        Yield ``DatasetProblem(message, video)`` from ``find_problems``; leave ``video`` empty if a problem concerns the whole
        dataset.
        """
        dataset = self.make_dataset()
        cases.check_faults(list(dataset.find_problems()), dataset.list_videos())

    def test_names_a_file_that_is_missing(self) -> None:
        """A missing file is reported as a problem of its video, and the other videos remain usable.

        Check in ``find_problems`` every file that ``open_video`` and ``read_cases`` read; these raise InputError if it is
        missing.
        """
        self._check_damaged_files(None)

    def test_names_a_file_that_cannot_be_read(self) -> None:
        """An unreadable file is reported as a problem of its video, and the other videos remain usable.

        Decode every file in ``find_problems``, and convert the errors of the decoder to InputError in ``open_video`` and
        ``read_cases``.
        """
        self._check_damaged_files(b"neither an image nor audio")

    def _check_damaged_files(self, content: bytes | None) -> None:
        """Check the reported problems of a copy in which files are missing or damaged."""
        damaged_video, *others = self.list_some_videos(self.make_dataset())
        paths = self.find_required_files(damaged_video)
        if not paths:
            raise SkipTest(f"no required file has a path with the name of video {damaged_video}; override find_required_files")
        for path in paths:
            with dataset_copies.make_altered_copy(self.make_dataset().root, [path], content) as copy:
                self._check_damaged_dataset(self.make_dataset_in(copy), path.name, damaged_video, others)

    def _check_damaged_dataset(self, damaged: Dataset, file: str, video: str, others: list[str]) -> None:
        assert not cases.is_usable(damaged, video), f"{video}: expected InputError for {file}, got none"
        faults = list(damaged.find_problems())
        cases.check_faults(faults, damaged.list_videos())
        messages = [each.message for each in faults if each.video == video]
        assert any(file in what for what in messages), f"{video}: expected a problem that names {file}, got {messages}"
        for other in others:
            assert cases.is_usable(damaged, other), (
                f"{other}: expected the video to be usable although {file} of {video} is damaged"
            )
