"""What data sets promise: what they read, the truth that they give, the results that they write and read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar
from unittest import SkipTest

import numpy as np

from alref.components.dataset import Dataset
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import Case
from alref.errors import InputError
from alref.output.job_folder import join_shortened
from alref.plugins.manager import PluginManager
from alref.testing import cases
from alref.testing.cases import ScriptedObject
from alref.testing.dataset_checks import DatasetReadingContract
from alref.testing.dataset_copies import MEDIA_SUFFIXES, find_video_files, make_altered_copy
from alref.testing.errors import assert_raises


class DatasetContract(DatasetReadingContract):
    """What a data set promises. Override ``make_dataset``.

    Override ``make_true_objects``, and ``void_label``, where the truth is more than one plain mask for each reference.
    """

    void_label: ClassVar[int | None] = None
    """The number in true maps that marks pixels which do not count."""

    def make_protocol(self, name: str) -> EvaluationProtocol:
        """Return a way to score. Raises ConfigError when there is none of this name."""
        return PluginManager().make_protocols([name])[0]

    def make_true_objects(self, dataset: Dataset, video: str) -> dict[str, list[ScriptedObject]]:
        """Return the objects that each reference truly means. Default: those of the cases that bear the references' ids."""
        length, ids = len(dataset.open_video(video)), {each.id for each in dataset.read_references(video)}
        return {case.id: cases.make_true_object(case, length, ids) for case in cases.list_unread_cases(dataset, video)}

    def iterate_scored_videos(self) -> Iterator[tuple[Dataset, str]]:
        """Yield the data set with the name of each video to look at. Raises SkipTest where the truth is not public."""
        dataset = self.make_dataset()
        if not dataset.protocols:
            raise SkipTest(f"the truth of split {dataset.split} is not public; check another split")
        yield from self.iterate_videos()

    def test_names_registered_protocols(self) -> None:
        """Every protocol that it names is registered.

        Name protocols that alref has, or announce yours with ``register_metrics``.
        """
        made = self.make_dataset()
        for name in {
            *made.protocols,
            *type(made).protocols,
            *(name for names in made.split_protocols.values() for name in names),
        }:
            self.make_protocol(name)

    def test_gives_the_truth_or_says_that_it_is_not_public(self) -> None:
        """The truth is maps (H, W) of bool or whole numbers, of the frames' size, for all frames or some of them.

        Give in ``read_cases`` one ``Case`` with an id of its own for each thing to score; where the truth is not public, set
        ``split_protocols`` to ``()`` for this split and call ``self.require_ground_truth()`` first.
        """
        for dataset, video in self.iterate_videos():
            if dataset.protocols:
                cases.check_truth(video, cases.list_unread_cases(dataset, video), dataset.open_video(video))
            else:
                with assert_raises(InputError, dataset.split):
                    cases.list_unread_cases(dataset, video)

    def test_reads_images_lazily(self) -> None:
        """Listing videos, references and cases reads no frame and no true map.

        Give iterators as ``Case.truth`` and ``Case.predicted``, and open a file when its map is taken from them.
        """
        made = self.make_dataset()
        first = made.list_videos()[0]
        pictures = [path for path in find_video_files(made.root, first) if path.suffix.lower() in MEDIA_SUFFIXES]
        with make_altered_copy(made.root, pictures, b"") as copy:
            other = self.make_dataset_in(copy)
            assert sorted(other.list_videos()) == sorted(made.list_videos()), (
                "expected the same videos when pictures are empty files, got others"
            )
            assert other.read_references(first), f"{first}: expected references when its pictures are empty files, got none"
            if other.protocols:
                assert cases.list_unread_cases(other, first), (
                    f"{first}: expected cases when its pictures are empty files, got none"
                )

    def test_writes_only_below_the_given_folder(self) -> None:
        """Results are written below the folder that is given and nowhere else, whatever a video is called.

        Make the paths in ``write_masks`` of ``folder`` and names; refuse names from an index that would lead out of it.
        """
        for dataset, video in self.iterate_videos():
            with cases.create_result_folder() as folder:
                cases.write_uniform_result(dataset, video, folder, cases.make_growing_masks(dataset.open_video(video)))
                top = folder.parents[1]
                written = [path for path in top.rglob("*") if path.is_file()]
                assert written, f"{video}: expected files below the folder, got none"
                strays = [str(path.relative_to(top)) for path in written if folder not in path.parents]
                assert not strays, f"{video}: expected files below run/masks only, got {join_shortened(strays)}"

    def test_reads_back_what_it_wrote(self) -> None:
        """Masks that were written are read back pixel by pixel in the order of frames; nothing found is empty masks.

        Read in ``read_cases`` the files that ``write_masks`` wrote, in the order of the frames; write empty masks for absent
        objects.
        """
        for dataset, video in self.iterate_scored_videos():
            for masks in (None, cases.make_growing_masks(dataset.open_video(video))):
                with cases.create_result_folder() as folder:
                    cases.write_uniform_result(dataset, video, folder, masks)
                    for case in dataset.read_cases(video, folder):
                        cases.check_read_masks(f"{video}, {case.id}", case, masks)

    def test_predicts_none_without_results(self) -> None:
        """Where there is no result of a video, the prediction of its cases is None.

        Set ``Case.predicted`` to None when the folder holds nothing of the video, and a frame of it when its file is missing.
        """
        for dataset, video in self.iterate_scored_videos():
            made_up = [case.id for case in cases.list_unread_cases(dataset, video) if case.predicted is not None]
            assert not made_up, f"{video}: expected None out of an empty folder, got predictions of {', '.join(made_up)}"

    def test_scores_the_truth_as_perfect(self) -> None:
        """True masks that are written and read back score as the truth itself does, by each protocol.

        Compare what ``write_masks`` writes with the truth in ``read_cases``: the order of frames, the numbers of objects or
        classes.
        """
        for dataset, video in self.iterate_scored_videos():
            with cases.create_result_folder() as folder:
                cases.write_result(dataset, video, folder, self.make_true_objects(dataset, video))
                for way in map(self.make_protocol, dataset.protocols):
                    best = way.score_video(video, map(self._make_perfect_case, cases.list_unread_cases(dataset, video)))
                    got = way.score_video(video, dataset.read_cases(video, folder))
                    scores = [cases.format_main_score(way, each) for each in (best, got)]
                    apart = f"expected {scores[0]}, as for the truth, got {scores[1]}"
                    assert got.objects == best.objects, f"{video}: {way.name}: {apart}"

    def _make_perfect_case(self, case: Case) -> Case:
        """Return the case in which the truth itself is handed in."""
        frames = list(case.truth)
        counted = frames if self.void_label is None else [np.where(frame == self.void_label, 0, frame) for frame in frames]
        return replace(case, truth=frames, predicted=counted)
