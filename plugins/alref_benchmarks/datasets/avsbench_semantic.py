"""AVSBench-semantic (Zhou et al., IJCV 2024): sounding objects of 70 classes, and its new clips without classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from alref import InputError, NameMatcher
from alref_benchmarks.datasets.avsbench import AUDIO_REFERENCE, FRAME_COUNT, AudioDataset, build_audio_entry
from alref_benchmarks.datasets.base import VideoEntry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from alref import Case, Result, Track

V2_SUBSET, V2_FRAME_COUNT = "v2", 10
FRAME_COUNT_BY_SUBSET = {"v1s": FRAME_COUNT, "v1m": FRAME_COUNT, V2_SUBSET: V2_FRAME_COUNT}


class _AvsBenchSemanticDataset(AudioDataset):
    """The folder ``AVSBench_semantic``, or its parent folder; images and true masks count from 0."""

    subsets: ClassVar[tuple[str, ...]]

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the rows of this split."""
        from alref_benchmarks.datasets.index_files import check_file_name, read_rows

        path = self.get_base_folder() / "metadata.csv"
        clips = {}
        for _, row in read_rows(path, ["uid", "split", "label"]):
            if row["label"] not in FRAME_COUNT_BY_SUBSET:
                raise InputError(
                    f"{path}: {row['uid']}: expected a label of {', '.join(FRAME_COUNT_BY_SUBSET)}, got {row['label']!r}"
                )
            if row["split"] == self.split and row["label"] in self.subsets:
                clips[check_file_name(path, row["uid"])] = build_audio_entry(FRAME_COUNT_BY_SUBSET[row["label"]], row["label"])
        return clips

    def get_base_folder(self) -> Path:
        """Return the folder that contains the table."""
        inner = self.root / "AVSBench_semantic"
        return inner if inner.is_dir() else self.root

    def get_frame_paths(self, video: str) -> list[Path]:
        """Return the image files of a video."""
        clip = self.find_video_entry(video)
        folder = self.get_base_folder() / clip.folder / video / "frames"
        return [folder / f"{name}.jpg" for name in clip.frames]

    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return the files of the true class maps, which are coded by color."""
        clip = self.find_video_entry(video)
        folder = self.get_base_folder() / clip.folder / video / "labels_rgb"
        return [folder / f"{name}.png" for name in clip.frames]

    def get_audio_path(self, video: str) -> Path:
        """Return the audio file of a video."""
        return self.get_base_folder() / self.find_video_entry(video).folder / video / "audio.wav"


class AvssDataset(_AvsBenchSemanticDataset):
    """AVSBench-semantic: maps of 70 classes of sounding objects, in clips of five or ten seconds."""

    name = "avsbench-avss"
    splits = ("test", "val")
    protocols = ("avss-avsbench", "avss-alref")
    published_counts = {"test": (1554, 1554), "val": (1304, 1304)}
    subsets = tuple(FRAME_COUNT_BY_SUBSET)

    def describe_reference(self, video: str, reference: str) -> dict[str, str]:
        """Return the subset: v1s, v1m or v2."""
        return {"subset": self.find_video_entry(video).folder}

    def write_masks(self, result: Result, video: str, folder: Path, match_names: NameMatcher) -> None:
        """Write maps in which objects are drawn in order in the colors of their classes; others are omitted."""
        from alref.media.write import write_mask_pngs

        tracks = _match_classes(result.get_tracks(AUDIO_REFERENCE), match_names)
        maps = (_draw_label_map(tracks, frame, result) for frame in range(len(result.video.times)))
        write_mask_pngs(
            folder / self.get_mask_folder(video),
            maps,
            [path.stem for path in self.get_mask_paths(folder, video, AUDIO_REFERENCE)],
        )

    def read_cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Yield the one case of a clip, with class indices."""
        from alref import Case
        from alref_benchmarks.datasets.mask_files import read_classes, read_required

        files = self.get_mask_paths(folder, video, AUDIO_REFERENCE)
        handed_in = (folder / self.get_mask_folder(video)).is_dir()
        truth = (read_required(path, read_classes) for path in self.get_true_mask_paths(video))
        yield Case(AUDIO_REFERENCE, truth, map(read_classes, files) if handed_in else None)


class AvsBenchV2BinaryDataset(_AvsBenchSemanticDataset):
    """The ten-second clips that are new in AVSBench-semantic; every class is foreground."""

    name = "avsbench-v2-binary"
    splits = ("test", "val")
    protocols = ("avs-alref", "avs-avsbench")
    published_counts = {"test": (750, 750)}
    subsets = (V2_SUBSET,)


def _match_classes(tracks: list[Track], match_names: NameMatcher) -> list[tuple[int, Track]]:
    """Pair tracks with their class indices."""
    from alref.audio.vocabulary import load_vocabulary

    classes = list(load_vocabulary("avsbench"))
    names = match_names([track.phrase.text for track in tracks], classes) if tracks else []
    return [(classes.index(name) + 1, track) for name, track in zip(names, tracks, strict=True) if name]


def _draw_label_map(tracks: list[tuple[int, Track]], frame: int, result: Result) -> npt.NDArray[np.uint8]:
    import numpy as np

    labels = np.zeros((result.video.height, result.video.width), np.uint8)
    for number, track in tracks:
        labels[track.decode_mask(frame)] = number
    return labels
