"""Ref-AVS (Wang et al., ECCV 2024): objects referred to by text and audio, in ten frames of ten seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alref_benchmarks.datasets.base import Expression, MaskFileDataset, VideoEntry

if TYPE_CHECKING:
    from alref.components.scores import LabelMap
    from alref_benchmarks.datasets.frame_cache import FrameCache

FRAME_NAMES = tuple(map(str, range(10)))
NULL_SPLIT = "test_n"


class RefAvsDataset(MaskFileDataset):
    """Expressions such as "the object that makes the loudest sound"; those of split test_n refer to nothing."""

    name = "ref-avs"
    homepage = "https://gewu-lab.github.io/Ref-AVS/"
    license = "MIT (expressions); see the homepage"
    splits = ("test_s", "test_u", NULL_SPLIT, "val", "train")
    protocols = ("ref-avs",)
    split_protocols = {NULL_SPLIT: ("ref-avs-null",)}
    published_counts = {
        "test_s": (273, 2288),
        "test_u": (269, 1656),
        NULL_SPLIT: (257, 1028),
        "val": (257, 1349),
        "train": (2767, 14113),
    }
    fps = 1.0
    uses_audio = True

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the rows of this split. A number is appended to repeated ids."""
        from alref_benchmarks.datasets.index_files import check_file_name, read_rows

        path = self.root / "metadata.csv"
        rows = [row for _, row in read_rows(path, ["uid", "split", "fid", "exp"]) if row["split"] == self.split]
        expressions: dict[str, dict[str, Expression]] = {}
        counts = Counter[str]()
        for position, row in enumerate(rows):
            uid = check_file_name(path, row["uid"])
            counts[uid] += 1
            name = f"{uid} ({counts[uid]})" if counts[uid] > 1 else uid
            video = check_file_name(path, uid.rsplit("_", 2)[0])
            expressions.setdefault(video, {})[name] = Expression(row["exp"], (check_file_name(path, row["fid"]),), position)
        return {video: VideoEntry(FRAME_NAMES, found) for video, found in expressions.items()}

    def get_frame_paths(self, video: str) -> list[Path]:
        """Return the image files of a video."""
        folder = self.root / "media" / video / "frames"
        return [folder / f"{name}.jpg" for name in FRAME_NAMES]

    def describe_reference(self, video: str, reference: str) -> dict[str, str]:
        """Return the category, the last but one part of the id."""
        return {"category": reference.split(" (")[0].rsplit("_", 2)[1]}

    def get_audio_path(self, video: str) -> Path:
        """Return the audio file of a video."""
        return self.root / "media" / video / "audio.wav"

    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return the files of the true masks of all target objects; those of split test_n are empty."""
        numbers = dict.fromkeys(expression.objects[0] for expression in self.find_video_entry(video).expressions.values())
        return (
            []
            if self.split == NULL_SPLIT
            else [path for number in numbers for path in self.get_object_mask_paths(video, number)]
        )

    def get_object_mask_paths(self, video: str, number: str) -> list[Path]:
        """Return the files of the true masks of one object."""
        folder = self.root / "gt_mask" / video / f"fid_{number}"
        return [folder / f"0000{name}.png" for name in FRAME_NAMES]

    def get_mask_folder(self, video: str) -> Path:
        """Return the folder of the predicted masks of a video."""
        return Path(video)

    def get_mask_paths(self, folder: Path, video: str, reference: str) -> list[Path]:
        """Return the files of the predicted masks of an expression."""
        own = folder / video / reference
        return [own / f"{name}.png" for name in FRAME_NAMES]

    def read_true_masks(self, video: str, reference: str, cache: FrameCache) -> Iterator[LabelMap]:
        """Read the true masks of an expression: bool if black and white, else packed colors, which are resized first."""
        from alref_benchmarks.datasets.mask_files import make_empty_mask, read_colored_mask, read_required

        if self.split == NULL_SPLIT:
            return (make_empty_mask(path) for path in self.get_frame_paths(video))
        files = self.get_object_mask_paths(video, self.find_video_entry(video).expressions[reference].objects[0])
        return (cache.read(path, partial(read_required, path, read_colored_mask)) for path in files)
