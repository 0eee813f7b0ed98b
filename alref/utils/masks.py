"""Array fields of records, checked and read-only; masks are COCO run-length encoding in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from alref.errors import InputError

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


MAX_RUN_PLACES = 7
"""Highest place of a character in a run: 40 bits are enough for any image."""
Side = Annotated[int, Field(ge=1, le=2**16)]


class Rle(BaseModel):
    """A mask as COCO's compressed run-length encoding: ``size`` (height, width) in pixels and the ASCII ``counts``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[Side, Side]
    counts: str

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        runs = decode_runs(self.counts)
        if runs.sum() != self.size[0] * self.size[1] or (runs < 0).any():
            raise ValueError(f"expected runs of {self.size[0] * self.size[1]} pixels, got {runs.sum()}: the counts are damaged")
        return self

    @property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return int(coco.area(to_coco(self)))


def decode_runs(counts: str) -> npt.NDArray[np.int64]:
    """Return the lengths of the runs, alternately outside and inside the mask.

    A length has five bits in each character, the lowest first, and bit 5 set in all but the last. From the fourth run on, it is
    the difference from the run before the last one. ``pycocotools`` reads beyond its memory if the lengths are too short.
    """
    data = np.frombuffer(counts.encode("ascii", "replace"), np.uint8).astype(np.int64) - ord("0")
    ends = np.flatnonzero((data & 32) == 0)
    if not len(ends) or ends[-1] != len(data) - 1 or (data < 0).any() or (data > 63).any():
        return np.zeros(0, np.int64)
    starts = np.append(0, ends[:-1] + 1)
    places = np.arange(len(data)) - np.repeat(starts, np.diff(starts, append=len(data)))
    if places.max() > MAX_RUN_PLACES:
        return np.zeros(0, np.int64)
    runs: npt.NDArray[np.int64] = np.add.reduceat((data & 31) << 5 * places, starts)
    runs -= ((data[ends] & 16) > 0) * (np.int64(1) << 5 * (places[ends] + 1))
    runs[1::2], runs[2::2] = runs[1::2].cumsum(), runs[2::2].cumsum()
    return runs


def to_coco(rle: Rle) -> Any:
    """Return the mapping that ``pycocotools`` expects."""
    return {"size": list(rle.size), "counts": rle.counts}


def encode_mask(mask: Mask) -> Rle:
    """Encode a bool (H, W) mask."""
    by_column: Any = cv2.transpose(np.ascontiguousarray(mask).view(np.uint8)).T
    rle: Any = coco.encode(by_column)
    return Rle.model_construct(size=(mask.shape[0], mask.shape[1]), counts=bytes(rle["counts"]).decode("ascii"))


def decode_mask(rle: Rle) -> Mask:
    """Decode to bool (H, W). Raises InputError if the encoding is damaged."""
    return decode_coco_union([to_coco(rle)], rle.size)


def compute_box(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the tight box of a mask with at least one pixel, float32 (4,) ``xyxy``."""
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)


def compute_rle_box(rle: Rle) -> tuple[int, int, int, int]:
    """Return the tight box ``xyxy`` of a mask without decoding it; zeros if it is empty."""
    left, top, width, height = (int(value) for value in coco.toBbox(to_coco(rle)))
    return left, top, left + width, top + height


def decode_crop(rle: Rle) -> Mask:
    """Decode the part of a mask inside its tight box, ``compute_rle_box``, bool (bottom - top, right - left)."""
    left, top, right, bottom = compute_rle_box(rle)
    first, last = left * rle.size[0], right * rle.size[0]
    ends = np.clip(np.cumsum(decode_runs(rle.counts)), first, last)
    inside = np.arange(len(ends)) % 2 == 1
    by_column = np.repeat(inside, np.diff(ends, prepend=first)).reshape(right - left, rle.size[0])
    return np.ascontiguousarray(by_column[:, top:bottom].T)


def decode_union(rles: Sequence[Rle], size: tuple[int, ...]) -> Mask:
    """Decode the union of masks to bool (H, W); without masks it is empty and of ``size``. Raises InputError."""
    return decode_coco_union([to_coco(rle) for rle in rles], size)


def decode_coco_union(runs: list[Any], size: tuple[int, ...]) -> Mask:
    """Decode the union of COCO's mappings of ``size`` and ``counts``, as ``decode_union`` does."""
    if not runs:
        return np.zeros(size, np.bool_)
    merged = runs[0] if len(runs) == 1 else coco.merge(runs)
    height, width = merged["size"]
    counts = merged["counts"]
    lengths = decode_runs(counts if isinstance(counts, str) else counts.decode("ascii", "replace"))
    if lengths.sum() != height * width or (lengths < 0).any():
        raise InputError("a mask cannot be decoded; the file that holds it is damaged: remove it and try again")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(width, height).T


def make_read_only(array: Array) -> Array:
    """Return a read-only view."""
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True)
class _NumberField:
    """A float32 field of a fixed shape, None for any length; lists of numbers in JSON."""

    shape: tuple[int | None, ...]
    are_boxes: bool = False

    def validate_array(self, value: Any) -> Array:
        array = np.asarray(value)
        if array.size == 0 and array.ndim == 1:
            array = array.reshape([size or 0 for size in self.shape]).astype(np.float32)
        _check_shape(array, self.shape)
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise ValueError(f"expected finite numbers, got {array.dtype} with NaN, infinity or no numbers at all")
        if self.are_boxes and bool((array[..., 2:] <= array[..., :2]).any()):
            raise ValueError(f"expected x1 > x0 and y1 > y0, got {array.tolist()}")
        return make_read_only(array.astype(np.float32))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _build_core_schema(self.validate_array, np.ndarray.tolist)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "array", "description": f"numbers of shape {_format_shape(self.shape)}"}


@dataclass(frozen=True)
class _MaskField:
    """A bool field (H, W), or (N, H, W) when ``many``; run-length encoding in JSON."""

    stacked: bool = False

    def validate_array(self, value: Any) -> Array:
        shape = (None,) * (3 if self.stacked else 2)
        array = np.asarray(self._decode_value(value))
        _check_shape(array, shape)
        if array.dtype != np.bool_:
            raise ValueError(f"expected dtype bool, got {array.dtype}")
        return make_read_only(array)

    def _decode_value(self, value: Any) -> Any:
        if isinstance(value, (dict, Rle)):
            return decode_mask(Rle.model_validate(value))
        if self.stacked and isinstance(value, list):
            return np.stack([self._decode_value(item) for item in value]) if value else np.zeros((0, 0, 0), np.bool_)
        return value

    def _encode_array(self, array: Array) -> Any:
        return [encode_mask(mask).model_dump() for mask in array] if self.stacked else encode_mask(array).model_dump()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _build_core_schema(self.validate_array, self._encode_array)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        rle = Rle.model_json_schema()
        return {"type": "array", "items": rle} if self.stacked else rle


class _FlagsField:
    """A bool field (K,); a list of true and false in JSON."""

    def validate_array(self, value: Any) -> Array:
        array = np.asarray(value)
        array = array.astype(np.bool_) if array.size == 0 else array
        _check_shape(array, (None,))
        if array.dtype != np.bool_:
            raise ValueError(f"expected true or false, got {array.tolist()}")
        return make_read_only(array)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _build_core_schema(self.validate_array, np.ndarray.tolist)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "array", "items": {"type": "boolean"}}


def _build_core_schema(validate: Any, serialize: Any) -> CoreSchema:
    to_json = core_schema.plain_serializer_function_ser_schema(serialize, when_used="json")
    return core_schema.no_info_plain_validator_function(validate, serialization=to_json)


def _format_shape(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("N" if size is None else str(size) for size in shape) + ")"


def _check_shape(array: Array, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits:
        raise ValueError(f"expected shape {_format_shape(shape)}, got {_format_shape(array.shape)}")


LogitsArray = Annotated[npt.NDArray[np.float32], _NumberField((None, None, None))]
BoxArray = Annotated[npt.NDArray[np.float32], _NumberField((4,), are_boxes=True)]
BoxesArray = Annotated[npt.NDArray[np.float32], _NumberField((None, 4), are_boxes=True)]
PointsArray = Annotated[npt.NDArray[np.float32], _NumberField((None, 2))]
LabelsArray = Annotated[npt.NDArray[np.bool_], _FlagsField()]
ScoresArray = Annotated[npt.NDArray[np.float32], _NumberField((None,))]
SamplesArray = Annotated[npt.NDArray[np.float32], _NumberField((None,))]
MaskArray = Annotated[Mask, _MaskField()]
MasksArray = Annotated[Mask, _MaskField(stacked=True)]
ARRAY_TYPES = {
    "BoxArray": "float32 (4,)",
    "BoxesArray": "float32 (N, 4)",
    "PointsArray": "float32 (K, 2)",
    "LabelsArray": "bool (K,)",
    "ScoresArray": "float32 (N,)",
    "SamplesArray": "float32 (N,)",
    "LogitsArray": "float32 (N, H, W)",
    "MaskArray": "bool (H, W)",
    "MasksArray": "bool (N, H, W)",
}
"""The dtype and shape of each array type, by its name in annotations."""
