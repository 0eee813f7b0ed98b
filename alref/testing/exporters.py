"""The contract of an export format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import SkipTest

import numpy as np

from alref.components.exporter import Exporter
from alref.components.finished_run import FinishedRun
from alref.components.options import describe_options
from alref.errors import AlrefError, Problem
from alref.media.video import Video
from alref.output.export import load_finished_run, write_export
from alref.records import Phrase, Reference, Track, Verdict
from alref.result import Result
from alref.testing.imports import HEAVY, import_in_subprocess
from alref.testing.memory import freeze_garbage_collector, measure_resident_memory
from alref.testing.videos import UNREADABLE, DamagedVideo, MovingSquare
from alref.utils.masks import Mask, encode_mask

Files = dict[str, bytes]
MAX_GROWTH = 24 * 1024 * 1024
"""Bytes by which memory may grow over 150 frames more; the decoded frames would take five times as much."""


def make_finished_run(
    video: Video,
    masks: Sequence[Iterable[Mask]],
    names: Sequence[str] = ("the red square", "the bar"),
    on_progress: Callable[[int, int], object] | None = None,
) -> FinishedRun:
    """Return a finished run of a video: for each object a name and its masks bool (H, W), one per frame."""
    ids = [str(number) for number in range(1, len(masks) + 1)]
    tracks = [
        Track(phrase=Phrase(reference=key, text=name), rles=tuple(map(encode_mask, drawn)), scores=(1.0,) * len(video))
        for key, name, drawn in zip(ids, names, masks, strict=False)
    ]
    result = Result(
        alref="0",
        video=video.get_info(),
        references=tuple(Reference(id=key, text="an object") for key in ids or ["1"]),
        tracks=tuple(tracks),
        verdicts=tuple(Verdict(reference=key, finding="found" if masks else "absent", why="drawn") for key in ids or ["1"]),
    )
    return load_finished_run(result, video, on_progress=on_progress)


class ExporterContract:
    """The contract of an export format. Override ``make_exporter``."""

    def make_exporter(self) -> Exporter:
        """Return a new instance of the exporter to test."""
        raise NotImplementedError("return the exporter to test")

    def make_masks(self, video: MovingSquare) -> list[list[Mask]]:
        """Return the masks of two objects: the square, and a bar at the bottom."""
        bar = np.zeros((video.height, video.width), np.bool_)
        bar[-10:-4, 6:-8] = True
        return [list(video.truth), [bar] * len(video)]

    @contextmanager
    def export(self, run: FinishedRun) -> Iterator[Path]:
        """Yield the file or folder to which the exporter wrote a run."""
        exporter = self.make_exporter()
        with TemporaryDirectory() as folder:
            yield write_export(exporter, run, Path(folder, f"export{exporter.suffix}")).path

    def read_export(self, run: FinishedRun) -> Files:
        """Export a run and return the content of all files."""
        with self.export(run) as path:
            files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
            return {str(each.relative_to(path)): each.read_bytes() for each in files}

    def test_explains_itself_and_every_option(self) -> None:
        """It has a name, a docstring, and a description and a default for each option.

        Set ``name`` in lower case, write a docstring, and ``Field(default, description="…")`` for each option.
        """
        exporter = self.make_exporter()
        typed = exporter.name == "".join(exporter.name.lower().split())
        assert typed, f"expected one word in lower case, got name = {exporter.name!r}"
        assert (type(exporter).__doc__ or "").strip(), f"expected a docstring, got none in {type(exporter).__name__}"
        silent = [each.name for each in describe_options(type(exporter.options)) if not each.help]
        assert not silent, f"expected a description for each option, got none for {', '.join(silent)}"

    def test_options_survive_json(self) -> None:
        """Its options survive a round trip through JSON, and unknown options are refused.

        Use types that pydantic can serialize to JSON, and derive ``Options`` from ``StageOptions``.
        """
        options = self.make_exporter().options
        back = type(options).model_validate(json.loads(options.model_dump_json()))
        assert back == options, f"expected {options!r} after a JSON round trip, got {back!r}"
        assert options.model_config.get("extra") == "forbid", "expected options that refuse unknown names"

    def test_says_what_to_install(self) -> None:
        """If a library is missing, it reports the command that installs it instead of raising.

        Call ``super().problems()`` first and return what it finds.
        """
        exporter = self.make_exporter()
        if not exporter.needs:
            raise SkipTest("needs = (): the exporter needs no library")
        cls = type(exporter)
        lacking = type(cls.__name__, (cls,), {"needs": ("a_library_that_nobody_has",), "__module__": cls.__module__})
        found = lacking(exporter.options).problems()
        named = [
            each for each in found if isinstance(each, Problem) and "a_library_that_nobody_has" in each.message and each.hint
        ]
        assert named, f"expected problems() to name a missing library and how to install it, got {found!r}"

    def test_imports_nothing_heavy(self) -> None:
        """Importing its module imports no heavy library, so that listing formats is fast.

        Import heavy libraries, and ``alref.records``, in ``write`` or in a module that it imports.
        """
        report = import_in_subprocess(type(self.make_exporter()))
        heavy = sorted(report.loaded & set(HEAVY))
        assert not heavy, f"expected no heavy import in {report.module}, got {', '.join(heavy)}"

    def test_writes_what_the_masks_show(self) -> None:
        """The export depends on the masks: on each object, and on every frame.

        Write all objects of ``run.objects`` on all frames of ``run.read_frames()``.
        """
        video = MovingSquare(frames=4)
        square, bar = self.make_masks(video)
        empty = [np.zeros_like(mask) for mask in square]
        first = self.read_export(make_finished_run(video, [square, bar]))
        assert any(first.values()), "expected an export with content, got none"
        variants = {
            "without the first object": [empty, bar],
            "without the second object": [square, empty],
            "with the first object elsewhere": [[np.roll(mask, 9, axis=1) for mask in square], bar],
            "without the first object on the last frame": [[*square[:-1], empty[-1]], bar],
        }
        for what, masks in variants.items():
            assert self.read_export(make_finished_run(video, masks)) != first, f"expected another export {what}, got the same"

    def test_writes_the_same_twice(self) -> None:
        """The same run gives the same bytes.

        Write no date, no random number and no path of this machine.
        """
        video = MovingSquare(frames=3)
        first, again = (self.read_export(make_finished_run(video, self.make_masks(video))) for _ in range(2))
        assert first.keys() == again.keys(), f"expected the same files, got {sorted(first)} and {sorted(again)}"
        differing = [name for name in first if first[name] != again[name]]
        assert not differing, f"expected the same bytes on a second export, got others in {', '.join(differing[:3])}"

    def test_takes_any_name(self) -> None:
        """Names of objects may contain any character, and may be equal.

        Number the files, and replace characters that a file name may not have; write JSON, XML and CSV with a library.
        """
        video = MovingSquare(frames=2)
        for names in (('../a/b\\c:*?"<>|', "\n\té犬\U0001f415 <&>'\""), ("dog", "dog"), ("x" * 2000, "y" * 2000)):
            with self.export(make_finished_run(video, self.make_masks(video), names)) as path:
                stray = [each.name for each in path.parent.iterdir() if each != path]
                assert not stray, f"expected files in the target only, got {', '.join(stray)}"

    def test_takes_odd_sizes_and_tiny_objects(self) -> None:
        """Frames of odd sizes, objects of one pixel, holes, pieces and overlaps are exported or refused with a clear error.

        Pad frames where a codec needs even sizes; an ``InputError`` says what the format cannot hold.
        """
        video = MovingSquare(frames=2, size=(35, 51), side=12)
        dots, ring = np.zeros((35, 51), np.bool_), np.zeros((35, 51), np.bool_)
        dots[0, 0] = dots[-1, -1] = ring[3:30, 3:30] = True
        ring[10:20, 10:20] = False
        self._expect_files_or_error(make_finished_run(video, [[dots] * 2, [ring] * 2]), "with tiny objects and holes")

    def test_takes_runs_in_which_nothing_was_found(self) -> None:
        """A run without objects, or whose objects are on no frame, is exported or refused with a clear error.

        Write an empty list or frames without masks.
        """
        video = MovingSquare(frames=2)
        nothing = np.zeros((video.height, video.width), np.bool_)
        self._expect_files_or_error(make_finished_run(video, []), "without objects")
        self._expect_files_or_error(make_finished_run(video, [[nothing] * 2]), "whose object is never there")

    def test_takes_uneven_times_and_a_single_frame(self) -> None:
        """Frames that are unevenly spaced in time, and a single frame, are exported.

        Use ``run.times``; ``run.frame_rate`` is None for both.
        """
        video = MovingSquare(frames=4)
        video.times = np.array([0.0, 0.1, 0.7, 0.75]) + 3
        self._expect_files_or_error(make_finished_run(video, self.make_masks(video)), "with uneven times")
        video = MovingSquare(frames=1)
        self._expect_files_or_error(make_finished_run(video, self.make_masks(video)), "of one frame")

    def test_passes_on_an_error_of_the_video(self) -> None:
        """A frame that cannot be read ends the export with the error of the video.

        Do not catch errors of ``frame.image``.
        """
        whole = MovingSquare(frames=4)
        run = make_finished_run(DamagedVideo(whole, 2), self.make_masks(whole))
        try:
            self.read_export(run)
        except AlrefError as error:
            message = str(error)
            assert UNREADABLE in message, f"expected the error of the video, got: {message}"

    def test_memory_stays_flat_over_a_long_video(self) -> None:
        """Memory does not grow with the number of frames.

        Iterate once over ``run.read_frames()``, write each frame before the next, and hold no frame or mask.
        """
        peaks: list[int] = []

        def probe_memory(done: int, total: int) -> None:
            if done % (total // 5) == 0:
                peaks[-1] = max(peaks[-1], measure_resident_memory())

        with freeze_garbage_collector():
            for count in (10, 160):
                video = MovingSquare(frames=count, size=(432, 768))
                run = make_finished_run(video, [video.truth], on_progress=probe_memory)
                peaks.append(0)
                with self.export(run):
                    peaks[-1] = max(peaks[-1], measure_resident_memory())
        growth = peaks[1] - peaks[0]
        assert growth <= MAX_GROWTH, f"expected at most {MAX_GROWTH >> 20} MiB more for 150 frames more, got {growth >> 20} MiB"

    def _expect_files_or_error(self, run: FinishedRun, what: str) -> None:
        message = "no error"
        try:
            with self.export(run) as path:
                assert path.exists(), f"expected an export of a run {what}, got none"
        except AlrefError as error:
            message = str(error).strip()
        assert message, f"expected an error that says why a run {what} cannot be exported"
