"""The folder of an evaluation: settings, and the result, masks and scores of each video, written atomically."""

from __future__ import annotations

import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import ValidationError

from alref.components.dataset import Dataset
from alref.components.scores import VideoScores
from alref.config import Configuration
from alref.errors import InputError, RecordError
from alref.output.job_folder import JobFolder, JobSpec, format_short_error, iterate_leaves, remove_file
from alref.records import Finding, Record, Reference
from alref.result import Result, Usage
from alref.utils import atomic

AnyRecord = TypeVar("AnyRecord", bound=Record)
EVALUATION_FILE, VIDEOS_FOLDER, ROWS_FOLDER, MASKS_FOLDER, SCORES_FOLDER, ERRORS_FOLDER, STAGES_FOLDER = (
    "eval.yaml",
    "videos",
    "rows",
    "masks",
    "scores",
    "faults",
    "stages",
)
OFFICIAL_FOLDER = "official"
PARTIAL_FILE = re.compile(r"\..+\.\d+\.(yaml|json|png|txt|html|csv)")


class EvaluationSpec(JobSpec):
    """Settings stored in ``eval.yaml``. Two are the same if dataset, split, configuration and versions agree."""

    format: Literal[1] = 1
    command: str = ""
    dataset: str
    root: str
    split: str
    versions: dict[str, str]
    config: dict[str, Any]

    @classmethod
    def from_command(cls, dataset: Dataset, config: Configuration, name: str) -> Self:
        """Create the settings of this command; ``name`` is the unambiguous name of the dataset."""
        return cls(
            command=shlex.join(["alref", *sys.argv[1:]]),
            dataset=name,
            root=str(dataset.root.absolute()),
            split=dataset.split,
            versions={"alref": metadata.version("alref"), **config.get_versions()},
            config=config.to_dict(),
        )

    def iterate_settings(self) -> Iterator[tuple[str, Any]]:
        """Yield the names and values of settings that distinguish evaluations."""
        yield "dataset", f"{self.dataset}, {self.split}"
        yield from iterate_leaves(self.config)
        yield from iterate_leaves(self.model_dump(mode="json", include={"versions"}))


class ReferenceRow(Record):
    """Summary of a reference: its verdict and why, its pivot frames, and in how many frames something was found."""

    id: str
    text: str
    verdict: Finding
    why: str = ""
    pivot_frames: tuple[int, ...] = ()
    frames_found: int = 0

    @classmethod
    def from_result(cls, result: Result, reference: Reference) -> Self:
        """Create the row of one reference of a result."""
        tracks = result.get_tracks(reference.id)
        verdict = next((each for each in result.verdicts if each.reference == reference.id), None)
        frames = {each.frame for each in result.pivots if each.phrase.reference == reference.id and each.frame is not None}
        return cls(
            id=reference.id,
            text=reference.text,
            verdict=verdict.finding if verdict else "absent",
            why=verdict.why if verdict else "",
            pivot_frames=tuple(sorted(frames)),
            frames_found=sum(any(track.rles[frame].area for track in tracks) for frame in range(len(result.video.times))),
        )


class EvaluationRow(Record):
    """Summary of a video: seconds per stage, usage of language models, verdicts, fallbacks, the first warning, references.

    ``fingerprint`` identifies its files and references; see ``alref.evaluation.change_detection``. ``pixels`` is the size of a
    frame.
    """

    video: str
    fingerprint: str
    frames: int
    seconds: dict[str, float]
    usage: tuple[Usage, ...]
    verdicts: dict[Finding, int]
    fallbacks: int
    warning: str = ""
    references: tuple[ReferenceRow, ...] = ()
    pixels: int = 0

    @classmethod
    def from_result(cls, video: str, result: Result, fingerprint: str) -> Self:
        """Create the row of a result."""
        return cls(
            video=video,
            fingerprint=fingerprint,
            frames=len(result.video.times),
            seconds=result.seconds,
            usage=result.usage,
            verdicts=Counter(verdict.finding for verdict in result.verdicts),
            fallbacks=sum(verdict.source == "fallback" for verdict in result.verdicts),
            warning=next(iter(result.warnings), ""),
            references=tuple(ReferenceRow.from_result(result, each) for each in result.references),
            pixels=result.video.width * result.video.height,
        )


class EvaluationFolder(JobFolder[EvaluationSpec]):
    """A folder locked for one evaluation until ``close``: use it as a context manager."""

    SPEC_FILE, JOB_NAME, spec_type = EVALUATION_FILE, "evaluation", EvaluationSpec

    @property
    def finished(self) -> bool:
        """Return False: the next call may request other videos."""
        return False

    @property
    def masks(self) -> Path:
        """Return the folder of predictions, in the layout of the dataset."""
        return self.path / MASKS_FOLDER

    @property
    def stages(self) -> Path:
        """Return the folder of cached stage outputs."""
        return self.path / STAGES_FOLDER

    def read_result(self, video: str) -> Result | None:
        """Read the result of a video, None if it is missing or unreadable."""
        return _read_record(self.path / VIDEOS_FOLDER / encode_file_name(video), Result)

    def read_scores(self, video: str, protocol: str) -> VideoScores | None:
        """Read the scores of a video, None if they are missing or unreadable."""
        return read_scores(self.path, video, protocol)

    def read_row(self, video: str) -> EvaluationRow | None:
        """Read the row of a video, None if the video is not done."""
        return _read_record(self.path / ROWS_FOLDER / encode_file_name(video), EvaluationRow)

    def write_result(self, video: str, result: Result, fingerprint: str) -> None:
        """Write the result of a video after its masks, then its row, which marks the video as done."""
        self._write_file(VIDEOS_FOLDER, video, result.model_dump_json())
        self._write_file(ROWS_FOLDER, video, EvaluationRow.from_result(video, result, fingerprint).model_dump_json())

    def reset_video(self, video: str) -> None:
        """Remove the scores of a video, then its row, so that the video is processed again."""
        scores = self.path / SCORES_FOLDER
        for folder in (*(scores.iterdir() if scores.is_dir() else ()), self.path / ROWS_FOLDER):
            remove_file(folder / encode_file_name(video))

    def write_scores(self, video: str, scores: VideoScores) -> None:
        """Write the scores of a video."""
        self._write_file(f"{SCORES_FOLDER}/{scores.protocol}", video, scores.model_dump_json())

    def write_error(self, video: str, why: str) -> None:
        """Write the error of a video; the next call retries it."""
        self._write_file(ERRORS_FOLDER, video, why, ".txt")

    def clear_error(self, video: str) -> None:
        """Remove an earlier error of a video."""
        remove_file(self.path / ERRORS_FOLDER / encode_file_name(video, ".txt"))

    def read_errors(self) -> dict[str, str]:
        """Read the failed videos with their errors."""
        files = sorted((self.path / ERRORS_FOLDER).glob("*.txt"))
        return {decode_video_name(file): file.read_text(encoding="utf-8") for file in files if not file.name.startswith(".")}

    def remove_files(self, everything: bool) -> None:
        """Remove incomplete files of killed processes, or all results, masks, scores and reports."""
        if everything:
            for name in ("summary", "report", "rows", "table", "breakdown"):
                for file in self.path.glob(f"{name}*.*"):
                    remove_file(file)
            for file in self.path.glob(f"{OFFICIAL_FOLDER}*/**/*.csv"):
                remove_file(file)
        own = [self.path / part for part in (SCORES_FOLDER, ROWS_FOLDER, VIDEOS_FOLDER, MASKS_FOLDER, ERRORS_FOLDER)]
        files = [file for folder in [self.path, *own] for file in folder.glob("**/*" if folder != self.path else "*")]
        for file in files:
            if file.is_file() and (PARTIAL_FILE.fullmatch(file.name) or (everything and file.parent != self.path)):
                remove_file(file)

    def _write_file(self, part: str, video: str, text: str, suffix: str = ".json") -> None:
        path = self.path / part / encode_file_name(video, suffix)
        atomic.make_folder(path.parent)
        atomic.write_text(path, text)


def load_evaluation(path: Path) -> EvaluationSpec:
    """Read the settings of an evaluation. Raises InputError."""
    try:
        return EvaluationSpec.model_validate(yaml.safe_load((path / EVALUATION_FILE).read_bytes()))
    except (OSError, ValueError, RecordError, yaml.YAMLError) as error:
        raise InputError(
            f"{path}: expected the folder of an evaluation ({format_short_error(error)}); create one with: alref eval"
        ) from None


def read_scores(path: Path, video: str, protocol: str) -> VideoScores | None:
    """Read the scores of a video from the folder of an evaluation, None if they are missing or unreadable."""
    return _read_record(path / SCORES_FOLDER / protocol / encode_file_name(video), VideoScores)


def encode_file_name(video: str, suffix: str = ".json") -> str:
    """Return a safe file name for a video name with any characters."""
    plain = video.replace("%", "%25").replace("/", "%2F")
    return f"%2E{plain[1:]}{suffix}" if plain.startswith(".") else f"{plain}{suffix}"


def decode_video_name(file: Path) -> str:
    """Return the video that a file is named after."""
    return file.stem.replace("%2E", ".").replace("%2F", "/").replace("%25", "%")


def _read_record(path: Path, record_type: type[AnyRecord]) -> AnyRecord | None:
    try:
        return record_type.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError, RecordError):
        return None
