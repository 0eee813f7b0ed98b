"""Data sets, their official measures, and what their servers want handed in."""

from __future__ import annotations

from alref.hookspecs import hookimpl
from alref.protocols import Protocol
from alref_benchmarks.protocols import PROTOCOLS


@hookimpl
def register_metrics() -> list[type[Protocol]]:
    """Announce the published ways to score."""
    return PROTOCOLS
