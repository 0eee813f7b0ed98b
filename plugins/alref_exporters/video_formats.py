"""Videos for editors, and the redaction video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from alref import Exporter, StageOptions

if TYPE_CHECKING:
    from alref import FinishedRun


class AlphaOptions(StageOptions):
    """Options of videos with alpha."""

    audio: bool = Field(True, description="copy the audio of the video")
    split: bool = Field(False, description="write one file for each object, and not one with all of them")
    background: Literal["black", "keep"] = Field(
        "black", description="what is behind the alpha: black some pixels away from the objects, or the whole frame"
    )


class AlphaExporter(Exporter):
    """Base of videos of the objects with a transparent background, for editors."""

    format_name = ""

    class Options(AlphaOptions):
        """Options of a video with alpha."""

    options: AlphaOptions

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write one video with all objects, or one for each."""
        from alref_exporters import _alpha_video

        _alpha_video.write_alpha_videos(run, target, self.name, self.options)


class ProRes(AlphaExporter):
    """ProRes 4444 in MOV: the objects with straight alpha, 10 bits, BT.709; for Premiere, Resolve, After Effects, Final Cut."""

    name = "prores"


class WebM(AlphaExporter):
    """VP9 in WebM: the objects with alpha, small files for browsers. Many players show it opaque."""

    name = "webm"


class Ffv1(AlphaExporter):
    """FFV1 in MKV: the objects with alpha, lossless RGB; large files, for archives and for FFmpeg."""

    name = "ffv1"


class Redaction(Exporter):
    """A video in which the objects, or everything else, cannot be recognized, with a report of what was covered."""

    name = "redaction"

    class Options(StageOptions):
        """Options of a redaction video."""

        effect: Literal["blur", "pixelate", "fill"] = Field("blur", description="how pixels are covered; fill is black")
        cover: Literal["inside", "outside"] = Field("inside", description="cover the objects, or everything but the objects")
        margin: int = Field(
            8, ge=0, description="pixels around an object that are covered as well, or with outside shown as well"
        )
        strength: int = Field(
            0,
            ge=0,
            description="size of the blocks, or of the blur, in pixels; 0 is a twelfth of the shorter side of the frame",
        )
        audio: bool = Field(True, description="copy the audio of the video")

    options: Options

    def write(self, run: FinishedRun, target: Path) -> None:
        """Write video.mp4 and coverage.json."""
        from alref_exporters import _redaction

        _redaction.write_redaction(run, target, self.options)
