"""The datasets that come with alref. Nothing heavy is imported until one of them is read."""

from __future__ import annotations

from alref import Dataset
from alref_benchmarks.datasets.avsbench import AvsBenchMS3Dataset, AvsBenchS4Dataset
from alref_benchmarks.datasets.avsbench_semantic import AvsBenchV2BinaryDataset, AvssDataset
from alref_benchmarks.datasets.davis import RefDavis17Dataset
from alref_benchmarks.datasets.davis_prompts import Davis16Dataset, Davis17Dataset
from alref_benchmarks.datasets.expressions import MeViSDataset, MeViSv2Dataset, RefYouTubeVosDataset
from alref_benchmarks.datasets.long_rvos import LongRvosDataset
from alref_benchmarks.datasets.reasonvos import ReasonVosDataset
from alref_benchmarks.datasets.ref_sav import RefSavDataset
from alref_benchmarks.datasets.refavs import RefAvsDataset
from alref_benchmarks.datasets.revos import ReVosDataset

DATASETS: list[type[Dataset]] = [
    RefDavis17Dataset,
    Davis17Dataset,
    Davis16Dataset,
    RefYouTubeVosDataset,
    MeViSDataset,
    MeViSv2Dataset,
    LongRvosDataset,
    ReasonVosDataset,
    ReVosDataset,
    RefSavDataset,
    AvsBenchS4Dataset,
    AvsBenchMS3Dataset,
    AvssDataset,
    AvsBenchV2BinaryDataset,
    RefAvsDataset,
]
