"""The data sets that come with alref. Nothing heavy is imported until one of them is read."""

from __future__ import annotations

from alref.components.dataset import Dataset
from alref_benchmarks.datasets.avsbench import MS3, S4
from alref_benchmarks.datasets.avsbench_semantic import Avss, V2Binary
from alref_benchmarks.datasets.davis import RefDavis17
from alref_benchmarks.datasets.expressions import MeViS, RefYouTubeVos
from alref_benchmarks.datasets.refavs import RefAvs

DATASETS: list[type[Dataset]] = [RefDavis17, RefYouTubeVos, MeViS, S4, MS3, Avss, V2Binary, RefAvs]
