"""What all records share: validation when created, JSON both ways, and the types of their fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler

from alref.errors import RecordError
from alref.utils.text import format_path, format_validation_error, replace_surrogates

DecisionSource = Literal["model", "cache", "replay", "rule", "user", "fallback"]
Finding = Literal["found", "absent", "silent", "ambiguous"]
TimeSpan = tuple[float, float]
Text = Annotated[str, BeforeValidator(replace_surrogates)]  # of a model or a server, which may not be valid Unicode
FilePath = Annotated[Path, PlainSerializer(format_path, return_type=str, when_used="json")]  # bytes that are not UTF-8
PROVENANCE_FIELDS = ("why", "source", "raw")
"""Fields of a decision that describe its origin and not its content."""
WITHOUT_PROVENANCE = {"provenance": False}
"""Serialization context that leaves out the provenance of all decisions, so that equal decisions give equal data."""


class Record(BaseModel):
    """Base of all records. Raises RecordError for an invalid field; ``model_validate_json`` inverts ``model_dump_json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _validate_record(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            record = handler(data)
            record._check_fields()
        except ValidationError as error:
            raise RecordError(f"{cls.__name__}: {format_validation_error(error)}") from None
        except ValueError as error:
            raise RecordError(f"{cls.__name__}: {error}") from None
        return record

    def _check_fields(self) -> None:
        """Check fields against each other. Raises ValueError."""


class ArrayRecord(Record):
    """A record that holds arrays: compared and hashed by identity, since comparing arrays gives arrays."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)
