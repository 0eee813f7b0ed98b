"""The records that stages exchange: frozen, validated on creation, convertible to JSON and back.

Boxes are float32 ``xyxy`` in pixels; frames count from 0; times are seconds on the video's own clock, whose zero is its first
frame. Arrays are read-only numpy arrays. Masks are bool in memory and COCO run-length encoded when stored.
"""

from __future__ import annotations

from alref.records.base import (
    PROVENANCE_FIELDS,
    WITHOUT_PROVENANCE,
    ArrayRecord,
    DecisionSource,
    FilePath,
    Finding,
    Record,
    Text,
    TimeSpan,
)
from alref.records.corrections import Correction, CorrectionAction, TrackChange
from alref.records.decisions import Candidates, Decision, PivotBox, PivotFrame, Verdict
from alref.records.references import (
    MAX_ID_LENGTH,
    Audio,
    Phrase,
    Prompt,
    Recording,
    Reference,
    Transcript,
    make_default_id,
)
from alref.records.review import BehaviorReview, MaskRepair, MaskReview
from alref.records.run import StageEvent, VideoInfo
from alref.records.tracking import Concept, ExistenceAudit, ObjectTrack, TrackCandidates, TrackChoice
from alref.records.tracks import Flag, FrameMasks, Track, list_object_phrases, sort_by_score

__all__ = [
    "MAX_ID_LENGTH",
    "PROVENANCE_FIELDS",
    "WITHOUT_PROVENANCE",
    "ArrayRecord",
    "Audio",
    "BehaviorReview",
    "Candidates",
    "Concept",
    "Correction",
    "CorrectionAction",
    "Decision",
    "DecisionSource",
    "ExistenceAudit",
    "FilePath",
    "Finding",
    "Flag",
    "FrameMasks",
    "MaskRepair",
    "MaskReview",
    "ObjectTrack",
    "Phrase",
    "PivotBox",
    "PivotFrame",
    "Prompt",
    "Record",
    "Recording",
    "Reference",
    "StageEvent",
    "Text",
    "TimeSpan",
    "Track",
    "TrackCandidates",
    "TrackChange",
    "TrackChoice",
    "Transcript",
    "Verdict",
    "VideoInfo",
    "list_object_phrases",
    "make_default_id",
    "sort_by_score",
]
