"""Formats of annotation tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from alref import Exporter
from alref_exporters.shared_options import ImageOptions, PolygonOptions

if TYPE_CHECKING:
    from alref import FinishedRun


class Cvat(Exporter):
    """CVAT for video 1.1: each object is a track of polygons, which CVAT can edit; or exact masks of one frame each."""

    name = "cvat"

    class Options(PolygonOptions):
        """Options of CVAT."""

        shapes: Literal["polygons", "masks"] = Field(
            "polygons",
            description="polygons: tracks that can be edited, holes are lost; masks: exact, but CVAT has no tracks of masks, "
            "so each lasts one frame, and those of an object share a group",
        )
        every: int = Field(1, ge=1, description="polygons: write every n-th frame, and CVAT interpolates between them")
        min_area: int = Field(
            10, ge=0, description="polygons: leave out pieces with fewer pixels, but not the largest of an object"
        )

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write annotations.xml, and labels.json for the task."""
        from alref_exporters import _cvat

        _cvat.write_cvat(run, target, self.options)


class LabelStudio(Exporter):
    """Label Studio: exact brush masks on frames as image tasks, and boxes on the video, which has no masks in Label Studio."""

    name = "label-studio"

    class Options(ImageOptions):
        """Options of Label Studio."""

        role: Literal["predictions", "annotations"] = Field(
            "predictions", description="whether the masks are pre-annotations to be confirmed, or finished annotations"
        )
        url: str = Field(
            "/data/local-files/?d=",
            description="what stands before the path of a file in the tasks, so that Label Studio finds it",
        )

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write the tasks and the labeling interfaces of frames and of the video, and the frames to images/."""
        from alref_exporters import _label_studio

        _label_studio.write_label_studio(run, target, self.options)


class LabelMe(Exporter):
    """LabelMe: a JSON file beside each frame, with exact masks or polygons; the group id is the number of the object."""

    name = "labelme"

    class Options(ImageOptions, PolygonOptions):
        """Options of LabelMe."""

        shapes: Literal["masks", "polygons"] = Field(
            "masks", description="exact masks, or polygons that can be edited and lose holes"
        )

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write a JSON file and an image for each frame."""
        from alref_exporters import _labelme

        _labelme.write_labelme(run, target, self.options)
