"""Formats of training and evaluation code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from alref import Exporter
from alref_exporters.shared_options import CategoryOptions, ImageOptions, PolygonOptions

if TYPE_CHECKING:
    from alref import FinishedRun


class Coco(Exporter):
    """COCO instances: each frame is an image, each object on it an annotation with a mask and a track id."""

    name = "coco"

    class Options(CategoryOptions, ImageOptions, PolygonOptions):
        """Options of COCO."""

        masks: Literal["rle", "rle-list", "polygons"] = Field(
            "rle",
            description="exact run-length masks, compressed or as lists of numbers, or else polygons, which lose holes",
        )

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write annotations.json, and the frames to images/."""
        from alref_exporters import _coco

        _coco.write_coco(run, target, self.options)


class YouTubeVis(Exporter):
    """YouTube-VIS, also called COCO video: each object is one annotation with a mask for every frame."""

    name = "ytvis"

    class Options(CategoryOptions, ImageOptions):
        """Options of YouTube-VIS."""

        masks: Literal["rle", "rle-list"] = Field(
            "rle", description="run-length masks, compressed or as lists of numbers; both are exact"
        )

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write instances.json, and the frames to JPEGImages/."""
        from alref_exporters import _coco

        _coco.write_youtube_vis(run, target, self.options)


class Davis(Exporter):
    """DAVIS and YouTube-VOS: an indexed PNG for each frame, in which the value of a pixel is the number of the object."""

    name = "davis"

    class Options(ImageOptions):
        """Options of DAVIS."""

        images: Literal["jpg", "png", "none"] = Field("none", description="write the frames as well, as JPEG or PNG, or not")

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write Annotations/, meta.json with the names of the objects, and the frames to JPEGImages/."""
        from alref_exporters import _label_maps

        _label_maps.write_davis(run, target, self.options.images)


class Mots(Exporter):
    """MOTS: a text file with a run-length mask for each object and frame, and 16-bit PNG files, which CVAT reads as tracks."""

    name = "mots"

    class Options(CategoryOptions, ImageOptions):
        """Options of MOTS."""

        images: Literal["jpg", "png", "none"] = Field("none", description="write the frames as well, as JPEG or PNG, or not")
        first_frame: int = Field(0, ge=0, le=1, description="number of the first frame: 0 as in KITTI, 1 as in MOTSChallenge")

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write the text file, instances/ with the PNG files and the names of the classes, and the frames to images/."""
        from alref_exporters import _label_maps

        _label_maps.write_mots(run, target, self.options)


class Yolo(Exporter):
    """YOLO segmentation: one polygon for each object on each frame. Holes are lost, and pieces are joined by thin bridges."""

    name = "yolo"

    class Options(CategoryOptions, ImageOptions, PolygonOptions):
        """Options of YOLO segmentation."""

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write labels/train/, data.yaml with the names of the classes, and the frames to images/train/."""
        from alref_exporters import _yolo

        _yolo.write_yolo(run, target, self.options)
