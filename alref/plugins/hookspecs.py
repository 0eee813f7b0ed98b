"""Hooks of plugins. No hook runs a stage: hooks return classes or observe events.

A plugin is a module in the entry-point group ``alref``; it marks its functions with ``@alref.hookimpl``. An implementation
takes only the arguments that it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from alref.components.base import (
        Locator,
        Propagator,
        Proposer,
        Reviewer,
        SpatialReasoner,
        Tagger,
        TemporalReasoner,
        Tracker,
        TrackReasoner,
        Transcriber,
        Unifier,
    )
    from alref.components.command import PluginCommand
    from alref.components.dataset import Dataset
    from alref.components.exporter import Exporter
    from alref.components.logger import EvaluationLogger
    from alref.components.protocol import EvaluationProtocol
    from alref.components.runner import Runner
    from alref.llm.messages import QuestionEvent
    from alref.records import StageEvent

PROJECT = "alref"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_unifiers() -> list[type[Unifier] | type[Tagger] | type[Transcriber] | type[Locator]]:
    """Return classes that turn a reference into phrases: read text, tag sound, transcribe speech, or locate sounds in time."""


@hookspec
def register_reasoners() -> list[type[TemporalReasoner] | type[SpatialReasoner] | type[TrackReasoner] | type[Reviewer]]:
    """Return classes that pick pivot frames, pivot boxes or tracks, review masks, or do several of these."""


@hookspec
def register_proposers() -> list[type[Proposer]]:
    """Return classes that propose candidate boxes on pivot frames."""


@hookspec
def register_propagators() -> list[type[Propagator]]:
    """Return classes that turn pivot boxes into the masks of every frame."""


@hookspec
def register_trackers() -> list[type[Tracker]]:
    """Return classes that track all objects of some nouns over the whole video."""


@hookspec
def register_datasets() -> list[type[Dataset]]:
    """Return classes that read benchmarks."""


@hookspec
def register_metrics() -> list[type[EvaluationProtocol]]:
    """Return evaluation protocols."""


@hookspec
def register_exporters() -> list[type[Exporter]]:
    """Return export formats."""


@hookspec
def register_commands() -> list[type[PluginCommand]]:
    """Return classes that add a command to ``alref``."""


@hookspec
def register_runners() -> list[type[Runner]]:
    """Return classes that run tasks on the processes or machines of a batch."""


@hookspec
def register_loggers() -> list[type[EvaluationLogger]]:
    """Return classes that record finished evaluations in an experiment tracker."""


@hookspec
def stage_started(event: StageEvent) -> None:
    """Observe the start of a stage."""


@hookspec
def stage_advanced(event: StageEvent) -> None:
    """Observe the progress of a stage: ``event.done`` of ``event.total`` frames."""


@hookspec
def stage_finished(event: StageEvent) -> None:
    """Observe the end of a stage, with its output, which is read-only."""


@hookspec
def question_answered(event: QuestionEvent) -> None:
    """Observe one question to a language model and its answer."""
