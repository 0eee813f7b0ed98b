"""The videos and runs that a page shows. Their ids tell no path, and no other file can be named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alref import InputError
from alref.config import VideoOptions
from alref.media.image_folder import list_images
from alref.output.run_folder import RESULT_FILE, RUN_FILE, RunSpec, read_run_spec
from alref_studio.frames import SharedVideo

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".gif", ".webp"})
"""Files of a folder that are opened as videos; a file that is named itself may have any suffix."""


@dataclass(frozen=True)
class OpenedRun:
    """A run folder: its settings, and the path of its video, None if it cannot be found."""

    id: str
    path: Path
    spec: RunSpec
    video_path: Path | None

    @property
    def finished(self) -> bool:
        """Whether the run has a result."""
        return (self.path / RESULT_FILE).exists()

    @property
    def title(self) -> str:
        """The references in words."""
        return ", ".join(each.title for each in self.spec.references)


@dataclass(frozen=True)
class OpenedVideo:
    """A video with its runs, oldest first."""

    id: str
    path: Path
    runs: tuple[OpenedRun, ...] = ()


@dataclass
class Library:
    """What was opened: ``paths`` are videos, run folders, or folders of them; ``out`` is the folder of new runs.

    Raises InputError for a path that is none of these.
    """

    paths: Sequence[Path]
    out: Path
    options: VideoOptions
    _shared: dict[tuple[Path, VideoOptions], SharedVideo] = field(default_factory=dict)
    _specs: dict[tuple[Path, int], RunSpec | None] = field(default_factory=dict)
    _entries: dict[str, OpenedVideo | OpenedRun] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._videos = [video for path in self.paths for video in find_videos(path)]
        self._run_folders = [folder for path in self.paths for folder in find_run_folders(path)]
        for folder in self.paths:
            if (folder / RUN_FILE).is_file():
                read_run_spec(folder)
        for path in self.paths:
            if not path.exists():
                raise InputError(f"{path}: no such file; expected a video, a run folder, or a folder of them")
            if not any(each == path or path in each.parents for each in [*self._videos, *self._run_folders]):
                raise InputError(
                    f"{path}: no video and no run folder in it; expected a video, a run folder, or a folder of them"
                )

    def list_videos(self) -> list[OpenedVideo]:
        """List the videos with their runs, as they are on disk now."""
        runs = [self._read_run(folder) for folder in self._list_run_folders()]
        opened = {path.resolve(): path for path in self._videos}
        wanted = {folder.resolve() for folder in self._run_folders}
        for run in runs:
            if run and run.path.resolve() in wanted:
                place = run.video_path or Path(run.spec.input)
                opened.setdefault(place.resolve(), place)
        entries = []
        for resolved, path in opened.items():
            own = [each for each in runs if each and (each.video_path or Path(each.spec.input)).resolve() == resolved]
            own.sort(key=lambda run: (run.path / RUN_FILE).stat().st_mtime)
            entries.append(OpenedVideo(make_id(resolved), path, tuple(own)))
        self._entries = {**{each.id: each for each in entries}, **{run.id: run for each in entries for run in each.runs}}
        return entries

    def list_faults(self) -> list[tuple[str, str]]:
        """List the run folders whose settings cannot be read, each by its name with the error, which names no other folder."""
        faults = []
        for folder in self._list_run_folders():
            if self._read_spec(folder) is None:
                try:
                    read_run_spec(folder)
                except InputError as error:
                    faults.append((folder.name, str(error).replace(f"{folder}", folder.name)))
        return faults

    def _list_run_folders(self) -> list[Path]:
        return list(dict.fromkeys([*self._run_folders, *find_run_folders(self.out)]))

    def get_video(self, id_: str) -> OpenedVideo:
        """Return the video with this id. Raises InputError."""
        entry = self._find_entry(id_)
        if not isinstance(entry, OpenedVideo):
            raise InputError("no such video; reload the page")
        return entry

    def get_run(self, id_: str) -> OpenedRun:
        """Return the run with this id. Raises InputError."""
        entry = self._find_entry(id_)
        if not isinstance(entry, OpenedRun):
            raise InputError("no such run; reload the page")
        return entry

    def _find_entry(self, id_: str) -> OpenedVideo | OpenedRun | None:
        """Return what has this id; the folders are read again for an id that is not known."""
        if id_ not in self._entries:
            self.list_videos()
        return self._entries.get(id_)

    def share_video(self, path: Path, options: VideoOptions | None = None) -> SharedVideo:
        """Return the reader of a video's frames, the same one for the same options."""
        key = (path.resolve(), options or self.options)
        return self._shared.setdefault(key, SharedVideo(path, key[1]))

    def share_run_video(self, run: OpenedRun) -> SharedVideo:
        """Return the reader of the frames of a run. Raises InputError if its video is not there."""
        if run.video_path is None:
            raise InputError(f"{run.spec.input}: the video of this run is not there; put it back, or open both: alref studio")
        return self.share_video(run.video_path, VideoOptions(**run.spec.config.get("video", {})))

    def _read_run(self, folder: Path) -> OpenedRun | None:
        """Return the run in a folder, None if its settings cannot be read."""
        spec = self._read_spec(folder)
        if spec is None:
            return None
        name = Path(spec.input).name
        places = [Path(spec.input), *(path for path in self._videos if path.name == name), folder.parent / name]
        found = next((place for place in places if place.exists()), None)
        return OpenedRun(make_id(folder.resolve()), folder, spec, found)

    def _read_spec(self, folder: Path) -> RunSpec | None:
        """Return the settings of a run, read again when their file has changed; None if they cannot be read."""
        try:
            key = (folder, (folder / RUN_FILE).stat().st_mtime_ns)
            if key not in self._specs:
                self._specs[key] = read_run_spec(folder)
        except (OSError, InputError):
            return None
        return self._specs[key]


def make_id(path: Path) -> str:
    """Return the id of a path: a digest that stays the same when the server starts again."""
    return hashlib.blake2b(str(path).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def find_run_folders(path: Path) -> Iterator[Path]:
    """Yield the run folder ``path``, or those directly in it."""
    if (path / RUN_FILE).is_file():
        yield path
    elif path.is_dir():
        yield from (each.parent for each in sorted(path.glob(f"*/{RUN_FILE}")))


def find_videos(path: Path) -> Iterator[Path]:
    """Yield the video ``path``, a file or a folder of images, or the videos directly in a folder."""
    if path.is_file():
        yield path
    elif path.is_dir() and not (path / RUN_FILE).is_file():
        if list_images(path):
            yield path
            return
        yield from (each for each in sorted(path.iterdir()) if each.is_file() and each.suffix.lower() in VIDEO_SUFFIXES)
