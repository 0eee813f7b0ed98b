"""The JSON schema of the answer to each kind of question; reasons come before choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alref.llm.tasks import QuestionTask
from alref.llm.track_parsing import CRITERIA

_TEXT = {"type": "string"}
_FINDING = {"type": "string", "enum": ["found", "absent", "ambiguous"]}


def build_answer_schema(task: QuestionTask, numbers: Sequence[int] = ()) -> dict[str, Any]:
    """Return the JSON schema of a task's answer, in which only ``numbers`` may be chosen."""
    number = {"type": "integer", "enum": list(numbers)}
    choice = {"type": ["integer", "null"], "enum": [*numbers, None]}
    tracks = _build_list(id=number, choice=_build_choice("accept", "reject", "uncertain"), why=_TEXT)
    properties: dict[QuestionTask, dict[str, Any]] = {
        "frame_sound": {"why": _TEXT, "objects": _build_list(name=_TEXT, frame=number)},
        "frame_text": {"why": _TEXT, "finding": _FINDING, "frame": choice},
        "box": {"why": _TEXT, "finding": _FINDING, "box": choice},
        "concept": {"why": _TEXT, "kind": _build_choice("explicit", "reasoning"), "noun": _TEXT, "broader": _TEXT},
        "concept_shown": {"why": _TEXT, "noun": _TEXT, "broader": _TEXT},
        "tracks": {"why": _TEXT, "tracks": tracks},
        "synthesis": {"why": _TEXT, "tracks": tracks},
        "appearance_needed": {"why": _TEXT, "answer": _build_choice("yes", "no")},
        "appearance": {"description": _TEXT},
        "audit": {
            "why": _TEXT,
            "verdict": _build_choice("present", "contradicted", "unsure"),
            "criterion": _build_choice(*CRITERIA, ""),
            "evidence": _TEXT,
        },
        "review": {
            "why": _TEXT,
            "frames": _build_list(frame=number, answer=_build_choice("yes", "no", "unclear"), why=_TEXT),
        },
        "behavior": {"why": _TEXT, "verdict": _build_choice("fits", "contradicted", "unsure"), "evidence": _TEXT},
    }
    return _build_object(**properties[task])


def _build_choice(*words: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


def _build_list(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _build_object(**properties)}


def _build_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
