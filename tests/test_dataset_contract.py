"""What data sets promise: those that come with alref keep it, and each wrong one breaks the promise that it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alref.audio.vocabulary import load_vocabulary
from alref.components.dataset import Dataset
from alref.testing import DatasetContract, ScriptedObject
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.datasets.avsbench import AvsBenchMS3Dataset, AvsBenchS4Dataset
from alref_benchmarks.datasets.avsbench_semantic import AvsBenchV2BinaryDataset, AvssDataset
from alref_benchmarks.datasets.davis import ANNOTATOR_COUNT, RefDavis17Dataset
from alref_benchmarks.datasets.davis_prompts import Davis16Dataset, Davis17Dataset
from alref_benchmarks.datasets.expressions import MeViSDataset, MeViSv2Dataset, RefYouTubeVosDataset
from alref_benchmarks.datasets.long_rvos import LongRvosDataset
from alref_benchmarks.datasets.reasonvos import ReasonVosDataset
from alref_benchmarks.datasets.ref_sav import RefSavDataset
from alref_benchmarks.datasets.refavs import RefAvsDataset
from alref_benchmarks.datasets.revos import ReVosDataset
from support.benchmark_fixtures import build


class Miniature(DatasetContract):
    cls: type[Dataset]
    split = ""
    root: Path

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _built(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.root = build(cls.cls.name, tmp_path_factory.mktemp("data"))

    def make_dataset(self) -> Dataset:
        return self.cls(self.root, self.split)


class TestRefDavis17(Miniature):
    cls = RefDavis17Dataset
    void_label = 255

    def make_true_objects(self, dataset: Any, video: str) -> dict[str, list[ScriptedObject]]:
        labels = np.stack([Image.open(path) for path in dataset.get_true_mask_paths(video)])
        said = [dataset.get_annotator_expressions(video, annotator) for annotator in range(ANNOTATOR_COUNT)]
        return {name: [("a thing", labels == number, 1.0)] for of in said for number, name in of.items()}


class NumberedObjects:
    """True objects and prompts of DAVIS, whose first true mask is given."""

    root: Path

    def make_true_objects(self, dataset: Dataset, video: str) -> dict[str, list[ScriptedObject]]:
        (case,) = dataset.read_cases(video, self.root)
        labels = np.stack(list(case.truth))
        return {each.id: [("it", labels == int(each.id), 1.0)] for each in dataset.read_references(video)}

    def find_prompt_files(self, dataset: Any, video: str) -> list[Path]:
        return list(dataset.get_true_mask_paths(video)[:1])


class TestDavis17(NumberedObjects, Miniature):
    cls = Davis17Dataset
    void_label = 255


class TestDavis16(NumberedObjects, Miniature):
    cls = Davis16Dataset


class TestRefYouTubeVos(Miniature):
    cls, split = RefYouTubeVosDataset, "train"


class TestRefYouTubeVosWithoutTruth(Miniature):
    cls, split = RefYouTubeVosDataset, "valid"


class TestMeViS(Miniature):
    cls, split = MeViSDataset, "valid_u"


class TestMeViSv2(Miniature):
    cls, split = MeViSv2Dataset, "valid_u"


class TestLongRvos(Miniature):
    cls = LongRvosDataset


class TestReasonVos(Miniature):
    cls = ReasonVosDataset


class TestReVos(Miniature):
    cls = ReVosDataset


class TestRefSav(Miniature):
    cls = RefSavDataset


class TestS4(Miniature):
    cls = AvsBenchS4Dataset


class TestMS3(Miniature):
    cls = AvsBenchMS3Dataset


class TestAvss(Miniature):
    cls = AvssDataset

    def make_true_objects(self, dataset: Dataset, video: str) -> dict[str, list[ScriptedObject]]:
        (case,) = dataset.read_cases(video, self.root)
        labels = np.stack(list(case.truth))
        words = {number: name for number, name in enumerate(load_vocabulary("avsbench"), 1) if (labels == number).any()}
        return {case.id: [(name, labels == number, 1.0) for number, name in words.items()]}


class TestV2Binary(Miniature):
    cls = AvsBenchV2BinaryDataset


class TestRefAvs(Miniature):
    cls = RefAvsDataset


class TestRefAvsOfNothing(Miniature):
    cls, split = RefAvsDataset, "test_n"


def test_every_data_set_is_held_to_its_promises() -> None:
    assert {each.cls for each in Miniature.__subclasses__()} == set(DATASETS)
