"""Made-up results that are written and read back to test datasets."""

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
"""One object of a made-up result: name, masks bool (T, H, W), score from 0 to 1."""


def make_scripted_result(dataset: Dataset, video: str, objects: dict[str, list[ScriptedObject]]) -> Result:
    """Return a result in which each reference in ``objects`` has the given objects and every other reference is absent."""
    facts, references = dataset.open_video(video).get_info(), dataset.read_references(video)
    tracks = [
        Track(phrase=Phrase(reference=key, text=name), rles=tuple(map(encode_mask, masks)), scores=(score,) * len(masks))
        for key, scripted in objects.items()
        for name, masks, score in scripted
    ]
    verdicts = [
        Verdict(reference=reference.id, finding="found" if reference.id in objects else "absent", why="scripted")
        for reference in references
    ]
    return Result(alref="0", video=facts, references=tuple(references), tracks=tuple(tracks), verdicts=tuple(verdicts))


@contextmanager
def create_result_folder() -> Iterator[Path]:
    """Yield the path of a folder for results, two levels below a temporary folder that is removed at the end."""
    with TemporaryDirectory() as folder:
        yield Path(folder, "run", "masks")


def make_growing_masks(video: Video) -> Mask:
    """Return masks bool (T, H, W) that differ on every frame: each covers more pixels, from the top down."""
    masks = np.zeros((len(video), video.height * video.width), np.bool_)
    step = masks.shape[1] // (len(masks) + 1)
    for index, mask in enumerate(masks):
        mask[: step * (index + 1)] = True
    return masks.reshape(-1, video.height, video.width)


def make_true_object(case: Case, length: int, ids: set[str]) -> list[ScriptedObject]:
    """Return the true object of a reference. Raises SkipTest unless the truth is one plain mask per frame."""
    frames = list(case.truth)
    plain = all(set(np.unique(frame)) <= {0, 1} or set(np.unique(frame)) <= {0, 255} for frame in frames)
    if case.id not in ids or len(frames) != length or not plain:
        raise SkipTest(f"case {case.id}: the truth is not one mask per frame of a reference; override make_true_objects")
    masks = np.stack([frame != 0 for frame in frames])
    return [("a thing", masks, 1.0)] if masks.any() else []


def write_result(dataset: Dataset, video: str, folder: Path, objects: dict[str, list[ScriptedObject]]) -> None:
    """Write a made-up result; a name outside a vocabulary is replaced by the first entry of the vocabulary."""
    result = make_scripted_result(dataset, video, objects)
    dataset.write_masks(result, video, folder, lambda names, known: [name if name in known else known[0] for name in names])


def write_uniform_result(dataset: Dataset, video: str, folder: Path, masks: Mask | None) -> None:
    """Write a result in which every reference has one object with these masks, or in which nothing is found if None."""
    ids = [each.id for each in dataset.read_references(video)]
    write_result(dataset, video, folder, {} if masks is None else {each: [("a thing", masks, 1.0)] for each in ids})


def list_unread_cases(dataset: Dataset, video: str) -> list[Case]:
    """Return the cases of a video without results; the true maps are not read yet."""
    with create_result_folder() as folder:
        return list(dataset.read_cases(video, folder))


def is_usable(dataset: Dataset, video: str) -> bool:
    """Return whether all frames, the audio and the truth of a video can be read without InputError."""
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
    """Check that each problem is one line and names one of the videos, or none."""
    for fault in faults:
        assert isinstance(fault, DatasetProblem), f"expected a DatasetProblem, got {fault!r}"
        assert len(fault.message.strip().splitlines()) == 1, f"expected one line, got {fault.message!r}"
        assert fault.video in {"", *videos}, f"expected the name of a video, got {fault.video!r} in: {fault.message}"


def check_truth(video: str, cases: Sequence[Case], opened: Video) -> None:
    """Check the true maps of a video against its frames."""
    ids = [case.id for case in cases]
    assert ids, f"{video}: expected at least one case, got none"
    assert len({*ids}) == len(ids), f"{video}: expected a unique id for each case, got {ids}"
    for case in cases:
        truth = list(case.truth)
        expected = f"{video}, {case.id}: expected"
        assert 0 < len(truth) <= len(opened), f"{expected} true maps of up to {len(opened)} frames, got {len(truth)}"
        sizes = {frame.shape for frame in truth}
        assert sizes == {(opened.height, opened.width)}, f"{expected} {opened.height, opened.width} as the frames, got {sizes}"
        kinds = {str(frame.dtype) for frame in truth if frame.dtype.kind not in "bui"}
        assert not kinds, f"{expected} bool or integers, got {', '.join(kinds)}"


def check_read_masks(where: str, case: Case, written: Mask | None) -> None:
    """Check that the masks read back are the masks written: bool (T, H, W) for all frames, or None for empty ones."""
    assert case.predicted is not None, f"{where}: expected the masks that were written, got none"
    truth, read = list(case.truth), list(case.predicted)
    assert len(read) == len(truth), f"{where}: expected {len(truth)} masks, one per true mask, got {len(read)}"
    left = 0
    for number, (frame, true) in enumerate(zip(read, truth, strict=True)):
        assert frame is not None, f"{where}: expected mask {number} that was written, got None"
        assert frame.shape == true.shape, (
            f"{where}: expected shape {true.shape} of mask {number}, as the truth, got {frame.shape}"
        )
        if written is None:
            assert not frame.any(), f"{where}: expected mask {number} to be empty because nothing was found"
            continue
        same = next((index for index in range(left, len(written)) if np.array_equal(written[index], frame != 0)), None)
        assert same is not None, f"{where}: expected mask {number} as it was written, got other pixels or another frame"
        left = same + 1


def format_main_score(protocol: EvaluationProtocol, scores: VideoScores) -> str:
    """Format the main score of one video."""
    if not scores.objects:
        return "no object is scored"
    table = protocol.summarize_scores([scores])
    return f"{table.main_metric} is {table.main_value:.4f}"
