"""What each kind of question asks and expects: a prompt with checked variables, and the JSON schema of the answer.

A prompt file is a Jinja template of plain text. ``alref/llm/prompts`` holds them, by task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alref.errors import ConfigError, suggest_names
from alref.llm.tasks import PivotTask, QuestionTask
from alref.llm.track_parsing import CRITERIA

TemplateVariant = Literal["structured", "paper", "direct"]
_ABOUT_TRACKS = ("images", "times", "count", "phrase", "category", "heard", "sounds", "seconds", "tracks")
TEMPLATE_VARIABLES: dict[str, tuple[str, ...]] = {
    "frame_text": ("images", "times", "count", "phrase", "category", "sounds", "seconds"),
    "frame_sound": ("images", "times", "count", "labels", "seconds", "vocabulary", "one_source"),
    "box": ("images", "count", "frame", "boxes", "labeled", "placed", "phrase", "category", "heard", "sounds", "seconds"),
    "concept": ("phrase", "category", "sounds"),
    "concept_shown": ("images", "times", "phrase", "category", "heard", "sounds", "seconds", "failed"),
    "tracks": (*_ABOUT_TRACKS, "ids"),
    "synthesis": (*_ABOUT_TRACKS, "ids", "votes"),
    "appearance_needed": ("phrase", "category"),
    "appearance": ("images", "phrase", "category"),
    "audit": _ABOUT_TRACKS,
    "review": ("images", "times", "count", "phrase", "category", "heard", "sounds", "seconds"),
    "behavior": ("images", "times", "count", "phrase", "category"),
}
"""Variables that the prompts of each task may use."""

_TEXT = {"type": "string"}
_FINDING = {"type": "string", "enum": ["found", "absent", "ambiguous"]}
_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_compile_template = lru_cache(maxsize=32)(_ENVIRONMENT.from_string)


def load_template(task: QuestionTask, variant: TemplateVariant, custom_files: Mapping[QuestionTask, Path]) -> str:
    """Return the text of a prompt: the user's file in ``custom_files``, else the shipped one. Raises ConfigError.

    Prompts of the pivot order have variants; those of the other tasks have one form, which asks for JSON.
    """
    if task in custom_files:
        return read_template(task, custom_files[task])
    name = f"{task}.{variant}.txt" if task in get_args(PivotTask) else f"{task}.txt"
    return (files("alref.llm") / "prompts" / name).read_text(encoding="utf-8")


def read_template(task: str, path: Path) -> str:
    """Read and check a prompt file. Raises ConfigError if it is missing, is not text, or uses an unknown variable."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such prompt file; write one, or leave out prompt_files") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text: {error}") from None
    check_template(task, text, str(path))
    return text


def check_template(task: str, text: str, where: str) -> None:
    """Check the variables and the syntax of a prompt. Raises ConfigError that lists the known ones."""
    if not text.strip():
        raise ConfigError(f"{where}: the prompt is empty")
    try:
        named = meta.find_undeclared_variables(_ENVIRONMENT.parse(text))
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"{where}, line {error.lineno}: {error.message}; a variable is written {{{{ count }}}}") from None
    known = TEMPLATE_VARIABLES[task]
    for name in sorted(named - set(known)):
        raise ConfigError(f"{where}: no variable {name!r}{suggest_names(name, known)}; variables of {task}: {', '.join(known)}")


def render_template(text: str, values: Mapping[str, Any], where: str) -> str:
    """Render a prompt. Raises ConfigError if its expressions cannot be evaluated."""
    try:
        return _compile_template(text).render(values).strip()
    except (jinja2.TemplateError, TypeError, ArithmeticError, LookupError) as error:
        raise ConfigError(f"prompt {where}: {error}") from None


def build_answer_schema(task: QuestionTask, numbers: Sequence[int] = ()) -> dict[str, Any]:
    """Return the JSON schema of a task's answer, in which only ``numbers`` may be chosen; reasons come before choices."""
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
