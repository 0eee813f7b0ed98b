"""Our session beside the video predictor of SAM 2's authors, run here and now on the same random weights and frames."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from transformers import Sam2VideoModel

from alref_sam2 import Sam2Options, _checkpoints
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
    return theirs, Sam2VideoRunner(Sam2Options(model=str(folder), image_size=size, prompt="box", dtype="float32"), "cpu")


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
