"""What components decide: pivot frames, candidates, pivot boxes and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from alref.records.base import (
    PROVENANCE_FIELDS,
    WITHOUT_PROVENANCE,
    ArrayRecord,
    DecisionSource,
    Finding,
    Record,
    Text,
)
from alref.records.references import Phrase
from alref.utils.masks import (
    BoxArray,
    BoxesArray,
    LabelsArray,
    MaskArray,
    MasksArray,
    PointsArray,
    ScoresArray,
    compute_box,
)
from alref.utils.prompt_kinds import PROMPT_KINDS, PromptKind


class Decision(Record):
    """A decision of a reasoner: the finding, the reason ``why``, the source, and the raw answer of a model.

    ``confidence`` is the probability that it is right; None if the reasoner does not estimate it.
    """

    finding: Finding = "found"
    confidence: float | None = Field(default=None, ge=0, le=1)
    why: Text = ""
    source: DecisionSource = "rule"
    raw: Text = ""

    @model_serializer(mode="wrap")
    def _serialize_fields(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if info.context == WITHOUT_PROVENANCE:
            for name in PROVENANCE_FIELDS:
                data.pop(name, None)
        return data


class PivotFrame(Decision):
    """The frame that segmentation of ``phrase`` starts from; ``frame`` is None when the object is absent."""

    phrase: Phrase
    frame: int | None = Field(default=None, ge=0)

    def _check_fields(self) -> None:
        if self.finding == "found" and self.frame is None:
            raise ValueError("frame: expected a number with finding 'found', got None")


class Candidates(ArrayRecord):
    """Boxes proposed on one pivot frame, best first: ``xyxy`` float32 (N, 4), ``scores`` float32 (N,), N may be 0.

    ``masks`` bool (N, H, W) come from proposers that find regions and not only boxes.
    """

    pivot: PivotFrame
    xyxy: BoxesArray
    scores: ScoresArray
    labels: tuple[str, ...] = ()
    masks: MasksArray | None = None

    @classmethod
    def from_masks(cls, pivot: PivotFrame, masks: npt.ArrayLike, scores: npt.ArrayLike, labels: Sequence[str] = ()) -> Self:
        """Return candidates for masks bool (N, H, W), with the box around each: best first, without empty masks.

        ``scores`` float32 (N,) and ``labels`` are in the order of the masks.
        """
        found, values = np.asarray(masks, np.bool_), np.asarray(scores, np.float32)
        best = [int(index) for index in np.argsort(-values, kind="stable") if found[index].any()]
        return cls(
            pivot=pivot,
            xyxy=np.array([compute_box(found[index]) for index in best], np.float32).reshape(-1, 4),
            scores=values[best],
            labels=tuple(labels[index] for index in best) if labels else (),
            masks=found[best] if best else None,
        )

    def __len__(self) -> int:
        return len(self.xyxy)

    def _check_fields(self) -> None:
        count = len(self.xyxy)
        lengths = {"scores": len(self.scores), "labels": len(self.labels or self.xyxy)}
        if self.masks is not None:
            lengths["masks"] = len(self.masks)
        for name, length in lengths.items():
            if length != count:
                raise ValueError(f"{name}: expected {count}, one for each box, got {length}")
        if bool((np.diff(self.scores) > 0).any()):
            raise ValueError(f"scores: expected best first, got {self.scores.tolist()}")


class PivotBox(ArrayRecord, Decision):
    """What segmentation starts from on a pivot frame: a box ``xyxy`` float32 (4,), None when absent or without a box.

    ``mask`` bool (H, W) is the mask there, if it is known; it takes precedence over the box. ``points`` float32 (K, 2) ``x, y``
    in pixels are given by the user, with ``point_labels`` bool (K,): whether each is on the object. They explain the box, or
    correct the mask. With finding ``absent``, the object is not on the pivot frame.
    """

    pivot: PivotFrame
    xyxy: BoxArray | None = None
    score: float = 0.0
    mask: MaskArray | None = None
    points: PointsArray | None = None
    point_labels: LabelsArray | None = None

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """The kinds of prompt that a propagator has to accept; a box beside a mask is not one."""
        given = {
            "box": self.xyxy is not None and self.mask is None,
            "mask": self.mask is not None,
            "points": self.points is not None,
        }
        absent = self.finding == "absent"
        return frozenset(kind for kind in PROMPT_KINDS if (absent if kind == "absent" else given[kind] and not absent))

    def _check_fields(self) -> None:
        given = [prompt for prompt in (self.xyxy, self.mask, self.points) if prompt is not None]
        if self.finding == "found" and (not given or self.pivot.frame is None):
            raise ValueError("xyxy: expected a box, a mask or points on a pivot frame with finding 'found', got None")
        counts = [0 if part is None else len(part) for part in (self.points, self.point_labels)]
        if counts[0] != counts[1]:
            raise ValueError(f"point_labels: expected one for each of {counts[0]} points, got {counts[1]}")


class Verdict(Record):
    """The outcome of one reference: found, absent, silent or ambiguous, and the reason.

    ``confidence`` is the lowest of its decisions, the probability that the masks show it; None if it is not estimated.
    """

    reference: str
    finding: Finding
    why: str
    source: DecisionSource = "rule"
    confidence: float | None = Field(default=None, ge=0, le=1)
