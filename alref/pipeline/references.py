"""Create references from expressions, from prompts on frames, or from a YAML file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from alref.errors import InputError, RecordError, suggest_names
from alref.records import Prompt, Recording, Reference
from alref.utils.yaml_files import parse_yaml, read_yaml_file

_PROMPT_KEYS = ("box", "mask", "points", "labels", "frame")
_REFERENCE_KEYS = ("text", "spoken", "sound", *_PROMPT_KEYS, "prompts")
_TEXT_KEYS = ("text", "spoken", "mask")


def make_references(texts: Sequence[str], spoken: Sequence[Path] = (), sound: bool = False, **prompt: Any) -> list[Reference]:
    """Create references "1", "2", … from expressions and from audio files with spoken expressions.

    ``sound`` adds the sound track to each, and stands alone when there is none; ``prompt`` has the fields of one Prompt, which
    goes to the only reference; those that are None count as not given. Raises InputError for an empty or overlong expression,
    or a prompt beside several expressions.
    """
    prompt_fields = {name: value for name, value in prompt.items() if value is not None}
    if prompt_fields and not set(prompt_fields) - {"frame", "labels"}:
        raise InputError(f"{' and '.join(prompt_fields)}: goes with a box, a mask or points, and none was given")
    worded: list[dict[str, Any]] = [{"text": text} for text in texts] + [{"spoken": read_recording(path)} for path in spoken]
    if prompt_fields and (sound or spoken or len(texts) > 1):
        what = " and ".join(prompt_fields)
        raise InputError(
            f"a {what} goes with one expression, and without sound; for several objects, make one reference for each",
            code="several-references",
        )
    if (prompt_fields or sound) and not worded:
        worded = [{}]
    heard = {"sound": True} if sound else {}
    fields: dict[str, Any] = {"prompts": (make_prompt(prompt_fields, "reference '1'"),)} if prompt_fields else {}
    return [make_reference(str(number), {**words, **heard, **fields}) for number, words in enumerate(worded, 1)]


def make_prompt(fields: Mapping[str, Any], where: str) -> Prompt:
    """Create a prompt. Raises InputError that begins with ``where``."""
    try:
        return Prompt(**fields)
    except RecordError as error:
        raise InputError(f"{where}: {str(error).removeprefix('Prompt: ')}") from None


def read_references(path: Path) -> list[Reference]:
    """Read references from YAML: a list of expressions, or a mapping of ids to expressions or to the keys of a reference.

    The keys are text, spoken and sound, those of one prompt (box, mask, points, labels, frame), or ``prompts``, a list of
    prompts with these keys or ``absent``. A mask is the path of an image, ``spoken`` that of an audio file, both relative to
    this file. Raises InputError or ConfigError.
    """
    data = read_yaml_file(path, as_typed=True)
    if isinstance(data, list):
        data = {str(number): item for number, item in enumerate(data, 1)}
    if not isinstance(data, dict) or not data:
        raise InputError(f"{path}: expected a list of expressions or a mapping of ids to them, got {type(data).__name__}")
    return [_make_from_item(path, str(id_), item) for id_, item in data.items()]


def _make_from_item(path: Path, id_: str, item: Any) -> Reference:
    fields = {"text": item} if isinstance(item, str) else item
    if not isinstance(fields, dict):
        raise InputError(f"{path}: {id_}: expected an expression or a mapping of {', '.join(_REFERENCE_KEYS)}, got {item!r}")
    where = f"{path}: {id_}"
    _check_keys(fields, _REFERENCE_KEYS, where)
    prompts = fields.get("prompts", [])
    if not isinstance(prompts, list) or not all(isinstance(prompt, dict) for prompt in prompts):
        raise InputError(f"{where}.prompts: expected a list of mappings, got {prompts!r}")
    alone = {key: value for key, value in fields.items() if key in _PROMPT_KEYS}
    given = {key: value for key, value in fields.items() if key not in (*_PROMPT_KEYS, "prompts")}
    given = {key: value if key in _TEXT_KEYS else _parse_values(value, f"{where}.{key}") for key, value in given.items()}
    if isinstance(given.get("spoken"), str):
        given["spoken"] = read_recording(path.parent / given["spoken"])
    read = [_read_prompt(path, prompt, f"{where}.prompts.{number}") for number, prompt in enumerate(prompts)]
    read += [_read_prompt(path, alone, where)] if alone else []
    return make_reference(id_, {**given, "prompts": tuple(read)} if read else given)


def _read_prompt(path: Path, fields: Mapping[str, Any], where: str) -> Prompt:
    """Create a prompt from the keys that a file of references has for it."""
    _check_keys(fields, (*_PROMPT_KEYS, "absent"), where)
    given = {key: value if key == "mask" else _parse_values(value, f"{where}.{key}") for key, value in fields.items()}
    if isinstance(given.get("mask"), str):
        from alref.media.write import read_mask

        given["mask"] = read_mask(path.parent / given["mask"])
    return make_prompt(given, where)


def _check_keys(fields: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    for key in fields:
        if key not in known:
            meant = suggest_names(str(key), known)
            raise InputError(f"{where}.{key}: no such key{meant}; keys: {', '.join(known)}")


def _parse_values(value: Any, where: str) -> Any:
    """Parse numbers and flags that were read as typed."""
    if isinstance(value, list):
        return [_parse_values(item, where) for item in value]
    return parse_yaml(value, where) if isinstance(value, str) else value


def read_recording(path: Path) -> Recording:
    """Return an audio file with the digest of its bytes. Raises InputError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return Recording(path=path, fingerprint=hashlib.file_digest(file, "blake2b").hexdigest()[:32])
    except OSError as error:
        raise InputError(f"{path}: cannot be read as a recording ({error.strerror}); name a sound file") from None


def make_reference(id_: str, fields: Mapping[str, Any]) -> Reference:
    """Create one reference. Raises InputError with the expected value."""
    text = fields.get("text")
    if isinstance(text, str) and not text.strip():
        raise InputError(f"reference {id_!r}: the expression is empty; say what to segment, for example 'the red cup'")
    if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InputError(f"reference {id_!r}: the expression is not UTF-8; set the encoding of the terminal to UTF-8")
    try:
        return Reference(id=id_, **fields)
    except RecordError as error:
        raise InputError(f"reference {id_!r}: {str(error).removeprefix('Reference: ')}") from None


def make_ids_unique(references: Sequence[Reference]) -> list[Reference]:
    """Return references with numbers on default ids that occur twice: "reference", "reference-2". Chosen ids stay."""
    taken = {reference.id for reference in references if not reference.has_default_id}
    unique = []
    for reference in references:
        if reference.has_default_id:
            names = (f"{reference.id}-{number}" for number in count(2))
            name = reference.id if reference.id not in taken else next(name for name in names if name not in taken)
            taken.add(name)
            unique.append(reference.model_copy(update={"id": name}) if name != reference.id else reference)
        else:
            unique.append(reference)
    return unique
