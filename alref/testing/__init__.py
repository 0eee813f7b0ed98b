"""The contract kit: what a plugin author inherits to test a component, and small videos to test it on.

A component's test is three lines::

    class TestMine(PropagatorContract):
        def component(self) -> Propagator:
            return Mine(Mine.Options())

Each ``test_`` method holds one promise that the engine relies on.
"""

from alref.testing.audio_contract import LocatorContract, TaggerContract
from alref.testing.cases import Object, scripted_result
from alref.testing.datasets import DatasetContract
from alref.testing.propagator import PropagatorContract
from alref.testing.proposer import ProposerContract
from alref.testing.protocols import ProtocolContract
from alref.testing.reasoner import ReasonerContract, SpatialReasonerContract, TemporalReasonerContract
from alref.testing.shapes import OTHER, SQUARE, square_box
from alref.testing.stage import StageContract
from alref.testing.transcriber import TranscriberContract
from alref.testing.unifier import UnifierContract
from alref.testing.videos import ArrayVideo, DamagedVideo, MovingSquare, moving_square, sounding, write_frames

__all__ = [
    "OTHER",
    "SQUARE",
    "ArrayVideo",
    "DamagedVideo",
    "DatasetContract",
    "LocatorContract",
    "MovingSquare",
    "Object",
    "PropagatorContract",
    "ProposerContract",
    "ProtocolContract",
    "ReasonerContract",
    "SpatialReasonerContract",
    "StageContract",
    "TaggerContract",
    "TemporalReasonerContract",
    "TranscriberContract",
    "UnifierContract",
    "moving_square",
    "scripted_result",
    "sounding",
    "square_box",
    "write_frames",
]
