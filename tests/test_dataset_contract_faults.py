"""Wrong datasets: each breaks the checks of the dataset contract that it should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from alref.components.dataset import Dataset, DatasetProblem, NameMatcher
from alref.components.scores import Case
from alref.media.video import Video
from alref.records import Reference
from alref.result import Result
from alref.testing import DatasetContract
from alref.testing.runner import run_checks
from support.folder_dataset import Squares, draw


class SaysNothing(Squares):
    """Has no license."""

    license = ""


class TakesAnySplit(Squares):
    """Takes any split for the usual one."""

    def __init__(self, root: Path, split: str = "") -> None:
        super().__init__(root)


class IsScoredByNobody(Squares):
    """Names a protocol that there is not."""

    split_protocols = {"test": ("no-such-protocol",)}


class ListsTwice(Squares):
    """Lists a video twice."""

    def list_videos(self) -> list[str]:
        return [*super().list_videos(), super().list_videos()[0]]


class ListsInAnyOrder(Squares):
    """Lists its videos in another order when it is made anew."""

    turns = cycle([1, -1])

    def __init__(self, root: Path, split: str = "") -> None:
        super().__init__(root, split)
        self.turn = next(self.turns)

    def list_videos(self) -> list[str]:
        return super().list_videos()[:: self.turn]


class ReadsAtOnce(Squares):
    """Lists its videos when it is made."""

    def __init__(self, root: Path, split: str = "") -> None:
        super().__init__(root, split)
        self.listed = super().list_videos()


class RepeatsIds(Squares):
    """Gives two references one id."""

    def read_references(self, video: str) -> list[Reference]:
        return super().read_references(video) * 2


class RaisesKeyError(Squares):
    """Lets the error of a dictionary through."""

    def read_references(self, video: str) -> list[Reference]:
        return super().read_references({name: name for name in self.list_videos()}[video])


class OpensFloats(Squares):
    """Gives frames of numbers from 0 to 1."""

    def open_video(self, video: str) -> Video:
        opened = super().open_video(video)
        opened.read_frames = lambda: ((index, opened.read_frame(index) / 255) for index in range(len(opened)))  # type: ignore[method-assign]
        return opened


class StandsStill(Squares):
    """Gives all frames one time."""

    def open_video(self, video: str) -> Video:
        opened = super().open_video(video)
        opened.times = opened.times * 0
        return opened


class NamesFilesElsewhere(Squares):
    """Names files as if they lay in another folder."""

    def list_files(self, video: str) -> list[Path]:
        return [Path(path.name) for path in self.pictures(video, "frames")]


class SaysOtherThings(Squares):
    """Says something else each time."""

    def get_index_entry(self, video: str) -> int:
        return next(ListsInAnyOrder.turns)


class CannotBeSent(Squares):
    """Holds a lock."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.root, self.split, Lock())


class BlamesAnother(Squares):
    """Finds a fault of a video that it does not list."""

    def find_problems(self) -> Iterator[DatasetProblem]:
        yield DatasetProblem("cannot be read", "video 9")


class HasLongFaults(Squares):
    """Says faults in two lines."""

    def find_problems(self) -> Iterator[DatasetProblem]:
        return (DatasetProblem(f"{fault.message}\ndownload it again", fault.video) for fault in super().find_problems())


class SeesNoFault(Squares):
    """Looks at no file."""

    def find_problems(self) -> Iterator[DatasetProblem]:
        return iter(())


class FailsAsAWhole(Squares):
    """Opens all videos to open one."""

    def open_video(self, video: str) -> Video:
        for each in self.list_videos():
            super().open_video(each)
        return super().open_video(video)


class RaisesOSError(Squares):
    """Lets the error of a missing file through."""

    def open_video(self, video: str) -> Video:
        for path in self.pictures(video, "frames"):
            path.read_bytes()
        return super().open_video(video)


class GivesTruthAway(Squares):
    """Says that the truth is not public, and gives it."""

    split_protocols = {"train": ()}

    def require_ground_truth(self) -> None:
        pass


class HasSmallTruth(Squares):
    """Gives the truth at half the size."""

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        return (replace(case, truth=(frame[::2, ::2] for frame in case.truth)) for case in super().read_cases(video, folder))


class ReadsTruthAtOnce(Squares):
    """Reads the true masks before they are asked for."""

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        return (replace(case, truth=list(case.truth)) for case in super().read_cases(video, folder))


class WritesBeside(Squares):
    """Writes into a folder of its own choice."""

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        super().write_masks(result, video, folder.parent / "results", match_names)


class ReadsBackwards(Squares):
    """Reads the last frame first."""

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        for case in super().read_cases(video, folder):
            yield replace(case, predicted=case.predicted and list(case.predicted)[::-1])


class MakesUpMasks(Squares):
    """Takes what was not handed in for a result without frames."""

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        return (replace(case, predicted=case.predicted or ()) for case in super().read_cases(video, folder))


class MixesReferences(Squares):
    """Writes the masks of one reference as those of the other."""

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        super().write_masks(result, video, folder, match_names)
        home = folder / video
        (home / "red").rename(home / "purple")
        (home / "blue").rename(home / "red")
        (home / "purple").rename(home / "blue")


SPOILT = ["names_a_file_that_is_missing", "names_a_file_that_cannot_be_read"]
WRONG: dict[type[Dataset], list[str]] = {
    SaysNothing: ["explains_itself"],
    TakesAnySplit: ["knows_its_splits"],
    IsScoredByNobody: ["names_registered_protocols"],
    ListsTwice: ["lists_its_videos"],
    ListsInAnyOrder: ["lists_its_videos"],
    ReadsAtOnce: ["says_what_is_missing_in_the_folder"],
    RepeatsIds: ["gives_references_with_ids"],
    RaisesKeyError: ["refuses_an_unknown_video"],
    OpensFloats: ["opens_its_videos"],
    StandsStill: ["opens_its_videos"],
    NamesFilesElsewhere: ["names_the_files_of_its_videos"],
    SaysOtherThings: ["describes_a_video_the_same_each_time"],
    CannotBeSent: ["can_be_sent_to_other_processes"],
    BlamesAnother: ["reports_faults_in_one_line", *SPOILT],
    HasLongFaults: SPOILT,
    SeesNoFault: SPOILT,
    FailsAsAWhole: SPOILT,
    RaisesOSError: SPOILT,
    GivesTruthAway: ["gives_the_truth_or_says_that_it_is_not_public"],
    HasSmallTruth: ["gives_the_truth_or_says_that_it_is_not_public", "reads_back_what_it_wrote", "scores_the_truth_as_perfect"],
    ReadsTruthAtOnce: ["reads_images_lazily"],
    WritesBeside: ["writes_only_below_the_given_folder", "reads_back_what_it_wrote", "scores_the_truth_as_perfect"],
    ReadsBackwards: ["reads_back_what_it_wrote", "scores_the_truth_as_perfect"],
    MakesUpMasks: ["predicts_none_without_results"],
    MixesReferences: ["scores_the_truth_as_perfect"],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("squares"))


def broken(cls: type[Dataset], root: Path) -> list[str]:
    """Return the tests that a data set fails."""

    class Contract(DatasetContract):
        def make_dataset(self) -> Dataset:
            return cls(root)

    return [each.test.removeprefix("test_") for each in run_checks(Contract, cls, {}) if each.state == "failed"]


def test_a_right_data_set_breaks_no_promise(root: Path) -> None:
    assert broken(Squares, root) == []


@pytest.mark.parametrize(("cls", "tests"), WRONG.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_data_set_breaks_the_promise_that_it_should(cls: type[Dataset], tests: list[str], root: Path) -> None:
    assert broken(cls, root) == tests
