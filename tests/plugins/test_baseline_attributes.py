"""What the embedded reasoners measure of a region: its color, its growth and its change."""

from __future__ import annotations

import numpy as np
import pytest

from alref_baseline.attributes import COLORS, compute_change, compute_color_map, compute_color_share, compute_growth


class TestAttributes:
    @pytest.mark.parametrize(
        ("name", "rgb"),
        [
            ("red", (200, 20, 20)), ("orange", (245, 140, 20)), ("yellow", (240, 225, 50)), ("green", (40, 150, 60)),
            ("blue", (30, 60, 190)), ("purple", (120, 40, 160)), ("pink", (250, 150, 185)), ("black", (15, 15, 18)),
            ("white", (245, 245, 245)), ("gray", (128, 128, 128)), ("brown", (110, 70, 40)),
        ],
    )  # fmt: skip
    def test_a_plain_color_is_named(self, name: str, rgb: tuple[int, int, int]) -> None:
        patch = np.full((2, 3, 3), rgb, np.uint8)
        fits = {each: compute_color_map(patch, each) for each in COLORS}
        assert fits[name].shape == (2, 3)
        assert fits[name].dtype == np.float32
        assert fits[name].min() > 0.9
        assert max(fits, key=lambda each: fits[each][0, 0]) == name

    def test_every_color_is_a_share_of_one(self) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
        for name in COLORS:
            assert 0 <= compute_color_map(noise, name).min() <= compute_color_map(noise, name).max() <= 1

    def test_a_color_that_is_not_known_is_an_error(self) -> None:
        with pytest.raises(KeyError):
            compute_color_map(np.zeros((2, 2, 3), np.uint8), "octarine")

    def test_share_counts_the_region_only(self) -> None:
        frame = np.zeros((40, 40, 3), np.uint8)
        frame[:, :20] = (200, 20, 20)
        left = np.zeros((40, 40), np.bool_)
        left[:, :16] = True
        assert compute_color_share(frame, left, ["red"]) > 0.95
        assert compute_color_share(frame, ~left, ["red"]) < 0.3
        assert compute_color_share(frame, ~left, ["red", "black"]) > 0.95
        assert compute_color_share(frame, np.zeros((40, 40), np.bool_), ["red"]) == 0

    def test_growth_is_the_rate_of_spreading_motion(self) -> None:
        rows, columns = np.indices((60, 80), np.float32)
        motion = np.stack([3 + 0.05 * (columns - 40), 0.05 * (rows - 30)], axis=2)
        mask = np.zeros((60, 80), np.bool_)
        mask[20:40, 30:60] = True
        assert compute_growth(motion, mask) == pytest.approx(0.05, abs=1e-4)
        assert compute_growth(-motion, mask) == pytest.approx(-0.05, abs=1e-4)
        assert compute_growth(motion, np.zeros((60, 80), np.bool_)) == 0

    def test_change_is_what_changes_more_than_the_rest(self) -> None:
        here = np.full((40, 40, 3), 120, np.uint8)
        brighter = np.full((40, 40, 3), 160, np.uint8)
        lit = here.copy()
        lit[:20, :20] = 220
        mask = np.zeros((40, 40), np.bool_)
        mask[:18, :18] = True
        assert compute_change(here, [here, lit], mask) > 20
        assert compute_change(here, [brighter], mask) == pytest.approx(0, abs=0.5)
        assert compute_change(here, [], mask) == 0
