"""The frames of a run as image files."""

from __future__ import annotations

from pathlib import Path

import cv2

from alref import FinishedRun, OutputError, RunFrame

JPEG_QUALITY = 95
MIN_DIGITS = 5


def format_frame_name(run: FinishedRun, index: int) -> str:
    """Return the name of a frame without suffix: ``00042``; wider if there are more frames."""
    return f"{index:0{max(MIN_DIGITS, len(str(len(run) - 1)))}d}"


class FrameImages:
    """Writes the frames to a folder as ``images`` says: jpg, png or none. ``suffix`` is that of their names, also with none."""

    def __init__(self, run: FinishedRun, folder: Path, images: str) -> None:
        self._run, self._folder, self._wanted = run, folder, images != "none"
        self.suffix = images if self._wanted else "jpg"
        if self._wanted:
            folder.mkdir(parents=True, exist_ok=True)

    def write_frame(self, frame: RunFrame) -> None:
        """Write the image of a frame if images are wanted. Raises OutputError."""
        if self._wanted:
            write_image(frame, self._folder / self.format_name(frame.index))

    def format_name(self, index: int) -> str:
        """Return the name of the image of a frame."""
        return f"{format_frame_name(self._run, index)}.{self.suffix}"


def write_image(frame: RunFrame, path: Path) -> None:
    """Write the image of a frame as JPEG or PNG, by the suffix of the path. Formats that are written together share the data.

    Raises OutputError.
    """
    path.write_bytes(frame.remember((write_image, path.suffix), lambda: _encode_image(frame, path)))


def _encode_image(frame: RunFrame, path: Path) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise OutputError(f"{path}: the frame cannot be encoded; choose another type of images")
    return data.tobytes()
