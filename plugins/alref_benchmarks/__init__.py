"""Data sets, their official measures, and what their servers want handed in."""

from __future__ import annotations

from alref.datasets import Dataset
from alref.hookspecs import hookimpl
from alref.protocols import Protocol
from alref_benchmarks.datasets import DATASETS
from alref_benchmarks.protocols import PROTOCOLS


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    """Announce the data sets as they are downloaded."""
    return DATASETS


@hookimpl
def register_metrics() -> list[type[Protocol]]:
    """Announce the published ways to score."""
    return PROTOCOLS
