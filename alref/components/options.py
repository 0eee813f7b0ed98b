"""Options of stages: declared as a pydantic model; built from YAML and flags, described for help, docs and JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from alref.errors import ConfigError, ContractError, mask_passwords, suggest_names

Model = TypeVar("Model", bound=BaseModel)
_PLAIN_MESSAGES = {
    "dict_type": "expected a mapping",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "string_type": "expected text",
}
"""pydantic's messages in the terms of a configuration file."""


@dataclass(frozen=True)
class OptionRow:
    """One option in readable form."""

    name: str
    type: str
    default: Any
    help: str


def build_options(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """Make a model from values. Raises ConfigError that lists all invalid values by their dotted paths below ``where``."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError("\n".join(list_problems(model, error, where))) from None


def list_problems(model: type[BaseModel], error: ValidationError, where: str) -> list[str]:
    """List the invalid values of a failed validation, one line each, with the most similar name for an unknown one."""
    lines = []
    for item in error.errors(include_url=False):
        path = ".".join([where, *(str(part) for part in item["loc"])])
        got = mask_passwords(repr(item["input"]))
        if item["type"] == "extra_forbidden":
            name = str(item["loc"][-1])
            known = ", ".join(model.model_fields) or "none"
            lines.append(f"{path}: no such option{suggest_names(name, model.model_fields)}; options: {known}")
        elif item["type"] == "missing":
            lines.append(f"{path}: is required")
        elif path.endswith(".[key]"):
            lines.append(f"{path.removesuffix('.[key]')}: expected text, got {got}; write it in quotes")
        else:
            message = _PLAIN_MESSAGES.get(item["type"], item["msg"].removeprefix("Value error, "))
            lines.append(f"{path}: {message}, got {got}" if item["loc"] else f"{path}: {message}")
    return lines


def describe_options(model: type[BaseModel]) -> list[OptionRow]:
    """List a model's options with type, default and help, in the order of declaration. Raises as ``build_json_schema`` does."""
    properties = build_json_schema(model).get("properties", {})
    rows = []
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
        rows.append(OptionRow(name, _format_type(properties[name]), default, field.description or ""))
    return rows


def build_json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a model. Raises ContractError if the type of an option is not supported by JSON."""
    try:
        return model.model_json_schema()
    except PydanticInvalidForJsonSchema as error:
        reason = str(error).partition("\n")[0]
        raise ContractError(
            f"{model.__module__}.{model.__qualname__}: expected options that JSON can hold: {reason}"
        ) from error


def _format_type(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " | ".join(_format_type(part) for part in schema["anyOf"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    limits = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    text = " ".join(f"{sign} {schema[key]:g}" for key, sign in limits.items() if key in schema)
    return f"{schema.get('type', 'any')} {text}".strip()
