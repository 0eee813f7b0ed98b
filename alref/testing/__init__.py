"""The contract kit: what a plugin author inherits to test a component, and small videos to test it on.

A component's test is three lines::

    class TestMine(PropagatorContract):
        def component(self) -> Propagator:
            return Mine(Mine.Options())

Each ``test_`` method holds one promise that the engine relies on.
"""

from alref.testing.hearing import LocatorContract, TaggerContract, TranscriberContract
from alref.testing.seeing import (
    PropagatorContract,
    ProposerContract,
    SpatialReasonerContract,
    TemporalReasonerContract,
    UnifierContract,
)
from alref.testing.stage import SQUARE, StageContract, square_box
from alref.testing.videos import ArrayVideo, moving_square, sounding, write_frames

__all__ = [
    "SQUARE",
    "ArrayVideo",
    "LocatorContract",
    "PropagatorContract",
    "ProposerContract",
    "SpatialReasonerContract",
    "StageContract",
    "TaggerContract",
    "TemporalReasonerContract",
    "TranscriberContract",
    "UnifierContract",
    "moving_square",
    "sounding",
    "square_box",
    "write_frames",
]
