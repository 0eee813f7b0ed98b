"""Components that need no download, no key and no GPU: the default pipeline, and the plain rows of an ablation."""

from __future__ import annotations

from alref.components.base import Locator, Propagator, Proposer, SpatialReasoner, Tagger, TemporalReasoner, Transcriber, Unifier
from alref.plugins.hookspecs import hookimpl
from alref_baseline.audio import AlwaysLocator, EnergyLocator
from alref_baseline.reasoners import FirstFrameReasoner, MiddleFrameReasoner, RulesReasoner, TopScoreReasoner, UniformReasoner
from alref_baseline.replay import ReplayReasoner
from alref_baseline.text import GrammarUnifier, VerbatimUnifier
from alref_baseline.vision import ClassEvidenceProposer, LabelPropagator


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Announce the grammar, and what hears that something sounds."""
    return [GrammarUnifier, VerbatimUnifier, EnergyLocator, AlwaysLocator]


@hookimpl
def register_reasoners() -> list[type[TemporalReasoner] | type[SpatialReasoner]]:
    """Announce the rules, what to compare them with, and published answers."""
    return [RulesReasoner, FirstFrameReasoner, MiddleFrameReasoner, UniformReasoner, TopScoreReasoner, ReplayReasoner]


@hookimpl
def register_proposers() -> list[type[Proposer]]:
    """Announce the classifier's evidence."""
    return [ClassEvidenceProposer]


@hookimpl
def register_propagators() -> list[type[Propagator]]:
    """Announce label propagation."""
    return [LabelPropagator]
