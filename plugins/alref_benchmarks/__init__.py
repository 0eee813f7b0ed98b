"""Data sets, their official measures, and what their servers want handed in."""

from __future__ import annotations

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.plugins.hookspecs import hookimpl
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.protocols import PROTOCOLS


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    """Announce the data sets as they are downloaded."""
    return DATASETS


@hookimpl
def register_metrics() -> list[type[EvaluationProtocol]]:
    """Announce the published ways to score."""
    return PROTOCOLS
