"""Ref-DAVIS17 (Khoreva et al., ACCV 2018), as ReferFormer's converter lays it out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alref.components.dataset import NameAs
from alref_benchmarks.datasets.base import Benchmark, Clip

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from alref.components.scores import Case
    from alref.records import Track
    from alref.result import Result

ANNOTATORS = 4


class RefDavis17(Benchmark):
    """DAVIS 2017 with four expressions for each object, one from each of four annotations."""

    name = "ref-davis17"
    homepage = "https://davischallenge.org/davis2017/code.html"
    licence = "see the homepage"
    splits = ("valid", "train")
    protocols = ("davis17-unsupervised",)
    counts = {"valid": (30, 244)}
    fps = 24.0

    def index(self) -> dict[str, Clip]:
        """Read the expressions."""
        from alref_benchmarks.datasets.index_files import numbered, read_expressions

        path = self.root / "meta_expressions" / self.split / "meta_expressions.json"
        return numbered(path, read_expressions(path))

    def frames(self, video: str) -> list[Path]:
        """Name the pictures of a video."""
        folder = self.root / self.split / "JPEGImages" / video
        return [folder / f"{name}.jpg" for name in self.clip(video).frames]

    def truths(self, video: str) -> list[Path]:
        """Name the maps of true objects, 255 being void."""
        folder = self.root / self.split / "Annotations" / video
        return [folder / f"{name}.png" for name in self.clip(video).frames]

    def said_by(self, video: str, annotator: int) -> dict[int, str]:
        """Return the ids of the expressions of one annotation, by the number of the object."""
        said = self.clip(video).expressions
        ids = sorted(said, key=lambda name: (len(name), name))[annotator::ANNOTATORS]
        return {int(said[name].objects[0]): name for name in ids}

    def write(self, result: Result, video: str, folder: Path, name_as: NameAs) -> None:
        """Write for each annotation one map of all objects in each frame.

        Where objects overlap, the one with the highest score on that frame is seen, the lower number among equals.
        """
        from alref.media.write import write_mask_pngs

        for annotator in range(ANNOTATORS):
            tracks = {number: result.tracks_of(name) for number, name in self.said_by(video, annotator).items()}
            maps = (_merged(tracks, frame, result) for frame in range(len(result.video.times)))
            write_mask_pngs(folder / f"anno_{annotator}" / video, maps, self.clip(video).frames)

    def cases(self, video: str, folder: Path) -> Iterator[Case]:
        """Give one case for each annotation."""
        from alref.components.scores import Case
        from alref_benchmarks.datasets.mask_files import read_objects, there

        for annotator in range(ANNOTATORS):
            home = folder / f"anno_{annotator}" / video
            files = [home / f"{name}.png" for name in self.clip(video).frames]
            truth = (there(path, read_objects(path)) for path in self.truths(video))
            yield Case(str(annotator), truth, map(read_objects, files) if home.is_dir() else None)

    def oddities(self, video: str) -> Iterator[str]:
        """Say when annotations do not name the same objects."""
        named = [sorted(self.said_by(video, annotator)) for annotator in range(ANNOTATORS)]
        if any(each != named[0] for each in named):
            yield f"expected {ANNOTATORS} expressions for each object, in turn; got objects {named}"


def _merged(tracks: dict[int, list[Track]], frame: int, result: Result) -> npt.NDArray[np.uint8]:
    """Paint the objects of one frame by number, the surest last."""
    from alref.output.thumbnails import label_map
    from alref.utils.masks import union

    size = (result.video.height, result.video.width)
    surest = {number: max((each.scores[frame] for each in of), default=0.0) for number, of in tracks.items()}
    order = sorted(tracks, key=lambda number: (surest[number], -number))
    return label_map({number: union([each.rles[frame] for each in tracks[number]], size) for number in order}, *size)
