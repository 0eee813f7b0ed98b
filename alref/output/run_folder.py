"""The folder that a run leaves: what was asked, what was found, and pictures of it. ``docs/run-folder.md`` describes each file.

Every file is written whole or not at all, ``run.yaml`` first and ``result.json`` last: a folder that holds all parts is
finished, and one whose run was killed at any instant is completed by the same command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from alref.errors import InputError, RecordError
from alref.media.video import Frame, Video
from alref.media.write import write_mask_pngs, write_overlay
from alref.output.job_folder import Asked, OwnedFolder, leaves, reason, remove
from alref.output.report import page
from alref.output.thumbnails import Pictures, label_map, tint
from alref.records import Reference
from alref.result import Result
from alref.utils import atomic

RUN, RESULT, MASKS, OVERLAY, REPORT, STAGES = "run.yaml", "result.json", "masks", "overlay.mp4", "report.html", "stages"
HALF_WRITTEN = re.compile(r"\.(run|result|overlay|report|\d{5,}|.+-[0-9a-f]{32})\.\d+\.(yaml|json|mp4|html|png)")
Advanced = Callable[[int, int], None]


@dataclass(frozen=True)
class _Content:
    """A video as runs compare it: by its fingerprint, wherever it lies."""

    name: str = field(compare=False)
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint:.8})"


class Run(Asked):
    """What was asked for, kept in ``run.yaml``.

    ``input`` is the video's path or name, ``fingerprint`` that of its content, ``versions`` those of alref and of the
    plugins used, ``config`` every option with its value. Two runs are the same when all but ``command`` and ``input`` agree.
    """

    format: Literal[1] = 1
    command: str = ""
    input: str
    fingerprint: str
    versions: dict[str, str]
    references: tuple[Reference, ...]
    config: dict[str, Any]

    def settings(self) -> Iterator[tuple[str, Any]]:
        """Yield what makes one run another, by name."""
        data = self.model_dump(mode="json", include={"versions", "references", "config"})
        yield "the video", _Content(self.input, self.fingerprint)
        yield from leaves(data.pop("config"))
        yield from leaves(data)


class RunFolder(OwnedFolder[Run]):
    """A folder taken for one run until ``close``: use it as a context manager."""

    FILE, WHAT, kind = RUN, "run", Run

    @property
    def finished(self) -> bool:
        """Whether every part is there."""
        return all((self.path / part).exists() for part in (RUN, MASKS, OVERLAY, REPORT, RESULT))

    @property
    def stages(self) -> Path:
        """The folder in which outputs of stages are kept."""
        return self.path / STAGES

    def load(self) -> Result:
        """Read the result back. Raises InputError as ``load_result`` does."""
        return load_result(self.path)

    def save(self, result: Result, video: Video, advanced: Advanced | None = None) -> None:
        """Write all parts in one pass over the video, ``result.json`` last; ``advanced(done, total)`` is told of each frame.

        Raises OutputError when a part cannot be written; then no ``result.json`` is there, and what is there is whole.
        """
        remove(self.path / RESULT)
        pictures = Pictures(result)
        write_overlay(self.path / OVERLAY, self._drawn(result, video, pictures, advanced), result.video.times)
        name = Path(self.asked.input).name or self.asked.input
        report = page(result, pictures, name=name, versions=self.asked.versions, command=self.asked.command)
        atomic.write_text(self.path / REPORT, report)
        atomic.write_text(self.path / RESULT, result.model_dump_json(indent=1))

    def _drawn(self, result: Result, video: Video, pictures: Pictures, advanced: Advanced | None) -> Iterator[Frame]:
        """Write the mask file of each frame and yield the frame with its masks drawn."""
        total = len(result.video.times)
        for index, frame in video.frames():
            masks = pictures.objects.at(index)
            labels = label_map(masks, result.video.height, result.video.width)
            write_mask_pngs(self.path / MASKS, [labels], [f"{index:05d}"])
            pictures.add(index, frame)
            if advanced:
                advanced(index + 1, total)
            yield tint(frame, masks)

    def clear(self, everything: bool) -> None:
        """Remove what killed processes left half written, or all that alref wrote but ``run.yaml`` and outputs of stages."""
        paths = [path for path in self.path.rglob(".*") if HALF_WRITTEN.fullmatch(path.name)]
        if everything:
            paths += [self.path / part for part in (RESULT, OVERLAY, REPORT)]
            paths += [path for path in (self.path / MASKS).glob("*.png") if re.fullmatch(r"\d{5,}\.png", path.name)]
        for path in paths:
            remove(path)


def load_result(folder: str | Path) -> Result:
    """Read the result of a finished run. Raises InputError when there is none, or when it cannot be read."""
    path = Path(folder) / RESULT
    try:
        return Result.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the folder of a finished run") from None
    except (OSError, ValidationError, RecordError) as error:
        problem = f"{path}: cannot be read as a result ({reason(error)})"
        raise InputError(f"{problem}; remove the file and run the same command again") from None
