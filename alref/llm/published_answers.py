"""The answers that the authors of AL-Ref-SAM 2 (arXiv 2408.15876) published, read into one file."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from alref.errors import InputError, RecordError
from alref.records import Record
from alref.utils.text import format_validation_error

FRAMES_FILE, BOXES_FILE = "cot_stage_1_outputs.json", "cot_stage_2_outputs.json"


class PublishedChoice(Record):
    """The answer for one label of a clip: its pivot frame, from 0, and the number of its box, from 1.

    ``box`` is None where the published system did not ask, because there was only one candidate.
    """

    label: str = Field(min_length=1)
    frame: int = Field(ge=0)
    box: int | None = Field(default=None, ge=1)


class PublishedAnswers(Record):
    """The answers for one dataset: for each clip its labels in their order, empty if the answer was empty.

    ``unused`` describes the unusable parts of the published files, one line each.
    """

    format: Literal[1] = 1
    clips: dict[str, tuple[PublishedChoice, ...]]
    unused: tuple[str, ...] = ()

    @property
    def choices(self) -> list[PublishedChoice]:
        """All labels of all clips."""
        return [choice for choices in self.clips.values() for choice in choices]


def load_published_answers(path: Path) -> PublishedAnswers:
    """Read a file that ``alref answers import`` wrote. Raises InputError."""
    try:
        return PublishedAnswers.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}; make it with: alref answers import") from None
    except (ValidationError, RecordError) as error:
        reason = format_validation_error(error) if isinstance(error, ValidationError) else str(error)
        raise InputError(f"{path}: no file that 'alref answers import' wrote ({reason})") from None


def import_published_answers(folder: Path) -> PublishedAnswers:
    """Read the two files of one dataset. Raises InputError if one is missing or is not a JSON mapping of clips."""
    frames, boxes = _read_mapping(folder / FRAMES_FILE), _read_mapping(folder / BOXES_FILE)
    unused: list[str] = []
    read = {clip: _parse_labels(clip, answer, unused) for clip, answer in frames.items()}
    clips = {clip: labels for clip, labels in read.items() if labels is not None}
    for clip, answer in boxes.items():
        if clip in clips:
            clips[clip] = _add_boxes(clip, clips[clip], answer, unused)
        else:
            unused.append(f"{clip}: boxes {answer!r} without an answer of the first stage")
    return PublishedAnswers(clips={clip: tuple(choices.values()) for clip, choices in clips.items()}, unused=tuple(unused))


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        names = f"{FRAMES_FILE} and {BOXES_FILE}"
        raise InputError(f"{path}: cannot be read: {error.strerror or error}; expected a folder with {names}") from None
    except ValueError as error:
        raise InputError(f"{path}: expected JSON, got: {error}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected a mapping of clips to answers, got {type(data).__name__}")
    return data


def _parse_labels(clip: str, answer: Any, unused: list[str]) -> dict[str, PublishedChoice] | None:
    """Parse ``{'dog': 3}``, a mapping or the text of one; return None if nothing in a non-empty answer can be used.

    The last frame of a label that occurs twice is used, as published.
    """
    pairs = list(answer.items()) if isinstance(answer, dict) else _parse_pairs(answer)
    if pairs is None:
        unused.append(f"{clip}: expected a mapping of labels to frames, got {answer!r}")
        return None
    choices: dict[str, PublishedChoice] = {}
    for label, value in pairs:
        frame = _parse_number(value)
        if frame is None or not isinstance(label, str) or not label.strip():
            unused.append(f"{clip}: expected a label with a frame from 1, got {label!r}: {value!r}")
            continue
        if label in choices:
            unused.append(f"{clip}: {label!r}: {choices[label].frame + 1}, since the label is named again with {frame}")
        choices[label] = PublishedChoice(label=label, frame=frame - 1)
    return None if pairs and not choices else choices


def _parse_pairs(text: Any) -> list[tuple[Any, Any]] | None:
    """Parse the text of a mapping into its entries; return None if it is not a mapping."""
    try:
        node = ast.parse(text, mode="eval").body
        if not isinstance(node, ast.Dict):
            return None
        pairs = zip(node.keys, node.values, strict=True)
        return [(ast.literal_eval(key or ""), ast.literal_eval(value)) for key, value in pairs]
    except (TypeError, ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _add_boxes(clip: str, choices: dict[str, PublishedChoice], answer: Any, unused: list[str]) -> dict[str, PublishedChoice]:
    """Add the boxes: ``{"dog": "2"}``, or ``"2"`` where the clip has one label."""
    flat = not isinstance(answer, dict)
    boxes = dict.fromkeys(choices, answer) if flat and len(choices) == 1 else answer
    if not isinstance(boxes, dict):
        unused.append(f"{clip}: box {answer!r} for {len(choices)} labels")
        return choices
    read = {label: _parse_number(box) for label, box in boxes.items()}
    bad = [label for label, box in read.items() if not box or label not in choices]
    unused += [f"{clip}: expected the number of a box of {sorted(choices)}, got {label!r}: {boxes[label]!r}" for label in bad]
    found = {label: box for label, box in read.items() if label not in bad}
    return {label: choice.model_copy(update={"box": found.get(label)}) for label, choice in choices.items()}


def _parse_number(value: Any) -> int | None:
    """Return a number from 1 up, given as a number or as text; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}\s*", value):
        value = int(value)
    return value if type(value) is int and value >= 1 else None
