"""User videos as a dataset without ground truth, for ablations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from alref.components.dataset import Dataset, DatasetProblem, NameMatcher
from alref.components.scores import Case
from alref.config import VideoOptions
from alref.errors import AlrefError, InputError
from alref.evaluation.folder import encode_file_name
from alref.media.image_folder import list_images
from alref.media.reader import open_video
from alref.media.video import Video
from alref.media.write import write_mask_pngs
from alref.output.job_folder import remove_file
from alref.output.thumbnails import ObjectMasks, make_label_map
from alref.pipeline import references
from alref.records import Reference
from alref.result import Result


class UserVideoDataset(Dataset):
    """Videos below ``root`` by their paths, each with expressions or with a file of references; read with ``window``.

    Raises InputError or ConfigError for references that cannot be read.
    """

    name = "videos"
    splits = ("all",)
    protocols = ()

    def __init__(self, root: Path, videos: Mapping[str, tuple[str, ...] | str], window: VideoOptions) -> None:
        super().__init__(root)
        self._window = window
        self._references = {video: _read_references(video, said, root) for video, said in videos.items()}

    def list_videos(self) -> list[str]:
        """List the paths as given."""
        return list(self._references)

    def read_references(self, video: str) -> list[Reference]:
        """Return the references of a video."""
        return self._references[video]

    def open_video(self, video: str) -> Video:
        """Open a video file or a folder of images."""
        return open_video(self._resolve_path(video), **self._window.model_dump())

    def list_files(self, video: str) -> list[Path]:
        """Return the video file, or the images in the folder."""
        path = self._resolve_path(video)
        return list_images(path) if path.is_dir() else [path]

    def _resolve_path(self, video: str) -> Path:
        return self.root / Path(video).expanduser()

    def find_problems(self) -> Iterator[DatasetProblem]:
        """Yield the videos that cannot be opened."""
        for video in self._references:
            try:
                self.open_video(video)
            except AlrefError as error:
                yield DatasetProblem(str(error), video)

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write one indexed PNG for each frame, whose pixel values are object numbers."""
        drawn, size = ObjectMasks(result.tracks), (result.video.height, result.video.width)
        frames = range(len(result.video.times))
        labels = (make_label_map(drawn.decode_masks(frame), *size) for frame in frames)
        own = folder / encode_file_name(video, "")
        for path in own.glob("*.png"):
            remove_file(path)
        write_mask_pngs(own, labels, [f"{frame:05d}" for frame in frames])

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Raise InputError, since there is no ground truth."""
        raise InputError(f"{video}: a user video has no ground truth to score against")


def check_videos_exist(file: Path, videos: Mapping[str, tuple[str, ...] | str]) -> None:
    """Raise InputError that lists all missing videos and references of the grid ``file``."""
    root = file.parent
    missing = [video for video in videos if not (root / Path(video).expanduser()).exists()]
    problems = [f"no such file: {', '.join(missing)}; give paths relative to {root.resolve()}"] if missing else []
    for video, said in videos.items():
        if not said:
            problems.append(f"{video}: no expressions; write a list such as [the dog]")
        elif isinstance(said, str) and not (root / Path(said).expanduser()).is_file():
            problems.append(f"{video}: no such file of references: {said!r}; write an expression as a list: [{said}]")
    if problems:
        raise InputError("\n".join(f"{file}: videos: {problem}" for problem in problems))


def _read_references(video: str, source: tuple[str, ...] | str, root: Path) -> list[Reference]:
    """Read the references of a video from a list of expressions or a file of references. Raises InputError."""
    if not isinstance(source, str):
        if not all(map(str.strip, source)):
            raise InputError(f"videos: {video}: blank expression; write a list such as [the dog]")
        return references.make_references(source)
    return references.read_references(root / Path(source).expanduser())
