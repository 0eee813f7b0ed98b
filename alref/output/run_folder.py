"""The output folder of a run: settings, result and images. ``docs/run-folder.md`` describes each file.

Every file is written atomically, ``run.yaml`` first and ``result.json`` last. A folder that holds all parts is finished. If a
run is killed, the same command completes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from alref.errors import InputError, RecordError
from alref.media.video import Video
from alref.media.video_encoder import open_video_encoder
from alref.media.write import write_mask_pngs
from alref.output.job_folder import JobFolder, JobSpec, format_short_error, iterate_leaves, remove_file
from alref.output.report import render_run_report
from alref.output.thumbnails import ObjectMasks, Thumbnails, draw_masks, make_label_map
from alref.records import Reference
from alref.result import Result
from alref.utils import atomic
from alref.utils.masks import Mask
from alref.utils.text import format_path

CORRECTIONS_FILE, REVISIONS_FOLDER = "corrections.jsonl", "revisions"
RUN_FILE, RESULT_FILE, MASKS_FOLDER, OVERLAY_FILE, REPORT_FILE, STAGES_FOLDER = (
    "run.yaml",
    "result.json",
    "masks",
    "overlay.mp4",
    "report.html",
    "stages",
)
PARTIAL_FILE = re.compile(r"\.(run|result|overlay|report|\d{5,}|.+-[0-9a-f]{32})\.\d+\.(yaml|json|mp4|html|png)")
ProgressCallback = Callable[[int, int], object]


@dataclass(frozen=True)
class _VideoIdentity:
    """A video that runs compare by fingerprint, independent of its path."""

    name: str = field(compare=False)
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint:.8})"


class RunSpec(JobSpec):
    """The settings of a run, stored in ``run.yaml``.

    ``input`` is the video's path or name, ``fingerprint`` that of its content, ``versions`` those of alref and of the
    plugins used, ``config`` every option with its value. Two runs are the same if all but ``command`` and ``input`` agree.
    """

    format: Literal[1] = 1
    command: str = ""
    input: str
    fingerprint: str
    versions: dict[str, str]
    references: tuple[Reference, ...]
    config: dict[str, Any]

    def iterate_settings(self) -> Iterator[tuple[str, Any]]:
        """Yield the names and values of settings that distinguish runs."""
        data = self.model_dump(mode="json", include={"versions", "references", "config"})
        yield "the video", _VideoIdentity(self.input, self.fingerprint)
        yield from iterate_leaves(data.pop("config"))
        yield from iterate_leaves(data)


class RunFolder(JobFolder[RunSpec]):
    """A folder locked for one run until ``close``: use it as a context manager."""

    SPEC_FILE, JOB_NAME, spec_type = RUN_FILE, "run", RunSpec

    @property
    def finished(self) -> bool:
        """Return whether every part exists."""
        return all((self.path / part).exists() for part in (RUN_FILE, MASKS_FOLDER, OVERLAY_FILE, REPORT_FILE, RESULT_FILE))

    @property
    def stages(self) -> Path:
        """Return the folder of cached stage outputs."""
        return self.path / STAGES_FOLDER

    def read_result(self) -> Result:
        """Read the result. Raises InputError as ``load_result`` does."""
        return load_result(self.path)

    def write_result(self, result: Result, video: Video, on_progress: ProgressCallback | None = None) -> None:
        """Write all parts in one pass over the video, ``result.json`` last; each frame calls ``on_progress(done, total)``.

        Raises OutputError if a part cannot be written. Then ``result.json`` is missing, and the other files are complete.
        """
        remove_file(self.path / RESULT_FILE)
        self._write_views(result, video, on_progress, with_masks=True)
        atomic.write_text(self.path / RESULT_FILE, result.model_dump_json(indent=1))

    def write_views(self, result: Result, video: Video, on_progress: ProgressCallback | None = None) -> None:
        """Write ``overlay.mp4`` and ``report.html`` again, in one pass over the video. Raises OutputError."""
        self._write_views(result, video, on_progress, with_masks=False)

    def _write_views(self, result: Result, video: Video, on_progress: ProgressCallback | None, with_masks: bool) -> None:
        thumbnails, info = Thumbnails(result), result.video
        with open_video_encoder(self.path / OVERLAY_FILE, info.times) as encoder:
            for index, frame in video.read_frames():
                masks = thumbnails.object_masks.decode_masks(index)
                if with_masks:
                    self._write_frame_masks(result, masks, index)
                thumbnails.add_frame(index, frame)
                if on_progress:
                    on_progress(index + 1, len(info.times))
                encoder.write_frame(draw_masks(frame, masks))
        name = Path(self.spec.input).name or self.spec.input
        report = render_run_report(result, thumbnails, name=name, versions=self.spec.versions, command=self.spec.command)
        atomic.write_text(self.path / REPORT_FILE, report)

    def write_masks(self, result: Result, frames: Iterable[int] | None = None) -> None:
        """Write only mask files, of all frames by default, and then ``result.json``, without the video. Raises OutputError."""
        object_masks = ObjectMasks(result.tracks)
        for index in range(len(result.video.times)) if frames is None else frames:
            self._write_frame_masks(result, object_masks.decode_masks(index), index)
        atomic.write_text(self.path / RESULT_FILE, result.model_dump_json(indent=1))

    def _write_frame_masks(self, result: Result, masks: dict[int, Mask], index: int) -> None:
        labels = make_label_map(masks, result.video.height, result.video.width)
        write_mask_pngs(self.path / MASKS_FOLDER, [labels], [f"{index:05d}"])

    def remove_files(self, everything: bool) -> None:
        """Remove incomplete files of killed processes, or all outputs except ``run.yaml`` and cached stage outputs."""
        paths = [path for path in self.path.rglob(".*") if PARTIAL_FILE.fullmatch(path.name)]
        if everything:
            paths += [self.path / part for part in (RESULT_FILE, OVERLAY_FILE, REPORT_FILE)]
            paths += [
                path for path in (self.path / REVISIONS_FOLDER).glob("*") if re.fullmatch(r"\d{5,}\.json|views", path.name)
            ]
            keep_corrections(self.path / CORRECTIONS_FILE)
            paths += [path for path in (self.path / MASKS_FOLDER).glob("*.png") if re.fullmatch(r"\d{5,}\.png", path.name)]
        for path in paths:
            remove_file(path)


def keep_corrections(path: Path) -> None:
    """Rename the corrections of a run that is replaced, ``corrections-1.jsonl``, so that they can be replayed."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(1))
    if path.exists():
        path.rename(next(name for name in names if not name.exists()))


def save_result(result: Result, folder: Path, video: Video | None = None) -> None:
    """Write a result to a folder as ``alref run`` does; without ``video``, masks and ``result.json`` only.

    Raises OutputError if the folder holds something else or cannot be written, InputError if ``video`` is not the segmented
    one.
    """
    if video is not None and video.fingerprint != result.video.fingerprint:
        raise InputError(f"video: expected the segmented video ({result.video.path or 'in memory'}), got {video!r}")
    spec = RunSpec(
        input=format_path(result.video.path or "in memory"),
        fingerprint=result.video.fingerprint,
        versions={"alref": result.alref},
        references=result.references,
        config=result.config,
    )
    RunFolder.open(folder, spec).close()  # refuses the folder of another run, which the next line would replace
    with RunFolder.open(folder, spec, force=True) as run_folder:
        if video is None:
            run_folder.write_masks(result)
        else:
            run_folder.write_result(result, video)


def load_result(folder: str | Path) -> Result:
    """Read the result of a finished run. Raises InputError if it is missing or cannot be read."""
    path = Path(folder) / RESULT_FILE
    try:
        return Result.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the folder of a finished run") from None
    except (OSError, ValidationError, RecordError) as error:
        problem = f"{path}: cannot be read as a result ({format_short_error(error)})"
        raise InputError(f"{problem}; remove the file and run the same command again") from None


def read_run_spec(folder: Path) -> RunSpec:
    """Read the settings of a run. Raises InputError if they are missing or cannot be read."""
    path = folder / RUN_FILE
    try:
        return RunSpec.model_validate(yaml.safe_load(path.read_bytes()))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the folder of a finished run") from None
    except (OSError, ValueError, RecordError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as the settings of a run ({format_short_error(error)})") from None
