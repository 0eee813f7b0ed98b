"""ReasonVOS (Bai et al., NeurIPS 2024): expressions that need reasoning, for videos of four other datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alref_benchmarks.datasets.base import MaskFileDataset, VideoEntry

if TYPE_CHECKING:
    from alref.components.scores import LabelMap
    from alref_benchmarks.datasets.frame_cache import FrameCache


class ReasonVosDataset(MaskFileDataset):
    """A reference is named by its object, as its true masks and results are."""

    name = "reasonvos"
    homepage = "https://github.com/showlab/VideoLISA"
    license = "for research; see the homepage"
    splits = ("test",)
    protocols = ("reasonvos",)
    fps = 6.0

    def read_index(self) -> dict[str, VideoEntry]:
        """Read the expressions, and list the frames of each video."""
        from alref_benchmarks.datasets.index_files import read_reasonvos_videos

        folder = self.root / "JPEGImages"
        return {
            video: VideoEntry(tuple(sorted(path.stem for path in (folder / video).glob("*.jpg"))), expressions, source)
            for video, source, expressions in read_reasonvos_videos(self.root / "meta_expressions.json")
        }

    def get_frame_paths(self, video: str) -> list[Path]:
        """Return the image files of a video."""
        return [self.root / "JPEGImages" / video / f"{name}.jpg" for name in self.find_video_entry(video).frames]

    def get_true_mask_paths(self, video: str) -> list[Path]:
        """Return the true masks of all references of a video."""
        return [path for reference in self.find_video_entry(video).expressions for path in self._list_true(video, reference)]

    def get_mask_folder(self, video: str) -> Path:
        """Return the folder of the predicted masks of a video."""
        return Path(video)

    def get_mask_paths(self, folder: Path, video: str, reference: str) -> list[Path]:
        """Return the files of the predicted masks of an object."""
        return [folder / video / reference / f"{name}.png" for name in self.find_video_entry(video).frames]

    def read_true_masks(self, video: str, reference: str, cache: FrameCache) -> Iterator[LabelMap]:
        """Read the true masks that exist; they are all that is scored."""
        from alref_benchmarks.datasets.mask_files import read_gray_mask, read_required

        return (cache.read(path, partial(read_required, path, read_gray_mask)) for path in self._list_true(video, reference))

    def read_predicted_masks(self, video: str, reference: str, files: Sequence[Path]) -> Iterator[LabelMap | None]:
        """Read the predicted masks of the frames with a true mask; None for one that is missing or of another size."""
        from alref_benchmarks.datasets.mask_files import make_empty_mask, read_gray_mask

        true = self._list_true(video, reference)
        size = make_empty_mask(true[0]).shape if true else ()
        folder = files[0].parent if files else self.root
        masks = (read_gray_mask(folder / path.name) for path in true)
        return (None if mask is None or mask.shape != size else mask for mask in masks)

    def _list_true(self, video: str, reference: str) -> list[Path]:
        """List the true masks of an object in the order of their names; the folder may name its source in lower case."""
        source = self.find_video_entry(video).folder
        names = (f"{name}_{video}_{reference}" for name in (source, source.lower()))
        folder = next((each for name in names if (each := self.root / "Annotations" / name).is_dir()), None)
        return sorted(folder.glob("*.png")) if folder else []
