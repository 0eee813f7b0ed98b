"""What data sets promise: what they read, the truth that they give, the results that they write and read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar
from unittest import SkipTest

import numpy as np

from alref.components.dataset import Dataset
from alref.components.protocol import Protocol
from alref.components.scores import Case
from alref.errors import InputError
from alref.output.job_folder import shortened
from alref.plugins.manager import Plugins
from alref.testing import cases
from alref.testing.cases import Object
from alref.testing.dataset_checks import ReadingContract
from alref.testing.dataset_copies import MEDIA, altered, files_of
from alref.testing.errors import refused


class DatasetContract(ReadingContract):
    """What a data set promises. Override ``dataset``.

    Override ``true_objects``, and ``void``, where the truth is more than one plain mask for each reference.
    """

    void: ClassVar[int | None] = None
    """The number in true maps that marks pixels which do not count."""

    def protocol(self, name: str) -> Protocol:
        """Return a way to score. Raises ConfigError when there is none of this name."""
        return Plugins().metric(name)()

    def true_objects(self, dataset: Dataset, video: str) -> dict[str, list[Object]]:
        """Return the objects that each reference truly means. Default: those of the cases that bear the references' ids."""
        length, ids = len(dataset.open(video)), {each.id for each in dataset.references(video)}
        return {case.id: cases.true_object(case, length, ids) for case in cases.unread(dataset, video)}

    def scored(self) -> Iterator[tuple[Dataset, str]]:
        """Yield the data set with the name of each video to look at. Raises SkipTest where the truth is not public."""
        dataset = self.dataset()
        if not dataset.protocols:
            raise SkipTest(f"the truth of split {dataset.split} is not public; check another split")
        yield from self.some()

    def test_names_ways_to_score_that_there_are(self) -> None:
        """Every protocol that it names is registered.

        Name protocols that alref has, or announce yours with ``register_metrics``.
        """
        made = self.dataset()
        for name in {*made.protocols, *type(made).protocols, *(name for names in made.scored.values() for name in names)}:
            self.protocol(name)

    def test_gives_the_truth_or_says_that_it_is_not_public(self) -> None:
        """The truth is maps (H, W) of bool or whole numbers, of the frames' size, for all frames or some of them.

        Give in ``cases`` one ``Case`` with an id of its own for each thing to score; where the truth is not public, set
        ``scored`` to ``()`` for this split and call ``self.need_truth()`` first.
        """
        for dataset, video in self.some():
            if dataset.protocols:
                cases.check_truth(video, cases.unread(dataset, video), dataset.open(video))
            else:
                with refused(InputError, dataset.split):
                    cases.unread(dataset, video)

    def test_reads_no_picture_before_it_is_asked_for(self) -> None:
        """Listing videos, references and cases reads no frame and no true map.

        Give iterators as ``Case.truth`` and ``Case.predicted``, and open a file when its map is taken from them.
        """
        made = self.dataset()
        first = made.videos()[0]
        pictures = [path for path in files_of(made.root, first) if path.suffix.lower() in MEDIA]
        with altered(made.root, pictures, b"") as copy:
            other = self.over(copy)
            assert sorted(other.videos()) == sorted(made.videos()), (
                "expected the same videos when pictures are empty files, got others"
            )
            assert other.references(first), f"{first}: expected references when its pictures are empty files, got none"
            if other.protocols:
                assert cases.unread(other, first), f"{first}: expected cases when its pictures are empty files, got none"

    def test_writes_where_it_is_told(self) -> None:
        """Results are written below the folder that is given and nowhere else, whatever a video is called.

        Make the paths in ``write`` of ``folder`` and names; refuse names from an index that would lead out of it.
        """
        for dataset, video in self.some():
            with cases.results() as folder:
                cases.write_alike(dataset, video, folder, cases.growing(dataset.open(video)))
                top = folder.parents[1]
                written = [path for path in top.rglob("*") if path.is_file()]
                assert written, f"{video}: expected files below the folder, got none"
                strays = [str(path.relative_to(top)) for path in written if folder not in path.parents]
                assert not strays, f"{video}: expected files below run/masks only, got {shortened(strays)}"

    def test_reads_back_what_it_wrote(self) -> None:
        """Masks that were written are read back pixel by pixel in the order of frames; nothing found is empty masks.

        Read in ``cases`` the files that ``write`` wrote, in the order of the frames; write empty masks for absent objects.
        """
        for dataset, video in self.scored():
            for masks in (None, cases.growing(dataset.open(video))):
                with cases.results() as folder:
                    cases.write_alike(dataset, video, folder, masks)
                    for case in dataset.cases(video, folder):
                        cases.check_read(f"{video}, {case.id}", case, masks)

    def test_tells_what_was_not_handed_in(self) -> None:
        """Where there is no result of a video, the prediction of its cases is None.

        Set ``Case.predicted`` to None when the folder holds nothing of the video, and a frame of it when its file is missing.
        """
        for dataset, video in self.scored():
            made_up = [case.id for case in cases.unread(dataset, video) if case.predicted is not None]
            assert not made_up, f"{video}: expected None out of an empty folder, got predictions of {', '.join(made_up)}"

    def test_scores_the_truth_as_perfect(self) -> None:
        """True masks that are written and read back score as the truth itself does, by each protocol.

        Compare what ``write`` writes with the truth in ``cases``: the order of frames, the numbers of objects or classes.
        """
        for dataset, video in self.scored():
            with cases.results() as folder:
                cases.write(dataset, video, folder, self.true_objects(dataset, video))
                for way in map(self.protocol, dataset.protocols):
                    best = way.score_video(video, map(self._perfect, cases.unread(dataset, video)))
                    got = way.score_video(video, dataset.cases(video, folder))
                    apart = f"expected {cases.main(way, best)}, as for the truth, got {cases.main(way, got)}"
                    assert got.parts == best.parts, f"{video}: {way.name}: {apart}"

    def _perfect(self, case: Case) -> Case:
        """Return the case in which the truth itself is handed in."""
        frames = list(case.truth)
        counted = frames if self.void is None else [np.where(frame == self.void, 0, frame) for frame in frames]
        return replace(case, truth=frames, predicted=counted)
