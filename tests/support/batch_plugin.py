"""A plugin of components that do next to nothing, for the workers of a batch; used as ``--plugin FILE``.

Each call of the propagator appends the name of its video to the file that BATCH_LOG names. A video called ``hang`` never ends,
one called ``crash`` ends its process, one called ``broken`` breaks the contract. With BATCH_GATE, the port of a server on this
machine, the propagator waits for a byte of the server before it goes on.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import alref
from alref.components.base import Propagator, Proposer, Reasoner, Unifier
from alref.media.video import Video
from alref.records import Candidates, FrameMasks, Phrase, PivotBox, PivotFrame, Reference, list_object_phrases

LOG = "BATCH_LOG"
SLOW = "BATCH_SECONDS"
GATE = "BATCH_GATE"


class QuickUnifier(Unifier):
    """Takes the text as it is."""

    name = "quick"

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        return [Phrase(reference=reference.id, text=reference.text)]


class QuickReasoner(Reasoner):
    """Picks frame 0 and the first box."""

    name = "quick"

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        return [PivotFrame(phrase=phrase, frame=0) for phrase in phrases]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        return [PivotBox(pivot=each.pivot, xyxy=each.xyxy[0], score=0.8) for each in candidates]


class QuickProposer(Proposer):
    """Proposes one box, which depends on the content of the first frame."""

    name = "quick"

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        edge = 2 + int(video.read_frame(0).sum()) % 5
        boxes = np.array([[1, 1, edge, edge]], np.float32)
        return [Candidates(pivot=pivot, xyxy=boxes, scores=np.array([0.8]), labels=("a",)) for pivot in pivots]


class QuickPropagator(Propagator):
    """Fills the box on every frame."""

    name = "quick"

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        stem = Path(video.name).stem
        if stem == "hang":
            time.sleep(600)
        if stem == "crash":
            os._exit(11)
        if stem == "broken":
            raise ValueError("no masks today")
        if GATE in os.environ:
            with socket.create_connection(("127.0.0.1", int(os.environ[GATE]))) as gate:
                gate.recv(1)
        time.sleep(float(os.environ.get(SLOW, "0")))
        phrases = list_object_phrases(boxes)
        for frame in range(len(video)):
            masks = np.zeros((len(phrases), video.height, video.width), np.bool_)
            for box in boxes:
                assert box.xyxy is not None
                x0, y0, x1, y1 = box.xyxy.astype(int)
                masks[phrases.index(box.pivot.phrase), y0:y1, x0:x1] = True
            yield FrameMasks(frame=frame, masks=masks, scores=np.ones(len(phrases)))
        if LOG in os.environ:
            with Path(os.environ[LOG]).open("a") as file:
                file.write(f"{video.name}\n")


@alref.hookimpl
def register_unifiers() -> list[type[Unifier]]:
    return [QuickUnifier]


@alref.hookimpl
def register_reasoners() -> list[type[Reasoner]]:
    return [QuickReasoner]


@alref.hookimpl
def register_proposers() -> list[type[Proposer]]:
    return [QuickProposer]


@alref.hookimpl
def register_propagators() -> list[type[Propagator]]:
    return [QuickPropagator]
