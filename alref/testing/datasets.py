"""The contract of a dataset: what it reads, its ground truth, and the results that it writes and reads back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
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
from alref.testing.contract import NotExercised
from alref.testing.dataset_checks import DatasetReadingContract
from alref.testing.dataset_copies import MEDIA_SUFFIXES, find_video_files, make_altered_copy
from alref.testing.errors import assert_raises


class DatasetContract(DatasetReadingContract):
    """The contract of a dataset. Override ``make_dataset``.

    Override ``make_true_objects`` and ``void_label`` if the truth is more than one plain mask per reference, and
    ``find_prompt_files`` if references are prompts.
    """

    void_label: ClassVar[int | None] = None
    """The label in true maps that marks ignored pixels."""

    def make_protocol(self, name: str) -> EvaluationProtocol:
        """Return a protocol by name. Raises ConfigError for an unknown name."""
        return PluginManager().make_protocols([name])[0]

    def make_true_objects(self, dataset: Dataset, video: str) -> dict[str, list[ScriptedObject]]:
        """Return the true objects of each reference. Default: those of the cases whose ids are ids of references."""
        length, ids = len(dataset.open_video(video)), {each.id for each in dataset.read_references(video)}
        return {case.id: cases.make_true_object(case, length, ids) for case in cases.list_unread_cases(dataset, video)}

    def find_prompt_files(self, dataset: Dataset, video: str) -> list[Path]:
        """Return the image files that hold the prompts of the references of a video. Default: none."""
        return []

    def iterate_scored_videos(self) -> Iterator[tuple[Dataset, str]]:
        """Yield the dataset with the name of each video to check.

        Raises SkipTest if the truth is not public, and NotExercised if a video has nothing to score.
        """
        for dataset, video in self.iterate_videos():
            if not dataset.protocols:
                raise SkipTest(f"the truth of split {dataset.split} is not public; check another split")
            if not cases.list_unread_cases(dataset, video):
                raise NotExercised(f"{video} has nothing to score, so this was not checked")
            yield dataset, video

    def test_names_registered_protocols(self) -> None:
        """Every protocol that it names is registered.

        Name protocols that alref has, or register your own with ``register_metrics``.
        """
        dataset = self.make_dataset()
        for name in {
            *dataset.protocols,
            *type(dataset).protocols,
            *(name for names in dataset.split_protocols.values() for name in names),
        }:
            self.make_protocol(name)

    def test_gives_the_truth_or_says_that_it_is_not_public(self) -> None:
        """The truth is maps (H, W) of bool or integers, of the size of the frames, for all or some frames.

        Return from ``read_cases`` one ``Case`` with a unique id for each thing to score; if the truth is not public, set
        ``split_protocols`` to ``()`` for this split and call ``self.require_ground_truth()`` first.
        """
        for dataset, video in self.iterate_videos():
            if dataset.protocols:
                cases.check_truth(video, cases.list_unread_cases(dataset, video), dataset.open_video(video))
            else:
                with assert_raises(InputError, dataset.split):
                    cases.list_unread_cases(dataset, video)

    def test_reads_images_lazily(self) -> None:
        """Listing videos, references and cases reads no frame and no true map, except those of prompts.

        Use iterators for ``Case.truth`` and ``Case.predicted``, and open a file only when its map is requested.
        """
        dataset = self.make_dataset()
        first = self.list_some_videos(dataset)[0]
        prompts = self.find_prompt_files(dataset, first)
        files = [path for path in find_video_files(dataset.root, first) if path not in prompts]
        media_files = [path for path in files if path.suffix.lower() in MEDIA_SUFFIXES]
        with make_altered_copy(dataset.root, media_files, b"") as copy:
            other = self.make_dataset_in(copy)
            assert sorted(other.list_videos()) == sorted(dataset.list_videos()), (
                "expected the same videos when image files are empty, got others"
            )
            assert other.read_references(first), f"{first}: expected references when image files are empty, got none"
            if other.protocols:
                assert cases.list_unread_cases(other, first), f"{first}: expected cases when image files are empty, got none"

    def test_writes_only_below_the_given_folder(self) -> None:
        """Results are written only below the given folder, whatever the name of a video is.

        Build the paths in ``write_masks`` from ``folder`` and names; reject names from an index that lead out of it.
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
        """Masks are read back pixel for pixel in the order of frames; absent objects have empty masks.

        Read in ``read_cases`` the files that ``write_masks`` writes, in the order of frames; write empty masks for absent
        objects.
        """
        for dataset, video in self.iterate_scored_videos():
            for masks in (None, cases.make_growing_masks(dataset.open_video(video))):
                with cases.create_result_folder() as folder:
                    cases.write_uniform_result(dataset, video, folder, masks)
                    for case in dataset.read_cases(video, folder):
                        cases.check_read_masks(f"{video}, {case.id}", case, masks)

    def test_predicts_none_without_results(self) -> None:
        """The prediction of a case is None if the video has no result.

        Set ``Case.predicted`` to None if the folder has no result of the video, and a frame of it to None if its file is
        missing.
        """
        for dataset, video in self.iterate_scored_videos():
            made_up = [case.id for case in cases.list_unread_cases(dataset, video) if case.predicted is not None]
            assert not made_up, f"{video}: expected None for an empty folder, got predictions of {', '.join(made_up)}"

    def test_scores_the_truth_as_perfect(self) -> None:
        """The true masks, written and read back, score the same as the truth in each protocol.

        Compare the output of ``write_masks`` with the truth in ``read_cases``: the order of frames, the labels of objects or
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
        """Return the case with the truth as its prediction."""
        frames = list(case.truth)
        counted = frames if self.void_label is None else [np.where(frame == self.void_label, 0, frame) for frame in frames]
        return replace(case, truth=frames, predicted=counted)
