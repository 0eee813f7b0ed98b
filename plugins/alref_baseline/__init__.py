"""Components that need no download, no key and no GPU: the default pipeline, and the plain rows of an ablation."""

from __future__ import annotations

from alref.components.base import Locator, Propagator, Proposer, SpatialReasoner, Tagger, TemporalReasoner, Transcriber, Unifier
from alref.plugins.hookspecs import hookimpl
from alref_baseline.audio import Always, Energy
from alref_baseline.reasoners import FirstFrame, MiddleFrame, Rules, TopScore, Uniform
from alref_baseline.replay import Replay
from alref_baseline.text import Grammar, Verbatim
from alref_baseline.vision import ClassEvidence, LabelPropagation


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Announce the grammar, and what hears that something sounds."""
    return [Grammar, Verbatim, Energy, Always]


@hookimpl
def register_reasoners() -> list[type[TemporalReasoner] | type[SpatialReasoner]]:
    """Announce the rules, what to compare them with, and published answers."""
    return [Rules, FirstFrame, MiddleFrame, Uniform, TopScore, Replay]


@hookimpl
def register_proposers() -> list[type[Proposer]]:
    """Announce the classifier's evidence."""
    return [ClassEvidence]


@hookimpl
def register_propagators() -> list[type[Propagator]]:
    """Announce label propagation."""
    return [LabelPropagation]
