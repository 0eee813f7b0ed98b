"""Mask logits at rest: what decides between objects and the background is kept exactly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from alref.errors import RecordError
from alref.records import FrameMasks, Track
from alref.utils.logit_maps import BACKGROUND_LOGIT, decode_logits, encode_logits
from support.scripted import Script, run


def smooth(seed: int, size: tuple[int, int]) -> np.ndarray:
    coarse = np.random.default_rng(seed).normal(-3, 6, (5, 6)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [(96, 160), (24, 20), (33, 47)])
def test_pixels_above_the_background_are_exact_and_others_stay_below(seed: int, size: tuple[int, int]) -> None:
    logits = smooth(seed, (32, 32))
    whole = cv2.resize(logits, size[::-1], interpolation=cv2.INTER_LINEAR)
    found = decode_logits(encode_logits(logits), size)
    above = whole > BACKGROUND_LOGIT
    assert 0 < above.mean() < 1
    assert (found[above] == whole[above]).all()
    assert (found[~above] <= BACKGROUND_LOGIT).all()


def test_a_small_object_takes_little_room() -> None:
    logits = np.full((256, 256), -12, np.float32) + np.random.default_rng(0).random((256, 256), np.float32)
    logits[100:140, 100:140] += 20
    assert len(encode_logits(logits).data) < 15_000


def test_logits_of_a_propagator_reach_its_tracks_and_survive_json() -> None:
    maps = np.stack([smooth(seed, (16, 16)) for seed in range(4)])

    def propagate(video, boxes):  # type: ignore[no-untyped-def]
        for frame in range(len(video)):
            masks = np.zeros((1, video.height, video.width), np.bool_)
            yield FrameMasks(frame=frame, masks=masks, scores=np.ones(1), logits=maps[[frame]])

    (track,) = run(Script(propagate=propagate)).tracks
    again = Track.model_validate_json(track.model_dump_json())
    kept = [decode_logits(each, (16, 16)) for each in again.logits]
    assert [(each > 0).tolist() for each in kept] == [(each > 0).tolist() for each in maps]
    assert run(Script()).tracks[0].logits == ()


def test_logits_need_one_map_for_each_mask() -> None:
    with pytest.raises(RecordError, match="logits"):
        FrameMasks(frame=0, masks=np.zeros((2, 4, 4), np.bool_), scores=np.ones(2), logits=np.zeros((1, 2, 2)))
