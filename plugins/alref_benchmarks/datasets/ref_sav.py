"""Ref-SAV (Yuan et al., 2025): long and short expressions for videos of SA-V, whose frames are read from the video files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alref import InputError, NameMatcher
from alref_benchmarks.datasets.revos import TypedExpressionsDataset

if TYPE_CHECKING:
    from alref import Video
    from alref.components.scores import LabelMap
    from alref.result import Result
    from alref_benchmarks.datasets.frame_cache import FrameCache

_GROUP_LENGTH = len("sav_055")
"""A video is in the folder that has the first characters of its name."""


class RefSavDataset(TypedExpressionsDataset):
    """The name of a frame is a character and the number of the frame in the video file. Results are run lengths in JSON."""

    name = "ref-sav"
    homepage = "https://github.com/bytedance/Sa2VA"
    license = "see the homepage; videos of SA-V: CC BY 4.0"
    splits = ("valid",)
    protocols = ("ref-sav",)
    types = ("long", "short")
    result_file = "results.json"

    def get_expressions_path(self) -> Path:
        """Return the file of the expressions."""
        return self.root / "meta_expressions_valid.json"

    def get_video_path(self, video: str) -> Path:
        """Return the video file."""
        return self.root / "videos" / video[:_GROUP_LENGTH] / f"{video}.mp4"

    def get_frame_paths(self, video: str) -> list[Path]:
        """Return an empty list: the frames are in a video file."""
        return []

    def list_files(self, video: str) -> list[Path]:
        """Return the video file."""
        return [self.get_video_path(video)]

    def open_video(self, video: str) -> Video:
        """Open the annotated frames of the video file. Raises InputError if it does not have them."""
        from alref.media.reader import open_file_frames

        names = self.find_video_entry(video).frames
        if wrong := [name for name in names if not name[1:].isdecimal()]:
            raise InputError(f"{video}: expected frames named by a character and their number, got {wrong[0]!r}")
        return open_file_frames(self.get_video_path(video), [int(name[1:]) for name in names], name=video)

    def get_frame_size(self, video: str) -> tuple[int, ...]:
        """Return (height, width) of the frames of a video. Raises InputError."""
        if size := self.find_video_entry(video).size:
            return size
        opened = self.open_video(video)
        return opened.height, opened.width

    def check_annotations(self, video: str) -> Iterator[str]:
        """Yield what is wrong with the frames, which are decoded, the masks and the types."""
        from alref_benchmarks.datasets import mevis_masks

        try:
            opened = self.open_video(video)
            for _ in opened.read_frames():
                pass
        except InputError as error:
            yield str(error)
        else:
            yield from opened.warnings
        yield from super().check_annotations(video)
        expected = self.get_frame_size(video)
        for name, said in self.find_video_entry(video).expressions.items():
            if (size := mevis_masks.get_mask_size(self, video, said.objects)) != expected:
                height, width = size
                wanted = f"expected masks of {expected[1]}x{expected[0]}, got {width}x{height}"
                yield f"expression {name}: {wanted}; its scores will be dropped"

    def read_true_masks(self, video: str, reference: str, cache: FrameCache) -> Iterator[LabelMap]:
        """Merge the masks of the target objects as MeViS; none if they are not of the size of the frames."""
        from alref_benchmarks.datasets import mevis_masks

        objects = self.find_video_entry(video).expressions[reference].objects
        if mevis_masks.get_mask_size(self, video, objects) != self.get_frame_size(video):
            return iter(())
        return super().read_true_masks(video, reference, cache)

    def list_masks(self, video: str) -> list[Path]:
        """List the file with the results of a video."""
        return [Path(f"{video}.json")]

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write the results of a video as the official evaluation writes those of all videos."""
        import json

        from alref import encode_mask
        from alref.utils import atomic

        entry = self.find_video_entry(video)
        found = {}
        for reference, said in entry.expressions.items():
            runs: list[Any] = [None] * len(entry.frames)
            for place, mask in zip(entry.places, result.iterate_masks(reference), strict=True):
                runs[place] = encode_mask(mask).model_dump(mode="json")
            found[reference] = {"exp": said.text, "prediction_masks": runs}
        atomic.make_folder(folder)
        atomic.write_text(folder / self.list_masks(video)[0], json.dumps({video: found}, ensure_ascii=False))

    def read_results(self, video: str, reference: str, folder: Path) -> Iterator[LabelMap | None] | None:
        """Read the results of a reference; None stands for a frame that the official program stops at."""
        own, whole = folder / self.list_masks(video)[0], folder / self.result_file
        path = own if own.exists() else whole
        found = _read_results(path, path.stat().st_mtime_ns).get(video, {}) if path.exists() else {}
        try:
            runs = found[reference]["prediction_masks"] if reference in found else None
        except (KeyError, TypeError):
            raise InputError(
                f"{path}: {video}, {reference}: expected a list prediction_masks, got none; save it again"
            ) from None
        return None if runs is None else self._decode_results(video, runs)

    def _decode_results(self, video: str, runs: Sequence[Any]) -> Iterator[LabelMap | None]:
        from alref_benchmarks.datasets import mevis_masks

        size = self.get_frame_size(video)
        for place in self.find_video_entry(video).places:
            mask = runs[place] if place < len(runs) else None
            is_whole = isinstance(mask, dict) and tuple(mask.get("size", ())) == size and "counts" in mask
            yield mevis_masks.decode_by_rows([mask], size) if is_whole else None

    def pack_submission(self, folder: Path, file: Path, videos: Sequence[str]) -> None:
        """Write the results of all videos in one file, which the official program reads. Raises InputError."""
        import json

        from alref.utils import atomic
        from alref_benchmarks.datasets.index_files import read_json_object

        with atomic.atomic_path(file) as part, part.open("w", encoding="utf-8") as target:
            for place, video in enumerate(videos):
                found = read_json_object(folder / self.list_masks(video)[0])[video]
                target.write(f"{', ' if place else '{'}{json.dumps(video)}: {json.dumps(found, ensure_ascii=False)}")
            target.write("}")


@lru_cache(maxsize=1)
def _read_results(path: Path, modified: int) -> dict[str, Any]:
    """Read a file of results; it is read again when it was ``modified``."""
    from alref_benchmarks.datasets.index_files import read_json_object

    return read_json_object(path)
