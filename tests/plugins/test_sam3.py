from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from torch.nn.functional import interpolate
from transformers import Sam3VideoConfig
from transformers.models.sam3_video import modeling_sam3_video
from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

from alref.errors import InputError
from alref.media.video import Video
from alref.testing import ArrayVideo, make_moving_square
from alref_sam2 import Sam3Tracker
from alref_sam3 import Sam3, Sam3Options
from alref_sam3._kernels import LocalKernels, install_kernels
from alref_sam3._runtime import Sam3VideoRunner
from alref_sam3._session import VideoSession, normalize_image, resize_frame
from support.propagation import boxes, counted
from support.tiny_sam3 import TOKENS, save_sam3

pytestmark = pytest.mark.usefixtures("no_hub")
NOUNS = ["dog", "cat"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model that finds one object of each noun, on every frame."""
    return save_sam3(tmp_path_factory.mktemp("sam3"))


@pytest.fixture(scope="module")
def busy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model that finds new objects on each frame, and drops others."""
    return save_sam3(tmp_path_factory.mktemp("busy"), seed=3)


def load(folder: Path, **options: Any) -> Sam3:
    component = Sam3(Sam3Options(model=str(folder), **options), "cpu")
    component.load()
    return component


def make_video(length: int) -> ArrayVideo:
    return make_moving_square(length, size=(48, 64), side=16)[0]


def run_library(runner: Sam3VideoRunner, video: Video) -> Iterator[tuple[Any, Sam3VideoInferenceSession]]:
    """Yield what the loop of the library gives for a whole video in memory, with the numbers of its own preprocessing."""
    size = runner.model.config.image_size
    frames = [normalize_image(torch.from_numpy(resize_frame(frame, size))) for frame in video]
    session = Sam3VideoInferenceSession(
        video=torch.stack(frames), video_height=video.height, video_width=video.width, dtype=torch.float32
    )
    given = runner.create_session(video, NOUNS, lambda frame: None)
    for name in ("prompts", "prompt_input_ids", "prompt_attention_masks"):
        setattr(session, name, getattr(given, name))
    for output in runner.model.propagate_in_video_iterator(session):
        yield output, session


@pytest.mark.parametrize(("fixture", "length"), [("folder", 20), ("busy_folder", 8)])
def test_bounded_memory_changes_nothing(request: pytest.FixtureRequest, fixture: str, length: int) -> None:
    runner, video = load(request.getfixturevalue(fixture)).model, make_video(length)
    session = runner.create_session(video, NOUNS, lambda frame: None)
    outputs = runner.model.propagate_in_video_iterator(session)
    count = 0
    for (expected, _), got in zip(run_library(runner, video), outputs, strict=True):
        count += 1
        assert expected.frame_idx == got.frame_idx
        assert expected.removed_obj_ids == got.removed_obj_ids
        assert expected.suppressed_obj_ids == got.suppressed_obj_ids
        assert expected.obj_id_to_score == pytest.approx(got.obj_id_to_score, abs=1e-4)
        assert expected.obj_id_to_tracker_score == pytest.approx(got.obj_id_to_tracker_score, abs=1e-4)
        assert list(expected.obj_id_to_mask) == list(got.obj_id_to_mask)
        for each, mask in expected.obj_id_to_mask.items():
            torch.testing.assert_close(got.obj_id_to_mask[each], mask, atol=1e-4, rtol=0)
    assert count == length


def test_tracks_are_what_the_library_shows(busy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor of the library needs torchvision, of which it uses only the boxes of masks."""
    processing = import_module("transformers.models.sam3_video.processing_sam3_video")
    monkeypatch.setattr(processing, "masks_to_boxes", lambda masks: torch.zeros(len(masks), 4), raising=False)
    processor = object.__new__(processing.Sam3VideoProcessor)
    component, video = load(busy_folder), make_video(8)
    shown: Counter[tuple[str, int, bytes, float]] = Counter()
    for output, session in run_library(component.model, video):
        found = processor.postprocess_outputs(session, output)
        nouns = {each: noun for noun, ids in found["prompt_to_obj_ids"].items() for each in ids}
        for each, mask in zip(found["object_ids"].tolist(), found["masks"].numpy(), strict=True):
            if mask.any():
                score = round(output.obj_id_to_tracker_score[each], 5)
                shown[nouns[each], output.frame_idx, np.packbits(mask).tobytes(), score] += 1
    tracks = component.track(video, NOUNS)
    got = Counter(
        (track.noun, frame, np.packbits(track.decode_mask(frame)).tobytes(), round(track.scores[frame], 5))
        for track in tracks
        for frame in track.frames
    )
    assert len(shown) > 20
    assert got == shown


def test_tracks_are_complete_and_ordered(folder: Path) -> None:
    component, video = load(folder), make_video(6)
    tracks = component.track(video, ["dog", "cat", "dog"])
    assert [(track.noun, track.id) for track in tracks] == [("dog", 1), ("cat", 1)]
    for track in tracks:
        assert len(track.rles) == len(track.scores) == len(video)
        assert {rle.size for rle in track.rles} == {(48, 64)}
        assert all(0 <= score <= 1 for score in (track.score, *track.scores))
    assert component.track(video, []) == []


def test_nouns_of_one_pass_do_not_affect_each_other(busy_folder: Path) -> None:
    component, video = load(busy_folder), make_video(4)
    together = component.track(video, NOUNS)
    alone = [track for noun in NOUNS for track in component.track(video, [noun])]
    assert len(together) > 2
    assert [(track.noun, track.id, track.rles) for track in together] == [(track.noun, track.id, track.rles) for track in alone]


def test_each_frame_is_read_once_and_progress_is_told(folder: Path) -> None:
    component, video = load(folder), counted(5)
    told: list[tuple[int, int]] = []
    with component.listen(lambda hook, event: told.append(event)):  # type: ignore[arg-type]
        component.track(video, NOUNS)
    assert video.reads == [1] * 5
    assert told == [(done, 5) for done in range(6)]


def test_memory_does_not_grow_with_the_video(folder: Path) -> None:
    runner = load(folder).model
    sizes: list[int] = []
    session: VideoSession = runner.create_session(
        make_video(24), NOUNS, lambda frame: sizes.append(session.count_tensor_bytes())
    )
    for _ in runner.model.propagate_in_video_iterator(session):
        pass
    assert len(sizes) == 24
    assert max(sizes[16:]) <= 1.05 * max(sizes[8:16])


def test_a_noun_is_as_long_as_the_model_reads(folder: Path) -> None:
    component, video = load(folder), make_video(1)
    component.track(video, ["d" * (TOKENS - 2)])
    with pytest.raises(InputError, match=f"at most {TOKENS} tokens, got {TOKENS + 1}"):
        component.track(video, ["d" * (TOKENS - 1)])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_dtype_is_that_of_the_arithmetic(folder: Path, dtype: Any) -> None:
    tracks = load(folder, dtype=dtype).track(make_video(4), ["dog"])
    expected = load(folder).track(make_video(4), ["dog"])
    assert [track.noun for track in tracks] == [track.noun for track in expected] == ["dog"]
    one, other = (np.stack([track.decode_mask(frame) for frame in range(4)]) for (track,) in (tracks, expected))
    assert (one & other).sum() / (one | other).sum() > 0.9


def test_images_of_another_size(folder: Path) -> None:
    sizes: list[int] = []
    component = load(folder, image_size=168)
    model: Any = component.model.model
    model.detector_model.vision_encoder.register_forward_pre_hook(
        lambda module, args, given: sizes.append((args[0] if args else given["pixel_values"]).shape[-1]), with_kwargs=True
    )
    assert component.track(make_video(2), ["dog"])[0].rles[0].size == (48, 64)
    assert sizes == [168, 168]


def test_the_encoder_is_compiled_where_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda call, **given: compiled.append(call) or call)
    for asked in (False, True):
        load(folder, compile=asked)
    assert [type(call.__self__).__name__ for call in compiled] == ["Sam3VisionModel"]  # type: ignore[attr-defined]


def test_preprocessing_has_the_published_numbers() -> None:
    """Sides of 1008 pixels, bilinear with averaging, mean and standard deviation one half."""
    assert Sam3VideoConfig().image_size == 1008
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (90, 160, 3), np.uint8)
    expected = (
        interpolate(torch.from_numpy(picture).permute(2, 0, 1)[None].float(), (56, 56), mode="bilinear", antialias=True)[0]
        / 127.5
        - 1
    )
    got = normalize_image(torch.from_numpy(resize_frame(picture, 56)))
    assert got.shape == (3, 56, 56)
    assert (got - expected).abs().max() <= 1.01 / 127.5
    for color, number in ((0, -1.0), (255, 1.0)):
        assert (normalize_image(torch.full((2, 2, 3), color, dtype=torch.uint8)) == number).all()


def test_duplicates_are_suppressed_best_first() -> None:
    ious = torch.tensor([[1.0, 0.6, 0.0], [0.6, 1.0, 0.6], [0.0, 0.6, 1.0]])
    nms = LocalKernels().generic_nms
    assert nms(ious, torch.tensor([0.7, 0.9, 0.8]), 0.5).tolist() == [1]
    assert nms(ious, torch.tensor([0.7, 0.6, 0.8]), 0.5).tolist() == [2, 0]
    assert nms(ious, torch.tensor([0.7, 0.9, 0.8]), 0.6).tolist() == [1, 2, 0]


def test_small_holes_are_filled_and_sprinkles_removed() -> None:
    cells = torch.full((2, 1, 9, 9), -5.0)
    cells[0, 0, 1:8, 1:8] = 5.0
    cells[0, 0, 3, 3] = cells[0, 0, 4, 4] = -5.0
    cells[1, 0, :4, :4] = 5.0
    cells[1, 0, 7, 7] = 5.0
    install_kernels()
    cleaned = modeling_sam3_video.fill_holes_in_mask_scores(cells, 2) > 0
    assert cleaned[0, 0, 1:8, 1:8].all()
    assert cleaned[0].sum() == 49
    assert cleaned[1, 0, :4, :4].all()
    assert cleaned[1].sum() == 16
    assert (modeling_sam3_video.fill_holes_in_mask_scores(cells, 1)[0] > 0).sum() == 47


def test_nothing_is_fetched_while_it_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modeling_sam3_video, "cv_utils_kernel", None)
    monkeypatch.setattr(modeling_sam3_video, "get_kernel", lambda *given, **more: pytest.fail("fetched"), raising=False)
    load(folder).track(make_video(1), ["dog"])


def test_the_tracker_alone_reads_the_same_files(folder: Path) -> None:
    whole: Any = load(folder).model.model
    tracker = Sam3Tracker(Sam3Tracker.Options(model=str(folder)), "cpu")
    tracker.load()
    alone: Any = tracker.model
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 112, 112)).astype(np.float32))
    with torch.inference_mode():
        expected, _ = whole.get_vision_features_for_tracker(whole.detector_model.get_vision_features(pixel_values=image))
        found = alone.network.model.get_image_features(image, return_dict=True).fpn_hidden_states
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=0)
    assert all(frame.masks.any() for frame in tracker.propagate(make_video(3), boxes([1], frames=3)))
