"""Videos of one's own as a data set without truth, so that an ablation runs on them too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from alref.components.dataset import Dataset, Fault, NameAs
from alref.components.scores import Case
from alref.config import VideoOptions
from alref.errors import AlrefError, InputError
from alref.evaluation.folder import file_name
from alref.media.image_folder import listed
from alref.media.reader import open_video
from alref.media.video import Video
from alref.media.write import write_mask_pngs
from alref.output.job_folder import remove
from alref.output.thumbnails import Objects, label_map
from alref.pipeline import references
from alref.records import Reference
from alref.result import Result


class Clips(Dataset):
    """Videos below ``root`` by their paths, each with expressions or with a file of references; read as ``window`` says.

    Raises InputError or ConfigError for references that cannot be read.
    """

    name = "videos"
    splits = ("all",)
    protocols = ()

    def __init__(self, root: Path, asked: Mapping[str, tuple[str, ...] | str], window: VideoOptions) -> None:
        super().__init__(root)
        self._window = window
        self._asked = {video: _read(video, said, root) for video, said in asked.items()}

    def videos(self) -> list[str]:
        """List the paths as they were given."""
        return list(self._asked)

    def references(self, video: str) -> list[Reference]:
        """Return the references of a video."""
        return self._asked[video]

    def open(self, video: str) -> Video:
        """Open a video file or a folder of pictures."""
        return open_video(self._place(video), **self._window.model_dump())

    def files(self, video: str) -> list[Path]:
        """Name the video file, or the pictures in the folder."""
        path = self._place(video)
        return listed(path) if path.is_dir() else [path]

    def _place(self, video: str) -> Path:
        return self.root / Path(video).expanduser()

    def faults(self) -> Iterator[Fault]:
        """Name the videos that cannot be opened."""
        for video in self._asked:
            try:
                self.open(video)
            except AlrefError as error:
                yield Fault(str(error), video)

    def write(self, result: Result, video: str, folder: Path, name_as: NameAs) -> None:
        """Write one indexed PNG for each frame, the pixel values being the numbers of the objects."""
        drawn, size = Objects(result.tracks), (result.video.height, result.video.width)
        frames = range(len(result.video.times))
        labels = (label_map(drawn.at(frame), *size) for frame in frames)
        own = folder / file_name(video, "")
        for path in own.glob("*.png"):
            remove(path)
        write_mask_pngs(own, labels, [f"{frame:05d}" for frame in frames])

    def cases(self, video: str, folder: Path) -> Iterator[Case]:
        """There is no truth. Raises InputError."""
        raise InputError(f"{video}: a video of one's own has no truth to be scored against")


def check_there(file: Path, asked: Mapping[str, tuple[str, ...] | str]) -> None:
    """Raise InputError that names all videos and references of the grid ``file`` that are not there or not given."""
    root = file.parent
    lost = [video for video in asked if not (root / Path(video).expanduser()).exists()]
    problems = [f"no such file: {', '.join(lost)}; give paths as seen from {root.resolve()}"] if lost else []
    for video, said in asked.items():
        if not said:
            problems.append(f"{video}: nothing to look for; write a list of expressions: [the dog]")
        elif isinstance(said, str) and not (root / Path(said).expanduser()).is_file():
            problems.append(f"{video}: there is no file of references {said!r}; an expression stands in a list: [{said}]")
    if problems:
        raise InputError("\n".join(f"{file}: videos: {problem}" for problem in problems))


def _read(video: str, said: tuple[str, ...] | str, root: Path) -> list[Reference]:
    """Read what is asked of a video: a list of expressions, or the name of a file of references. Raises InputError."""
    if not isinstance(said, str):
        if not all(map(str.strip, said)):
            raise InputError(f"videos: {video}: an expression is blank; write what to look for: [the dog]")
        return references.from_texts(said)
    return references.from_file(root / Path(said).expanduser())
