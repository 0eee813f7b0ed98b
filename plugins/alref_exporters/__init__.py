"""Export formats: annotations for training and for annotation tools, files for each frame, and videos for editors."""

from __future__ import annotations

import alref
from alref import Exporter
from alref_exporters.frame_formats import Cutouts, Exr, NumpyArchive
from alref_exporters.tool_formats import Cvat, LabelMe, LabelStudio
from alref_exporters.training_formats import Coco, Davis, Mots, Yolo, YouTubeVis
from alref_exporters.video_formats import Ffv1, ProRes, Redaction, WebM


@alref.hookimpl
def register_exporters() -> list[type[Exporter]]:
    """Register the export formats."""
    training = [Coco, YouTubeVis, Yolo, Davis, Mots]
    return [*training, Cvat, LabelStudio, LabelMe, Cutouts, Exr, NumpyArchive, ProRes, WebM, Ffv1, Redaction]
