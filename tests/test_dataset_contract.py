"""What data sets promise: those that come with alref keep it, and each wrong one breaks the promise that it should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alref.audio.vocabulary import named
from alref.components.dataset import Dataset, Fault, NameAs
from alref.components.scores import Case
from alref.media.video import Video
from alref.records import Reference
from alref.result import Result
from alref.testing import DatasetContract, Object
from alref.testing.runner import outcomes
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.datasets.avsbench import MS3, S4
from alref_benchmarks.datasets.avsbench_semantic import Avss, V2Binary
from alref_benchmarks.datasets.davis import ANNOTATORS, RefDavis17
from alref_benchmarks.datasets.expressions import MeViS, RefYouTubeVos
from alref_benchmarks.datasets.refavs import RefAvs
from support.benchmark_fixtures import build
from support.folder_dataset import Squares, draw


class Miniature(DatasetContract):
    cls: type[Dataset]
    split = ""
    root: Path

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _built(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.root = build(cls.cls.name, tmp_path_factory.mktemp("data"))

    def dataset(self) -> Dataset:
        return self.cls(self.root, self.split)


class TestRefDavis17(Miniature):
    cls = RefDavis17
    void = 255

    def true_objects(self, dataset: Any, video: str) -> dict[str, list[Object]]:
        labels = np.stack([Image.open(path) for path in dataset.truths(video)])
        said = [dataset.said_by(video, annotator) for annotator in range(ANNOTATORS)]
        return {name: [("a thing", labels == number, 1.0)] for of in said for number, name in of.items()}


class TestRefYouTubeVos(Miniature):
    cls, split = RefYouTubeVos, "train"


class TestRefYouTubeVosWithoutTruth(Miniature):
    cls, split = RefYouTubeVos, "valid"


class TestMeViS(Miniature):
    cls, split = MeViS, "valid_u"


class TestS4(Miniature):
    cls = S4


class TestMS3(Miniature):
    cls = MS3


class TestAvss(Miniature):
    cls = Avss

    def true_objects(self, dataset: Dataset, video: str) -> dict[str, list[Object]]:
        (case,) = dataset.cases(video, self.root)
        labels = np.stack(list(case.truth))
        words = {number: name for number, name in enumerate(named("avsbench"), 1) if (labels == number).any()}
        return {case.id: [(name, labels == number, 1.0) for number, name in words.items()]}


class TestV2Binary(Miniature):
    cls = V2Binary


class TestRefAvs(Miniature):
    cls = RefAvs


class TestRefAvsOfNothing(Miniature):
    cls, split = RefAvs, "test_n"


def test_every_data_set_is_held_to_its_promises() -> None:
    assert {each.cls for each in Miniature.__subclasses__()} == set(DATASETS)


class SaysNothing(Squares):
    """Has no licence."""

    licence = ""


class TakesAnySplit(Squares):
    """Takes any split for the usual one."""

    def __init__(self, root: Path, split: str = "") -> None:
        super().__init__(root)


class IsScoredByNobody(Squares):
    """Names a protocol that there is not."""

    scored = {"test": ("no-such-protocol",)}


class ListsTwice(Squares):
    """Lists a video twice."""

    def videos(self) -> list[str]:
        return [*super().videos(), super().videos()[0]]


class ListsInAnyOrder(Squares):
    """Lists its videos in another order when it is made anew."""

    turns = cycle([1, -1])

    def __init__(self, root: Path, split: str = "") -> None:
        super().__init__(root, split)
        self.turn = next(self.turns)

    def videos(self) -> list[str]:
        return super().videos()[:: self.turn]


class ReadsAtOnce(Squares):
    """Lists its videos when it is made."""

    def __init__(self, root: Path, split: str = "") -> None:
        super().__init__(root, split)
        self.listed = super().videos()


class RepeatsIds(Squares):
    """Gives two references one id."""

    def references(self, video: str) -> list[Reference]:
        return super().references(video) * 2


class RaisesKeyError(Squares):
    """Lets the error of a dictionary through."""

    def references(self, video: str) -> list[Reference]:
        return super().references({name: name for name in self.videos()}[video])


class OpensFloats(Squares):
    """Gives frames of numbers from 0 to 1."""

    def open(self, video: str) -> Video:
        opened = super().open(video)
        opened.frames = lambda: ((index, opened.frame(index) / 255) for index in range(len(opened)))  # type: ignore[method-assign]
        return opened


class StandsStill(Squares):
    """Gives all frames one time."""

    def open(self, video: str) -> Video:
        opened = super().open(video)
        opened.times = opened.times * 0
        return opened


class NamesFilesElsewhere(Squares):
    """Names files as if they lay in another folder."""

    def files(self, video: str) -> list[Path]:
        return [Path(path.name) for path in self.pictures(video, "frames")]


class SaysOtherThings(Squares):
    """Says something else each time."""

    def entry(self, video: str) -> int:
        return next(ListsInAnyOrder.turns)


class CannotBeSent(Squares):
    """Holds a lock."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.root, self.split, Lock())


class BlamesAnother(Squares):
    """Finds a fault of a video that it does not list."""

    def faults(self) -> Iterator[Fault]:
        yield Fault("cannot be read", "video 9")


class HasLongFaults(Squares):
    """Says faults in two lines."""

    def faults(self) -> Iterator[Fault]:
        return (Fault(f"{fault.what}\ndownload it again", fault.video) for fault in super().faults())


class SeesNoFault(Squares):
    """Looks at no file."""

    def faults(self) -> Iterator[Fault]:
        return iter(())


class FailsAsAWhole(Squares):
    """Opens all videos to open one."""

    def open(self, video: str) -> Video:
        for each in self.videos():
            super().open(each)
        return super().open(video)


class RaisesOSError(Squares):
    """Lets the error of a missing file through."""

    def open(self, video: str) -> Video:
        for path in self.pictures(video, "frames"):
            path.read_bytes()
        return super().open(video)


class GivesTruthAway(Squares):
    """Says that the truth is not public, and gives it."""

    scored = {"train": ()}

    def need_truth(self) -> None:
        pass


class HasSmallTruth(Squares):
    """Gives the truth at half the size."""

    def cases(self, video: str, folder: Path) -> Iterator[Case]:
        return (replace(case, truth=(frame[::2, ::2] for frame in case.truth)) for case in super().cases(video, folder))


class ReadsTruthAtOnce(Squares):
    """Reads the true masks before they are asked for."""

    def cases(self, video: str, folder: Path) -> Iterator[Case]:
        return (replace(case, truth=list(case.truth)) for case in super().cases(video, folder))


class WritesBeside(Squares):
    """Writes into a folder of its own choice."""

    def write(self, result: Result, video: str, folder: Path, name_as: NameAs) -> None:
        super().write(result, video, folder.parent / "results", name_as)


class ReadsBackwards(Squares):
    """Reads the last frame first."""

    def cases(self, video: str, folder: Path) -> Iterator[Case]:
        for case in super().cases(video, folder):
            yield replace(case, predicted=case.predicted and list(case.predicted)[::-1])


class MakesUpMasks(Squares):
    """Takes what was not handed in for a result without frames."""

    def cases(self, video: str, folder: Path) -> Iterator[Case]:
        return (replace(case, predicted=case.predicted or ()) for case in super().cases(video, folder))


class MixesReferences(Squares):
    """Writes the masks of one reference as those of the other."""

    def write(self, result: Result, video: str, folder: Path, name_as: NameAs) -> None:
        super().write(result, video, folder, name_as)
        home = folder / video
        (home / "red").rename(home / "purple")
        (home / "blue").rename(home / "red")
        (home / "purple").rename(home / "blue")


SPOILT = ["names_a_file_that_is_missing", "names_a_file_that_cannot_be_read"]
WRONG: dict[type[Dataset], list[str]] = {
    SaysNothing: ["explains_itself"],
    TakesAnySplit: ["knows_its_splits"],
    IsScoredByNobody: ["names_ways_to_score_that_there_are"],
    ListsTwice: ["lists_its_videos"],
    ListsInAnyOrder: ["lists_its_videos"],
    ReadsAtOnce: ["says_what_is_missing_in_the_folder"],
    RepeatsIds: ["gives_references_with_ids"],
    RaisesKeyError: ["refuses_an_unknown_video"],
    OpensFloats: ["opens_its_videos"],
    StandsStill: ["opens_its_videos"],
    NamesFilesElsewhere: ["names_the_files_of_its_videos"],
    SaysOtherThings: ["says_the_same_of_a_video_each_time"],
    CannotBeSent: ["can_be_sent_to_other_processes"],
    BlamesAnother: ["says_faults_in_one_line", *SPOILT],
    HasLongFaults: SPOILT,
    SeesNoFault: SPOILT,
    FailsAsAWhole: SPOILT,
    RaisesOSError: SPOILT,
    GivesTruthAway: ["gives_the_truth_or_says_that_it_is_not_public"],
    HasSmallTruth: ["gives_the_truth_or_says_that_it_is_not_public", "reads_back_what_it_wrote", "scores_the_truth_as_perfect"],
    ReadsTruthAtOnce: ["reads_no_picture_before_it_is_asked_for"],
    WritesBeside: ["writes_where_it_is_told", "reads_back_what_it_wrote", "scores_the_truth_as_perfect"],
    ReadsBackwards: ["reads_back_what_it_wrote", "scores_the_truth_as_perfect"],
    MakesUpMasks: ["tells_what_was_not_handed_in"],
    MixesReferences: ["scores_the_truth_as_perfect"],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("squares"))


def broken(cls: type[Dataset], root: Path) -> list[str]:
    """Return the tests that a data set fails."""

    class Contract(DatasetContract):
        def dataset(self) -> Dataset:
            return cls(root)

    return [each.test.removeprefix("test_") for each in outcomes(Contract, cls, {}) if each.state == "broken"]


def test_a_right_data_set_breaks_no_promise(root: Path) -> None:
    assert broken(Squares, root) == []


@pytest.mark.parametrize(("cls", "tests"), WRONG.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_data_set_breaks_the_promise_that_it_should(cls: type[Dataset], tests: list[str], root: Path) -> None:
    assert broken(cls, root) == tests
