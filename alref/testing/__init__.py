"""The contract kit: base classes to test a component with, and small videos to test it on.

The test of a component takes three lines::

    class TestMine(PropagatorContract):
        def make_component(self) -> Propagator:
            return Mine(Mine.Options())

Each ``test_`` method checks one requirement of the engine.
"""

from alref.media.array_video import ArrayVideo
from alref.testing.audio_contract import LocatorContract, TaggerContract
from alref.testing.cases import ScriptedObject, make_scripted_result
from alref.testing.datasets import DatasetContract
from alref.testing.exporters import ExporterContract, make_finished_run
from alref.testing.loggers import LoggerContract, make_finished_evaluation
from alref.testing.propagator import PropagatorContract
from alref.testing.proposer import ProposerContract
from alref.testing.protocols import ProtocolContract
from alref.testing.reasoner import ReasonerContract, SpatialReasonerContract, TemporalReasonerContract
from alref.testing.reviewer import ReviewerContract
from alref.testing.shapes import GROUND, SQUARE, make_square_box
from alref.testing.stage import StageContract
from alref.testing.task_runner import RunnerContract
from alref.testing.track_reasoner import TrackReasonerContract
from alref.testing.tracker import TrackerContract
from alref.testing.transcriber import TranscriberContract
from alref.testing.unifier import UnifierContract
from alref.testing.videos import DamagedVideo, MovingSquare, make_buzzing_video, make_moving_square, write_frames

__all__ = [
    "GROUND",
    "SQUARE",
    "ArrayVideo",
    "DamagedVideo",
    "DatasetContract",
    "ExporterContract",
    "LocatorContract",
    "LoggerContract",
    "MovingSquare",
    "PropagatorContract",
    "ProposerContract",
    "ProtocolContract",
    "ReasonerContract",
    "ReviewerContract",
    "RunnerContract",
    "ScriptedObject",
    "SpatialReasonerContract",
    "StageContract",
    "TaggerContract",
    "TemporalReasonerContract",
    "TrackReasonerContract",
    "TrackerContract",
    "TranscriberContract",
    "UnifierContract",
    "make_buzzing_video",
    "make_finished_evaluation",
    "make_finished_run",
    "make_moving_square",
    "make_scripted_result",
    "make_square_box",
    "write_frames",
]
