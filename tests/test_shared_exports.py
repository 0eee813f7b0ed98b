"""Several exports of one run: one pass over the frames feeds all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

import alref
from alref.cli import run_command
from alref.components.exporter import Exporter
from alref.components.finished_run import FinishedRun, RunFrame
from alref.components.frame_pass import WINDOW, FramePass
from alref.errors import InputError
from alref.media.array_video import ArrayVideo
from alref.media.video import Frame
from alref.output.export import export_run, make_exporters
from alref.plugins.manager import PluginManager
from support.export_runs import save_run

FORMATS = sorted(PluginManager().exporters)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("shared"), frames=4)


def read_files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_formats_together_decode_each_frame_once_and_write_what_each_writes_alone(run: Path, tmp_path: Path) -> None:
    decoded: Counter[int] = Counter()

    class CountedVideo(ArrayVideo):
        def read_frame(self, index: int) -> Frame:
            decoded[index] += 1
            return super().read_frame(index)

    source = alref.open_video(run.parent / "clip.mkv")
    video = CountedVideo(list(source), fps=source.fps)
    made = make_exporters(PluginManager(), FORMATS, {})
    done = list(export_run(run, made, tmp_path / "together", video=video))
    assert sorted(each.format for each in done) == FORMATS
    assert decoded == dict.fromkeys(range(4), 1)
    for exporter in made:
        list(export_run(run, [exporter], tmp_path / "alone", video=video))
    together, alone = read_files(tmp_path / "together"), read_files(tmp_path / "alone")
    assert together.keys() == alone.keys()
    assert [name for name in alone if together[name] != alone[name]] == []


class Listed(Exporter):
    """Writes the numbers of the frames that ``read`` gives."""

    name = "listed"

    def read(self, run: FinishedRun) -> Iterator[RunFrame]:
        yield from run.read_frames()

    def write(self, run: FinishedRun, target: Path) -> None:
        (target / "frames").write_text(" ".join(str(frame.index) for frame in self.read(run)))


class Twice(Listed):
    """Reads the frames twice at the same time."""

    name = "twice"

    def read(self, run: FinishedRun) -> Iterator[RunFrame]:
        for first, second in zip(run.read_frames(), run.read_frames(), strict=True):
            yield from (first, second)


class Never(Listed):
    """Reads no frame."""

    name = "never"

    def read(self, run: FinishedRun) -> Iterator[RunFrame]:
        yield from ()


class First(Listed):
    """Reads one frame, and holds the iterator."""

    name = "first"

    def read(self, run: FinishedRun) -> Iterator[RunFrame]:
        self.held = run.read_frames()
        yield next(self.held)


class Failing(Listed):
    """Fails on the second frame."""

    name = "failing"

    def read(self, run: FinishedRun) -> Iterator[RunFrame]:
        for frame in run.read_frames():
            if frame.index == 1:
                raise InputError("on the second frame")
            yield frame


def test_an_exporter_may_read_as_it_likes(run: Path, tmp_path: Path) -> None:
    exporters = [cls(cls.Options()) for cls in (Listed, Twice, Never, First)]
    assert len(list(export_run(run, exporters, tmp_path))) == 4
    written = {each.name: (tmp_path / each.name / "frames").read_text() for each in exporters}
    assert written == {"listed": "0 1 2 3", "twice": "0 0 1 1 2 2 3 3", "never": "", "first": "0"}


def test_after_an_error_unfinished_formats_are_not_written(run: Path, tmp_path: Path) -> None:
    exporters = [cls(cls.Options()) for cls in (Listed, Failing)]
    with pytest.raises(InputError, match="on the second frame"):
        list(export_run(run, exporters, tmp_path))
    assert not read_files(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_an_error_of_the_progress_ends_all(run: Path, tmp_path: Path) -> None:
    def cancel(names: str, done: int, total: int) -> None:
        if done == 1:
            raise InterruptedError("no longer wanted")

    exporters = [cls(cls.Options()) for cls in (Listed, Twice)]
    with pytest.raises(alref.AlrefError):  # as any error of the system while a folder is written
        list(export_run(run, exporters, tmp_path, on_progress=cancel))
    assert not read_files(tmp_path)


def test_the_progress_is_that_of_the_slowest(run: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    exporters = [cls(cls.Options()) for cls in (Listed, Twice)]
    list(export_run(run, exporters, tmp_path, on_progress=lambda *progress: told.append(progress)))
    assert told == [("listed,twice", done, 4) for done in range(1, 5)]


def test_a_fast_reader_waits_for_a_slow_one() -> None:
    made: list[int] = []
    frames = FramePass(lambda index: made.append(index) or index, 6, 2)
    fast, slow = frames.read_frames(0), frames.read_frames(1)
    for _ in range(WINDOW):
        next(fast)
    started, seen = Barrier(2), []

    def read_on() -> None:
        started.wait()
        seen.extend(fast)

    thread = Thread(target=read_on)
    thread.start()
    started.wait()
    assert made == list(range(WINDOW))
    for index, _ in enumerate(slow):
        assert len(made) <= index + WINDOW + 1
    thread.join(10)
    assert seen == list(range(WINDOW, 6))
    assert made == list(range(6))


def test_the_command_writes_several_formats_of_several_runs(run: Path, tmp_path: Path) -> None:
    runs = [save_run(tmp_path / "one", frames=2), save_run(tmp_path / "two", frames=2).rename(tmp_path / "other")]
    flags = ["--as", "davis,numpy", "--as", "cvat", "--quiet", "--out", str(tmp_path / "out")]
    assert run_command(["export", *map(str, runs), *flags]) == 0
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").glob("*/*")} >= {
        f"{name}/{part}" for name in ("run", "other") for part in ("davis", "numpy.npz", "cvat")
    }
