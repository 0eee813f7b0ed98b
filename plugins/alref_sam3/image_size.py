"""The sizes of images that SAM 3 encodes."""

from __future__ import annotations

from alref import Problem

PATCH_SIZE = 14
"""Side in pixels of the squares into which the encoder divides an image."""
MASK_CELLS = 4
"""Cells of a mask for each of these squares, in each direction."""


def check_image_size(size: int | None) -> list[Problem]:
    """Return a problem when images of ``size`` pixels cannot be encoded."""
    if size is None or size % PATCH_SIZE == 0:
        return []
    near = round(size / PATCH_SIZE) * PATCH_SIZE
    return [Problem(option="image_size", message=f"expected a multiple of {PATCH_SIZE}, got {size}", value=str(near))]
