"""Datasets, their official metrics, and archives for evaluation servers."""

from __future__ import annotations

from alref import Dataset, EvaluationProtocol, hookimpl
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.protocols import PROTOCOLS


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    """Register the datasets."""
    return DATASETS


@hookimpl
def register_metrics() -> list[type[EvaluationProtocol]]:
    """Register the published protocols."""
    return PROTOCOLS
