from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from alref.pipeline.drift import flag_frames
from alref.records import Flag
from alref.utils.masks import Mask, encode_mask

CLIPS = Path(__file__).parents[1] / ".." / "shared" / "data" / "clips"
HEIGHT, WIDTH, SIDE = 90, 160, 20
Track = npt.NDArray[np.bool_]


def moving(xs: list[float], ys: list[float] | None = None, sides: list[int] | None = None) -> Track:
    """Draw a square with its left upper corner at these pixels, (T, H, W); what lies outside of the picture is not there."""
    masks = np.zeros((len(xs), HEIGHT, WIDTH), np.bool_)
    for mask, x, y, side in zip(masks, xs, ys or [30] * len(xs), sides or [SIDE] * len(xs), strict=True):
        mask[max(0, round(y)) : max(0, round(y) + side), max(0, round(x)) : max(0, round(x) + side)] = True
    return masks


def flagged(masks: Track | list[Mask], scores: list[float] | None = None, pivots: tuple[int, ...] = (0,)) -> tuple[Flag, ...]:
    return flag_frames([encode_mask(mask) for mask in masks], scores or [0.9] * len(masks), pivots)


def frames(masks: Track | list[Mask], scores: list[float] | None = None, pivots: tuple[int, ...] = (0,)) -> list[int]:
    return [flag.frame for flag in flagged(masks, scores, pivots)]


STEADY = {
    "still": moving([40] * 30),
    "long": moving([40 + 30 * np.sin(each / 9) for each in range(600)]),
    "slow": moving([20 + each for each in range(30)]),
    "further than its size at every step": moving([2 + 26.0 * each for each in range(6)]),
    "faster and faster": moving([2 + each**2 / 7 for each in range(30)]),
    "to and fro": moving([70 + 50 * np.sin(each / 3) for each in range(40)]),
    "thrown and caught": moving([10 + 3 * each for each in range(40)], [(each % 20 - 10) ** 2 / 2 for each in range(40)]),
    "coming nearer": moving([60] * 25, sides=[8 + 2 * each for each in range(25)]),
    "bouncing at full speed": moving([20 + 8 * abs(10 - each % 20) for each in range(40)]),
    "leaving and coming back": moving([168 - 7 * abs(each - 20) for each in range(40)]),
    "leaving at speed": moving([20 + 14 * each for each in range(16)]),
}


@pytest.mark.parametrize("name", STEADY)
@pytest.mark.parametrize("pivot", [0, 5])
def test_a_steady_track_is_not_flagged(name: str, pivot: int) -> None:
    assert frames(STEADY[name], pivots=(pivot,)) == []


def test_a_switch_to_another_object_is_flagged_where_it_happens() -> None:
    masks = moving([20 + 2 * each for each in range(15)] + [110 - each for each in range(15)])
    (flag,) = flagged(masks)
    assert (flag.frame, flag.kind) == (15, "mask jumps")
    assert flag.why == "has 0% in common with frame 14: moved by 3.1 of its size, 1.0 times as large"


def test_a_switch_is_flagged_on_the_side_away_from_the_pivot() -> None:
    masks = moving([20 + 2 * each for each in range(15)] + [110 - each for each in range(15)])
    assert frames(masks, pivots=(29,)) == [14]
    assert frames(masks, pivots=(0, 29)) == [15]
    assert frames(masks, pivots=(0, 15)) == [14]


def test_a_switch_from_one_pivot_to_the_next_is_no_news() -> None:
    masks = moving([20.0] * 10 + [120.0] * 10)
    assert frames(masks, pivots=(9, 10)) == []


@pytest.mark.parametrize("side", [8, 45])
def test_a_mask_that_shrinks_or_spills_at_once_is_flagged(side: int) -> None:
    masks = moving([40] * 30, sides=[SIDE] * 12 + [side] * 18)
    assert frames(masks) == [12]
    assert f"{side**2 / SIDE**2:.1f} times as large" in flagged(masks)[0].why


def test_a_mask_that_is_elsewhere_for_one_frame_is_flagged_there_and_back() -> None:
    assert frames(moving([40.0] * 12 + [110.0] + [40.0] * 12)) == [12, 13]


def test_a_small_change_is_not_flagged_however_steady_the_track() -> None:
    assert frames(moving([40.0] * 12 + [44.0] * 12)) == []


def test_what_is_empty_is_not_compared() -> None:
    gone = moving([20.0] * 10 + [120.0] * 10)
    gone[8:12] = False
    assert frames(gone) == []
    assert frames(np.zeros_like(gone)) == []


def test_too_few_frames_to_compare_with() -> None:
    masks = moving([20.0, 120.0, 120.0])
    assert frames(masks) == []
    assert frames(masks[:1]) == frames(masks[:0]) == []


def test_a_dip_of_the_score_is_flagged() -> None:
    scores = [0.9, 0.88, 0.91, 0.9, 0.89, 0.9, 0.5, 0.9, 0.9, 0.88]
    (flag,) = flagged(moving([40] * 10), scores)
    assert (flag.frame, flag.kind, flag.why) == (6, "score dips", "scores 0.5, 0.9 nearer to the start")


def test_a_dip_is_seen_from_the_pivot() -> None:
    falling = [0.3] * 5 + [0.9] * 15
    assert frames(moving([40] * 20), falling, pivots=(19,)) == [0, 1, 2, 3, 4]
    assert frames(moving([40] * 20), falling, pivots=(0,)) == []


def test_a_level_that_stays_low_is_the_level_after_a_while() -> None:
    assert frames(moving([40] * 40), [0.9] * 10 + [0.4] * 30) == list(range(10, 18))


def test_scores_that_are_restless_or_slowly_falling_do_not_dip() -> None:
    restless = [0.9 if each % 2 else 0.5 for each in range(30)]
    assert frames(moving([40] * 30), restless) == []
    assert frames(moving([40] * 30), [0.9 - each / 100 for each in range(30)]) == []


def test_a_score_of_what_is_not_seen_is_no_dip_and_no_level() -> None:
    masks = moving([40] * 20)
    masks[8:16] = False
    assert frames(masks, [0.9] * 8 + [0.0] * 8 + [0.9] * 4) == []
    assert frames(masks, [0.9] * 8 + [0.0] * 8 + [0.2] * 4) == [16, 17, 18, 19]


def test_scores_below_zero_dip_too() -> None:
    assert frames(moving([40] * 12), [-1.0] * 6 + [-3.0] + [-1.0] * 5) == [6]


def test_a_frame_can_have_a_flag_of_each_kind() -> None:
    masks = moving([20.0] * 12 + [120.0] * 12)
    assert [flag.kind for flag in flagged(masks, [0.9] * 12 + [0.1] * 12) if flag.frame == 12] == ["mask jumps", "score dips"]


@pytest.fixture(params=["frog", "coffee"])
def clip(request: pytest.FixtureRequest) -> list[Mask]:
    folder = CLIPS / request.param / "masks" / "1"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    return [np.asarray(Image.open(path)) > 0 for path in sorted(folder.glob("*.png"))]


def test_true_masks_are_not_flagged(clip: list[Mask]) -> None:
    assert frames(clip) == []
    assert frames(clip, pivots=(len(clip) // 2,)) == []


@pytest.mark.parametrize("switch", [3, 10, 20])
def test_true_masks_that_are_switched_to_another_place_are_flagged_there(clip: list[Mask], switch: int) -> None:
    masks = [mask[:, ::-1] if frame >= switch else mask for frame, mask in enumerate(clip)]
    assert frames(masks) == [switch]
