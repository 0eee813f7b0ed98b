"""From what people type to references: expressions, a box or mask on a frame, a YAML file of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alref.config import read_yaml_file
from alref.errors import InputError, RecordError, nearest
from alref.records import Reference

_KEYS = ("text", "sound", "box", "mask", "frame")


def from_texts(texts: Sequence[str], **prompt: Any) -> list[Reference]:
    """Make references numbered "1", "2", … from expressions; ``prompt`` (box, mask, frame) goes to the only one.

    Raises InputError for an empty or overlong expression, or a prompt beside several expressions.
    """
    given = {name: value for name, value in prompt.items() if value is not None}
    if given and len(texts) > 1:
        raise InputError(f"a {' and '.join(given)} goes with one expression, got {len(texts)}; use a file: -r references.yaml")
    if given and not texts:
        return [make("1", given)]
    return [make(str(number), {"text": text, **given}) for number, text in enumerate(texts, 1)]


def from_file(path: Path) -> list[Reference]:
    """Read references from YAML: a list of expressions, or a mapping of ids to expressions or to text, sound, box, mask, frame.

    A mask is the path of a picture, relative to the file. Raises InputError or ConfigError.
    """
    data = read_yaml_file(path)
    if isinstance(data, list):
        data = {str(number): item for number, item in enumerate(data, 1)}
    if not isinstance(data, dict) or not data:
        raise InputError(f"{path}: expected a list of expressions or a mapping of ids to them, got {type(data).__name__}")
    return [_from_item(path, str(id_), item) for id_, item in data.items()]


def _from_item(path: Path, id_: str, item: Any) -> Reference:
    fields = {"text": item} if isinstance(item, str) else item
    if not isinstance(fields, dict):
        raise InputError(f"{path}: {id_}: expected an expression or a mapping of {', '.join(_KEYS)}, got {item!r}")
    for key in fields:
        if key not in _KEYS:
            raise InputError(f"{path}: {id_}.{key}: no such key{nearest(str(key), _KEYS)}; keys: {', '.join(_KEYS)}")
    if isinstance(fields.get("mask"), str):
        from alref.media import read_mask

        fields = {**fields, "mask": read_mask(path.parent / fields["mask"])}
    return make(id_, fields)


def make(id_: str, fields: Mapping[str, Any]) -> Reference:
    """Make one reference. Raises InputError that says what was expected."""
    text = fields.get("text")
    if isinstance(text, str) and not text.strip():
        raise InputError(f"reference {id_!r}: the expression is empty; say what to segment, for example 'the red cup'")
    try:
        return Reference(id=id_, **fields)
    except RecordError as error:
        raise InputError(f"reference {id_!r}: {str(error).removeprefix('Reference: ')}") from None
