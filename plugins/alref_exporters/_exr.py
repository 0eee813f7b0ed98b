"""Write layered EXR files."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenEXR

from alref import FinishedRun, RunObject
from alref_exporters._frame_images import format_frame_name

if TYPE_CHECKING:
    from alref_exporters.frame_formats import Exr

MAX_LAYER_NAME = 24
"""Characters of a layer; some hosts read 31 for the layer and its channel together."""
COMPRESSIONS = {
    "zip": OpenEXR.ZIP_COMPRESSION,
    "zips": OpenEXR.ZIPS_COMPRESSION,
    "piz": OpenEXR.PIZ_COMPRESSION,
    "dwaa": OpenEXR.DWAA_COMPRESSION,
}


def write_exr(run: FinishedRun, folder: Path, options: Exr.Options) -> None:
    """Write NAME.NUMBER.exr for each frame: 1 inside an object, 0 outside."""
    layers = {each.id: f"{format_layer(each)}.Y" for each in run.objects}
    header: dict[str, Any] = {"compression": COMPRESSIONS[options.compression], "type": OpenEXR.scanlineimage}
    kind, name = np.float16 if options.depth == "half" else np.float32, run.make_file_name(run.name)
    channels = {layer: np.zeros((run.height, run.width), kind) for layer in ("A", *layers.values())}
    for frame in run.read_frames():
        for number, (left, top, right, bottom, mask) in frame.crops.items():
            for layer in ("A", layers[number]):
                channels[layer][top:bottom, left:right][mask] = 1
        with OpenEXR.File(header, dict(channels)) as file:
            file.write(str(folder / f"{name}.{format_frame_name(run, frame.index)}.exr"))
        for number, (left, top, right, bottom, _) in frame.crops.items():
            for layer in ("A", layers[number]):
                channels[layer][top:bottom, left:right] = 0


def format_layer(each: RunObject) -> str:
    """Return the name of a layer: letters of English, digits and underscores, which every program reads.

    >>> format_layer(RunObject(2, "the dog's tail", "tail", None))  # doctest: +SKIP
    '2_the_dog_s_tail'
    """
    plain = unicodedata.normalize("NFKD", each.name).encode("ascii", "ignore").decode()
    return f"{each.id}_{re.sub('[^A-Za-z0-9]+', '_', plain).strip('_')}"[:MAX_LAYER_NAME].rstrip("_")
