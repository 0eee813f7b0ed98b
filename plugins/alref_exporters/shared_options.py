"""Options that several formats share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alref import StageOptions


class CategoryOptions(StageOptions):
    """Options of formats with classes."""

    categories: tuple[str, ...] = Field(
        (), description="names of the classes in the order of their ids, for the same ids in several exports; default: by name"
    )


class ImageOptions(StageOptions):
    """Options of formats that have the frames beside the annotations."""

    images: Literal["jpg", "png", "none"] = Field("jpg", description="write the frames as well, as JPEG or PNG, or not")


class PolygonOptions(StageOptions):
    """Options of formats with polygons."""

    tolerance: float = Field(
        1.0, ge=0, description="pixels by which a polygon may differ from the edge of its mask; 0 follows each pixel"
    )
