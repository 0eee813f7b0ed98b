"""Results that are made up, written and read back, to test data sets with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import SkipTest

import numpy as np

from alref.components.dataset import Dataset, DatasetProblem
from alref.components.protocol import EvaluationProtocol
from alref.components.scores import Case, VideoScores
from alref.errors import InputError
from alref.media.video import Video
from alref.records import Phrase, Track, Verdict
from alref.result import Result
from alref.utils.masks import Mask, encode_mask

ScriptedObject = tuple[str, Mask, float]
"""One object of a made-up result: its name, its masks bool (T, H, W), its score."""


def make_scripted_result(dataset: Dataset, video: str, objects: dict[str, list[ScriptedObject]]) -> Result:
    """Make the result in which each reference of ``found`` has the given objects, and every other one is absent."""
    facts, references = dataset.open_video(video).get_info(), dataset.read_references(video)
    tracks = [
        Track(phrase=Phrase(reference=key, text=name), rles=tuple(map(encode_mask, masks)), scores=(score,) * len(masks))
        for key, things in objects.items()
        for name, masks, score in things
    ]
    verdicts = [
        Verdict(reference=each.id, finding="found" if each.id in objects else "absent", why="scripted") for each in references
    ]
    return Result(alref="0", video=facts, references=tuple(references), tracks=tuple(tracks), verdicts=tuple(verdicts))


@contextmanager
def create_result_folder() -> Iterator[Path]:
    """Give the path of a folder to write results to, two folders below one that is removed at the end."""
    with TemporaryDirectory() as place:
        yield Path(place, "run", "masks")


def make_growing_masks(video: Video) -> Mask:
    """Make masks bool (T, H, W) that are others on every frame: so many pixels more, from the top down."""
    masks = np.zeros((len(video), video.height * video.width), np.bool_)
    step = masks.shape[1] // (len(masks) + 1)
    for index, mask in enumerate(masks):
        mask[: step * (index + 1)] = True
    return masks.reshape(-1, video.height, video.width)


def make_true_object(case: Case, length: int, ids: set[str]) -> list[ScriptedObject]:
    """Return what a reference truly means where the truth is one plain mask for each frame. Raises SkipTest elsewhere."""
    frames = list(case.truth)
    plain = all(set(np.unique(frame)) <= {0, 1} or set(np.unique(frame)) <= {0, 255} for frame in frames)
    if case.id not in ids or len(frames) != length or not plain:
        raise SkipTest(f"the truth of case {case.id} is not one mask for each frame of a reference; override true_objects")
    masks = np.stack([frame != 0 for frame in frames])
    return [("a thing", masks, 1.0)] if masks.any() else []


def write_result(dataset: Dataset, video: str, folder: Path, objects: dict[str, list[ScriptedObject]]) -> None:
    """Write a made-up result; names that a vocabulary lacks are taken for its first word."""
    dataset.write_masks(make_scripted_result(dataset, video, objects), video, folder, _match_vocabulary)


def write_uniform_result(dataset: Dataset, video: str, folder: Path, masks: Mask | None) -> None:
    """Write a result in which every reference means one object of these masks, or in which nothing is found."""
    ids = [each.id for each in dataset.read_references(video)]
    write_result(dataset, video, folder, {} if masks is None else {each: [("a thing", masks, 1.0)] for each in ids})


def _match_vocabulary(names: list[str], vocabulary: list[str]) -> list[str | None]:
    return [name if name in vocabulary else vocabulary[0] for name in names]


def list_unread_cases(dataset: Dataset, video: str) -> list[Case]:
    """Return the cases of a video of which nothing was handed in, their maps not yet read."""
    with create_result_folder() as folder:
        return list(dataset.read_cases(video, folder))


def is_usable(dataset: Dataset, video: str) -> bool:
    """Say whether all frames, the sound and the truth of a video can be read; no if one raises InputError."""
    try:
        opened = dataset.open_video(video)
        opened.read_audio(16_000)
        read = [sum(1 for _ in opened.read_frames())]
        if dataset.protocols:
            read += [sum(1 for _ in case.truth) for case in list_unread_cases(dataset, video)]
    except InputError:
        return False
    return all(read)


def check_faults(faults: Sequence[DatasetProblem], videos: Sequence[str]) -> None:
    """Check that each fault is one line about one of the videos, or about none."""
    for fault in faults:
        assert isinstance(fault, DatasetProblem), f"expected a Fault, got {fault!r}"
        assert len(fault.message.strip().splitlines()) == 1, f"expected one line, got {fault.message!r}"
        assert fault.video in {"", *videos}, f"expected the name of a video, got {fault.video!r} with: {fault.message}"


def check_truth(video: str, cases: Sequence[Case], opened: Video) -> None:
    """Check the true maps of a video against its frames."""
    ids = [case.id for case in cases]
    assert ids, f"{video}: expected at least one case, got none"
    assert len({*ids}) == len(ids), f"{video}: expected a case with an id of its own for each thing to score, got {ids}"
    for case in cases:
        truth = list(case.truth)
        expected = f"{video}, {case.id}: expected"
        assert 0 < len(truth) <= len(opened), f"{expected} true maps of up to {len(opened)} frames, got {len(truth)}"
        sizes = {frame.shape for frame in truth}
        assert sizes == {(opened.height, opened.width)}, f"{expected} {opened.height, opened.width} as the frames, got {sizes}"
        kinds = {str(frame.dtype) for frame in truth if frame.dtype.kind not in "bui"}
        assert not kinds, f"{expected} bool or whole numbers, got {', '.join(kinds)}"


def check_read_masks(where: str, case: Case, written: Mask | None) -> None:
    """Check that what is predicted is what was written: masks bool (T, H, W) of all frames, None for empty ones."""
    assert case.predicted is not None, f"{where}: expected the masks that were written, got none"
    truth, read = list(case.truth), list(case.predicted)
    assert len(read) == len(truth), f"{where}: expected {len(truth)} masks, one for each true one, got {len(read)}"
    left = 0
    for number, (frame, true) in enumerate(zip(read, truth, strict=True)):
        assert frame is not None, f"{where}: expected mask {number} that was written, got None"
        assert frame.shape == true.shape, f"{where}: expected {true.shape} of mask {number} as the truth, got {frame.shape}"
        if written is None:
            assert not frame.any(), f"{where}: expected mask {number} to be empty, where nothing was found"
            continue
        same = next((place for place in range(left, len(written)) if np.array_equal(written[place], frame != 0)), None)
        assert same is not None, f"{where}: expected mask {number} as it was written, got other pixels or another frame's"
        left = same + 1


def format_main_score(protocol: EvaluationProtocol, scores: VideoScores) -> str:
    """Say the main number of one video in words."""
    if not scores.objects:
        return "no object is scored"
    table = protocol.summarize_scores([scores])
    return f"{table.main_metric} is {table.main_value:.4f}"
