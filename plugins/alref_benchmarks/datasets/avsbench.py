"""AVSBench-object (Zhou et al., ECCV 2022): sounding objects in clips of five seconds, one frame per second."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from alref import InputError
from alref_benchmarks.datasets.base import Expression, MaskFileDataset, VideoEntry

if TYPE_CHECKING:
    from alref.components.scores import LabelMap
    from alref_benchmarks.datasets.frame_cache import FrameCache

HOMEPAGE = "https://opennlplab.github.io/AVSBench/"
LICENSE = "on request: see the homepage"
AUDIO_REFERENCE = "sound"
FRAME_COUNT = 5


def build_audio_entry(count: int, folder: str = "") -> VideoEntry:
    """Return a clip of ``count`` seconds with one reference, its audio."""
    return VideoEntry(tuple(map(str, range(count))), {AUDIO_REFERENCE: Expression()}, folder)


class AudioDataset(MaskFileDataset):
    """Clips with one image per second; the reference is the audio. Frames of results count from 0."""

    homepage, license = HOMEPAGE, LICENSE
    fps = 1.0
    uses_audio = True

    def get_mask_folder(self, video: str) -> Path:
        """Return the folder of the predicted masks of a video."""
        return Path(video)

    def get_mask_paths(self, folder: Path, video: str, reference: str) -> list[Path]:
        """Return the files of the predicted masks."""
        home = folder / self.get_mask_folder(video)
        return [home / f"{video}_{name}.png" for name in self.find_video_entry(video).frames]

    def read_true_masks(self, video: str, reference: str, cache: FrameCache) -> Iterator[LabelMap]:
        """Read the true masks."""
        from alref_benchmarks.datasets.mask_files import read_required

        return (read_required(path, self.read_true_mask) for path in self.get_true_mask_paths(video))

    def read_true_mask(self, path: Path) -> LabelMap | None:
        """Read a true mask; foreground is everything that is not black. None if the file does not exist."""
        from alref_benchmarks.datasets.mask_files import read_mask

        return read_mask(path)


class _AvsBenchObjectDataset(AudioDataset):
    """Base class of the two parts of AVSBench-object; images and true masks count from 1."""

    protocols = ("avs-avsbench", "avs-alref")
    part_folder: ClassVar[str]
    metadata_name: ClassVar[str]

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the rows of this split."""
        from alref_benchmarks.datasets.index_files import check_file_name, read_rows

        path = self.root / self.part_folder / self.metadata_name
        rows = [cells for cells, named in read_rows(path, ["split"]) if named["split"] == self.split]
        return {
            check_file_name(path, cells[0]): build_audio_entry(FRAME_COUNT, self.read_category(path, cells)) for cells in rows
        }

    @abstractmethod
    def read_category(self, path: Path, cells: list[str]) -> str:
        """Return the folder of a row's clip."""

    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return the image files of the true masks."""
        home = self.get_data_folder("gt_masks") / self.find_video_entry(video).folder / video
        return [home / f"{video}_{number}.png" for number in range(1, FRAME_COUNT + 1)]

    def check_annotations(self, video: str) -> Iterator[str]:
        """Yield true masks that are not black and white, because the official program scores those in fractions or dithered."""
        from alref_benchmarks.datasets.mask_files import read_fractions

        for path in self.get_true_mask_paths(video):
            with suppress(InputError):  # a damaged file is listed with the other files
                mask = read_fractions(path)
                if mask is not None and mask.dtype.kind == "f":
                    yield f"{path}: expected a gray mask of 0 and 255, got others; officially these count in part"

    def get_audio_path(self, video: str) -> Path:
        """Return the audio file of a video."""
        return self.get_data_folder("audio_wav") / self.find_video_entry(video).folder / f"{video}.wav"

    def get_data_folder(self, kind: str) -> Path:
        """Return the folder of one kind of files of this split."""
        return self.root / self.part_folder / self.metadata_name.replace("_meta_data.csv", "_data") / kind / self.split


class AvsBenchS4Dataset(_AvsBenchObjectDataset):
    """AVSBench-object, single source: one object sounds in each clip."""

    name = "avsbench-s4"
    splits = ("test", "val")
    published_counts = {"test": (740, 740), "val": (740, 740)}
    part_folder, metadata_name = "Single-source", "s4_meta_data.csv"

    def read_category(self, path: Path, cells: list[str]) -> str:
        """Return the category from the third column."""
        from alref_benchmarks.datasets.index_files import check_file_name

        if len(cells) < 3:
            raise InputError(f"{path}: expected the category in the third column, got {', '.join(cells)}; download it again")
        return check_file_name(path, cells[2])

    def read_true_mask(self, path: Path) -> LabelMap | None:
        """Read a true mask in black and white as officially. None if the file does not exist."""
        from alref_benchmarks.datasets.mask_files import read_bilevel

        return read_bilevel(path)

    def get_mask_folder(self, video: str) -> Path:
        """Return the folder of the predicted masks of a video."""
        return Path(self.find_video_entry(video).folder, video)

    def describe_reference(self, video: str, reference: str) -> dict[str, str]:
        """Return the category of the sounding object."""
        return {"category": self.find_video_entry(video).folder}

    def get_frame_paths(self, video: str) -> list[Path]:
        """Return the image files of a video."""
        home = self.get_data_folder("visual_frames") / self.find_video_entry(video).folder / video
        return [home / f"{video}_{number}.png" for number in range(1, FRAME_COUNT + 1)]


class AvsBenchMS3Dataset(_AvsBenchObjectDataset):
    """AVSBench-object, multiple sources: several objects sound in a clip, together or one after another."""

    name = "avsbench-ms3"
    splits = ("test", "val", "train")
    published_counts = {"test": (64, 64), "val": (64, 64), "train": (296, 296)}
    part_folder, metadata_name = "Multi-sources", "ms3_meta_data.csv"

    def read_category(self, path: Path, cells: list[str]) -> str:
        """Return an empty string: clips are not sorted by category."""
        return ""

    def read_true_mask(self, path: Path) -> LabelMap | None:
        """Read a true mask in fractions as officially. None if the file does not exist."""
        from alref_benchmarks.datasets.mask_files import read_fractions

        return read_fractions(path)

    def get_frame_paths(self, video: str) -> list[Path]:
        """Return the image files of a video, which are not sorted by split."""
        home = self.get_data_folder("visual_frames").parent / video
        return [home / f"{video}.mp4_{number}.png" for number in range(1, FRAME_COUNT + 1)]
