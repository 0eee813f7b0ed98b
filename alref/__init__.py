"""Segment the object that a person points at, in every frame of a video.

All public names come from here; ``docs/python.md`` explains them, ``docs/writing-a-plugin.md`` those for plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alref.api import export, segment
    from alref.api import list_components as components
    from alref.audio.intervals import merge_windows
    from alref.batch.many import segment_many as batch
    from alref.batch.units import UnitFailure, load_unit
    from alref.components.base import (
        Locator,
        Propagator,
        PropagatorOptions,
        Proposer,
        Reasoner,
        Reviewer,
        SpatialReasoner,
        Stage,
        StageOptions,
        Tagger,
        TemporalReasoner,
        Tracker,
        TrackReasoner,
        Transcriber,
        Unifier,
    )
    from alref.components.command import PluginCommand
    from alref.components.dataset import Dataset, DatasetProblem, NameMatcher
    from alref.components.exporter import Exporter
    from alref.components.finished_run import FinishedRun, RunFrame, RunObject
    from alref.components.logger import EvaluationLogger, FinishedEvaluation
    from alref.components.model_stage import HubModelName, HubModelOptions, ModelStage
    from alref.components.propagation import PackedMasks, fit_mask, follow_objects, group_boxes, make_start_mask, split_frames
    from alref.components.protocol import EvaluationProtocol
    from alref.components.runner import Runner, RunnerTask, Worker, WorkerEvent, WorkerFactory
    from alref.components.scores import Case, ObjectScores, ScoreTable, VideoScores
    from alref.errors import AlrefError, ConfigError, ContractError, InputError, MissingError, OutputError, Problem, RecordError
    from alref.llm.connected_reasoner import ConnectedReasoner
    from alref.llm.messages import Answer, Question
    from alref.llm.options import ChatOptions
    from alref.llm.reasoner import ChatReasoner
    from alref.llm.server_connection import ServerConnection
    from alref.media.array_video import ArrayVideo
    from alref.media.reader import open_frames, open_video
    from alref.media.video import Frame, Video
    from alref.models.cpu_tuning import count_threads, tune_cpu
    from alref.models.onnx_sessions import make_onnx_session
    from alref.models.weights import Weights
    from alref.output.run_folder import load_result
    from alref.pipeline.corrections import Corrections
    from alref.pipeline.engine import Pipeline
    from alref.pipeline.references import read_recording
    from alref.plugins.hookspecs import hookimpl
    from alref.records import (
        Audio,
        BehaviorReview,
        Candidates,
        Concept,
        ExistenceAudit,
        FrameMasks,
        MaskReview,
        ObjectTrack,
        Phrase,
        PivotBox,
        PivotFrame,
        Prompt,
        Recording,
        Reference,
        StageEvent,
        TimeSpan,
        Track,
        TrackCandidates,
        TrackChoice,
        Transcript,
        Verdict,
        list_object_phrases,
    )
    from alref.result import Result
    from alref.utils.atomic import atomic_path, make_folder
    from alref.utils.masks import Mask, Rle, compute_box, compute_rle_box, decode_mask, encode_mask

__all__ = [
    "AlrefError",
    "Answer",
    "ArrayVideo",
    "Audio",
    "BehaviorReview",
    "Candidates",
    "Case",
    "ChatOptions",
    "ChatReasoner",
    "Concept",
    "ConfigError",
    "ConnectedReasoner",
    "ContractError",
    "Corrections",
    "Dataset",
    "DatasetProblem",
    "EvaluationLogger",
    "EvaluationProtocol",
    "ExistenceAudit",
    "Exporter",
    "FinishedEvaluation",
    "FinishedRun",
    "Frame",
    "FrameMasks",
    "HubModelName",
    "HubModelOptions",
    "InputError",
    "Locator",
    "Mask",
    "MaskReview",
    "MissingError",
    "ModelStage",
    "NameMatcher",
    "ObjectScores",
    "ObjectTrack",
    "OutputError",
    "PackedMasks",
    "Phrase",
    "Pipeline",
    "PivotBox",
    "PivotFrame",
    "PluginCommand",
    "Problem",
    "Prompt",
    "Propagator",
    "PropagatorOptions",
    "Proposer",
    "Question",
    "Reasoner",
    "RecordError",
    "Recording",
    "Reference",
    "Result",
    "Reviewer",
    "Rle",
    "RunFrame",
    "RunObject",
    "Runner",
    "RunnerTask",
    "ScoreTable",
    "ServerConnection",
    "SpatialReasoner",
    "Stage",
    "StageEvent",
    "StageOptions",
    "Tagger",
    "TemporalReasoner",
    "TimeSpan",
    "Track",
    "TrackCandidates",
    "TrackChoice",
    "TrackReasoner",
    "Tracker",
    "Transcriber",
    "Transcript",
    "Unifier",
    "UnitFailure",
    "Verdict",
    "Video",
    "VideoScores",
    "Weights",
    "Worker",
    "WorkerEvent",
    "WorkerFactory",
    "atomic_path",
    "batch",
    "components",
    "compute_box",
    "compute_rle_box",
    "count_threads",
    "decode_mask",
    "encode_mask",
    "export",
    "fit_mask",
    "follow_objects",
    "group_boxes",
    "hookimpl",
    "list_object_phrases",
    "load_result",
    "load_unit",
    "make_folder",
    "make_onnx_session",
    "make_start_mask",
    "merge_windows",
    "open_frames",
    "open_video",
    "read_recording",
    "segment",
    "split_frames",
    "tune_cpu",
]

_NAMES_BY_MODULE = {
    "alref.api": "export list_components segment",
    "alref.audio.intervals": "merge_windows",
    "alref.batch.units": "UnitFailure load_unit",
    "alref.components.base": (
        "Locator Propagator PropagatorOptions Proposer Reasoner Reviewer SpatialReasoner Stage StageOptions Tagger "
        "TemporalReasoner Tracker TrackReasoner Transcriber Unifier"
    ),
    "alref.components.command": "PluginCommand",
    "alref.components.dataset": "Dataset DatasetProblem NameMatcher",
    "alref.components.exporter": "Exporter",
    "alref.components.finished_run": "FinishedRun RunFrame RunObject",
    "alref.components.logger": "EvaluationLogger FinishedEvaluation",
    "alref.components.model_stage": "HubModelName HubModelOptions ModelStage",
    "alref.components.propagation": "PackedMasks fit_mask follow_objects group_boxes make_start_mask split_frames",
    "alref.components.protocol": "EvaluationProtocol",
    "alref.components.runner": "Runner RunnerTask Worker WorkerEvent WorkerFactory",
    "alref.components.scores": "Case ObjectScores ScoreTable VideoScores",
    "alref.errors": "AlrefError ConfigError ContractError InputError MissingError OutputError Problem RecordError",
    "alref.llm.connected_reasoner": "ConnectedReasoner",
    "alref.llm.messages": "Answer Question",
    "alref.llm.options": "ChatOptions",
    "alref.llm.reasoner": "ChatReasoner",
    "alref.llm.server_connection": "ServerConnection",
    "alref.media.array_video": "ArrayVideo",
    "alref.media.reader": "open_frames open_video",
    "alref.media.video": "Frame Video",
    "alref.models.cpu_tuning": "count_threads tune_cpu",
    "alref.models.onnx_sessions": "make_onnx_session",
    "alref.models.weights": "Weights",
    "alref.output": "Result",
    "alref.output.run_folder": "load_result",
    "alref.pipeline.corrections": "Corrections",
    "alref.pipeline.engine": "Pipeline",
    "alref.pipeline.references": "read_recording",
    "alref.plugins.hookspecs": "hookimpl",
    "alref.records": (
        "Audio BehaviorReview Candidates Concept ExistenceAudit FrameMasks MaskReview ObjectTrack Phrase PivotBox "
        "PivotFrame Prompt Recording Reference StageEvent TimeSpan Track TrackCandidates TrackChoice Transcript Verdict "
        "list_object_phrases"
    ),
    "alref.utils.atomic": "atomic_path make_folder",
    "alref.utils.masks": "Mask Rle compute_box compute_rle_box decode_mask encode_mask",
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import alref`` stays light."""
    from importlib import import_module, metadata

    if name == "__version__":
        return metadata.version("alref")
    if name in ("batch", "components"):
        return import_module(f"alref.{name}")
    if name in _MODULES:
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value
    raise AttributeError(f"module 'alref' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
