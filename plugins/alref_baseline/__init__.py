"""Components without download, API key or GPU: the default pipeline, and baselines for ablations."""

from __future__ import annotations

from alref import (
    Locator,
    Propagator,
    Proposer,
    Runner,
    SpatialReasoner,
    Tagger,
    TemporalReasoner,
    Transcriber,
    Unifier,
    hookimpl,
)
from alref_baseline.audio import AlwaysLocator, EnergyLocator
from alref_baseline.local_runner import LocalRunner
from alref_baseline.reasoners import FirstFrameReasoner, MiddleFrameReasoner, RulesReasoner, TopScoreReasoner, UniformReasoner
from alref_baseline.replay import ReplayReasoner
from alref_baseline.text import GrammarUnifier, VerbatimUnifier
from alref_baseline.vision import ClassEvidenceProposer, LabelPropagator


@hookimpl
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Register the grammar and the activity tagger."""
    return [GrammarUnifier, VerbatimUnifier, EnergyLocator, AlwaysLocator]


@hookimpl
def register_reasoners() -> list[type[TemporalReasoner] | type[SpatialReasoner]]:
    """Register the rules, baselines and published answers."""
    return [RulesReasoner, FirstFrameReasoner, MiddleFrameReasoner, UniformReasoner, TopScoreReasoner, ReplayReasoner]


@hookimpl
def register_proposers() -> list[type[Proposer]]:
    """Register the class-evidence proposer."""
    return [ClassEvidenceProposer]


@hookimpl
def register_propagators() -> list[type[Propagator]]:
    """Register label propagation."""
    return [LabelPropagator]


@hookimpl
def register_runners() -> list[type[Runner]]:
    """Register the runner of one machine."""
    return [LocalRunner]
