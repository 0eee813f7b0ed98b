"""Formats of training code: COCO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alref import Exporter
from alref_exporters.shared_options import CategoryOptions, ImageOptions

if TYPE_CHECKING:
    from alref import FinishedRun


class Coco(Exporter):
    """COCO instances: each frame is an image, each object on it an annotation with an exact run-length mask and a track id."""

    name = "coco"

    class Options(CategoryOptions, ImageOptions):
        """Options of COCO."""

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write annotations.json, and the frames to images/."""
        from alref_exporters import _coco

        _coco.write_coco(run, target, self.options.images, self.options.categories)
