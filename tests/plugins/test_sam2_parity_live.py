"""Our session beside the video predictor of SAM 2's authors, run here and now on the same random weights and frames."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from transformers import Sam2VideoModel

from alref.records import Phrase, PivotBox, PivotFrame
from alref_sam2 import Sam2, Sam2Options, _checkpoints
from alref_sam2._runtime import Sam2VideoRunner
from support.sam2_official import drifting, error, followed, followed_by_us, predictor, prompts, seeded, shapes_of

pytest.importorskip("sam2", reason="the authors' package sam2 is not installed")

TOLERANCE = 1e-4
MICRO = _checkpoints.ModelSize("micro", 32, (1, 1, 2, 1), 1, (3,))
SETTINGS = (
    "++model.image_encoder.trunk.embed_dim=32",
    "++model.image_encoder.trunk.stages=[1,1,2,1]",
    "++model.image_encoder.trunk.global_att_blocks=[3]",
    "++model.image_encoder.neck.backbone_channel_list=[256,128,64,32]",
)
"""A small encoder; all that comes after it is as large as in SAM 2."""

Pair = tuple[Any, Sam2VideoRunner]


def pair(folder: Path, version: str, size: int) -> Pair:
    """Make the authors' predictor and ours with the same weights."""
    theirs = predictor(f"configs/{version}/{version}_hiera_t.yaml", size, *SETTINGS)
    weights = seeded(shapes_of(theirs.state_dict().items()))
    theirs.load_state_dict(weights)
    model = Sam2VideoModel(_checkpoints.build_config(MICRO, _checkpoints.is_sam21(weights)))
    _checkpoints.load_tensors(model, _checkpoints.rename_tensors(weights), folder)
    model.save_pretrained(folder)
    options = Sam2Options(model=str(folder), image_size=size, prompt="box", dtype="float32", fill_holes=8)
    return theirs, Sam2VideoRunner(options, "cpu")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("small"), "sam2.1", 256)


@pytest.mark.parametrize("objects", [1, 3])
@pytest.mark.parametrize("kind", ["box", "mask"])
def test_the_same_from_one_frame_both_ways(small: Pair, kind: str, objects: int) -> None:
    given = prompts(kind, objects)
    video = drifting()
    assert error(followed_by_us(small[1], video, given), followed(small[0], video, given)) < TOLERANCE


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_the_same_from_several_frames(small: Pair, kind: str) -> None:
    given = prompts(kind, objects=1, frames=(1, 5, 7))
    video = drifting(frames=10)
    assert error(followed_by_us(small[1], video, given), followed(small[0], video, given)) < TOLERANCE


def test_the_same_where_all_memories_are_in_play(small: Pair) -> None:
    given = prompts("mask", objects=1, frames=(17,))
    video = drifting(frames=28)
    assert error(followed_by_us(small[1], video, given), followed(small[0], video, given)) < TOLERANCE


def test_the_same_with_the_first_version(tmp_path: Path) -> None:
    theirs, ours = pair(tmp_path, "sam2", 256)
    given = prompts("box", objects=1)
    assert error(followed_by_us(ours, drifting(), given), followed(theirs, drifting(), given)) < TOLERANCE


@pytest.mark.skipif("ALREF_SLOW" not in os.environ, reason="takes minutes on a processor: ALREF_SLOW=1 runs it")
@pytest.mark.parametrize("objects", [1, 3])
@pytest.mark.parametrize("kind", ["box", "mask"])
def test_the_same_at_full_size(tmp_path: Path, kind: str, objects: int) -> None:
    theirs, ours = pair(tmp_path, "sam2.1", 1024)
    video = drifting(frames=8, size=256)
    given = prompts(kind, objects, size=256)
    assert error(followed_by_us(ours, video, given), followed(theirs, video, given)) < TOLERANCE


def test_the_masks_of_the_published_pipeline_are_the_same(tmp_path: Path) -> None:
    """A box becomes a mask, the mask is propagated both ways, and holes are filled by the authors' code as it is."""
    theirs, _ = pair(tmp_path, "sam2", 256)
    assert theirs.fill_hole_area == 8
    video, start = drifting(frames=20, size=192), 10
    given = prompts("box", objects=1, frames=(start,), size=192)
    expected = followed(theirs, video, given, image_masks=True)[:, 0] > 0
    component = Sam2(Sam2Options(model=str(tmp_path), image_size=256, dtype="float32", fill_holes=8), "cpu")
    component.load()
    pivot = PivotFrame(phrase=Phrase(reference="0", text="object"), frame=start)
    masks = {each.frame: each.masks[0] for each in component.propagate(video, [PivotBox(pivot=pivot, xyxy=given[0][start])])}
    wrong = [(masks[frame] ^ expected[frame]).mean() for frame in range(len(video))]
    assert max(wrong) <= 1e-4
    theirs.fill_hole_area = 0
    unfilled = followed(theirs, video, given, image_masks=True)[:, 0] > 0
    assert (unfilled ^ expected).mean() > 1e-4
