"""The frames of a run as image files."""

from __future__ import annotations

from pathlib import Path

import cv2

from alref import FinishedRun, OutputError
from alref.components.finished_run import RunFrame

JPEG_QUALITY = 95
MIN_DIGITS = 5


def format_frame_name(run: FinishedRun, index: int) -> str:
    """Return the name of a frame without suffix: ``00042``; wider if there are more frames."""
    return f"{index:0{max(MIN_DIGITS, len(str(len(run) - 1)))}d}"


def write_frame_image(frame: RunFrame, path: Path) -> None:
    """Write the image of a frame as JPEG or PNG, by the suffix of the path. Raises OutputError."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise OutputError(f"{path}: the frame cannot be encoded; choose another type of images")
    path.write_bytes(data.data)
