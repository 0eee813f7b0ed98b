"""Files for each frame, and arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from alref import Exporter, StageOptions

if TYPE_CHECKING:
    from alref import FinishedRun


class Cutouts(Exporter):
    """Cut-outs: a PNG with transparent background of each object on each frame, with a table of their places."""

    name = "cutouts"

    class Options(StageOptions):
        """Options of cut-outs."""

        crop: bool = Field(True, description="cut to the box of the object, and not the whole frame")
        margin: int = Field(0, ge=0, description="pixels around the box that are in the image as well")

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write a folder for each object, and cutouts.csv."""
        from alref_exporters import _cutouts

        _cutouts.write_cutouts(run, target, self.options)


class Exr(Exporter):
    """Layered EXR: a file for each frame, with a channel for each object and A for all; for Nuke, Fusion and Blender."""

    name = "exr"
    extra = "exr"
    needs: ClassVar[tuple[str, ...]] = ("OpenEXR",)

    class Options(StageOptions):
        """Options of EXR."""

        compression: Literal["zip", "zips", "piz", "dwaa"] = Field(
            "zip", description="compression; dwaa has losses, the others have none"
        )
        depth: Literal["half", "float"] = Field("half", description="numbers of 16 or 32 bits")

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write NAME.NUMBER.exr for each frame."""
        from alref_exporters import _exr

        _exr.write_exr(run, target, self.options)


class NumpyArchive(Exporter):
    """A NumPy archive: the masks of all objects at one bit for each pixel, with names, times and scores."""

    name = "numpy"
    suffix = ".npz"

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write the archive."""
        from alref_exporters import _numpy_archive

        _numpy_archive.write_archive(run, target)
