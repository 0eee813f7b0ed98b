"""Masks as run-length encoding: exact both ways, and a damaged encoding is refused instead of read beyond its end."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from alref.utils.masks import Rle, compute_box, compute_rle_box, decode_crop, decode_mask, encode_mask


def test_any_mask_is_encoded_and_decoded_exactly() -> None:
    chance = np.random.default_rng(0)
    for number in range(300):
        height, width = chance.integers(1, 70, 2)
        mask = chance.random((height, width)) < chance.random()
        if number % 3 == 0:
            mask[:] = number % 2 == 0
        rle = encode_mask(mask)
        assert Rle.model_validate_json(rle.model_dump_json()) == rle
        np.testing.assert_array_equal(decode_mask(rle), mask)


@pytest.mark.parametrize("change", ["", "0", "h100000", "zzz~~|", "é", "o" * 60 + "0"])
def test_counts_of_another_length_are_refused(change: str) -> None:
    mask = np.zeros((24, 33), np.bool_)
    mask[3:9, 4:30] = True
    good = encode_mask(mask)
    cuts = [good.counts[:place] for place in range(len(good.counts))]
    for counts in [change, good.counts + good.counts, *cuts]:
        with pytest.raises(ValidationError):
            Rle(size=good.size, counts=counts)


def test_the_crop_of_a_mask_is_what_lies_in_its_box() -> None:
    generator = np.random.default_rng(1)
    for density in (0.0, 0.01, 0.5, 1.0):
        mask = generator.random((23, 31)) < density
        rle = encode_mask(mask)
        left, top, right, bottom = compute_rle_box(rle)
        assert np.array_equal(decode_crop(rle), mask[top:bottom, left:right])
        if mask.any():
            assert np.array_equal(compute_box(mask), [left, top, right, bottom])
