"""Export formats: annotations for training and for annotation tools, files for each frame, and videos for editors."""

from __future__ import annotations

import alref
from alref import Exporter
from alref_exporters.tool_formats import Cvat, LabelMe, LabelStudio
from alref_exporters.training_formats import Coco, Davis, Mots, Yolo, YouTubeVis
from alref_exporters.video_formats import Ffv1, ProRes, Redaction, WebM


@alref.hookimpl
def register_exporters() -> list[type[Exporter]]:
    """Register the export formats."""
    return [Coco, YouTubeVis, Yolo, Davis, Mots, Cvat, LabelStudio, LabelMe, ProRes, WebM, Ffv1, Redaction]
