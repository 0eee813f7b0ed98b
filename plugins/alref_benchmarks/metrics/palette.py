"""The classes and colors of AVSBench-semantic (Zhou et al., IJCV 2024): a class is its index in the palette of PASCAL VOC.

The bits of the index, from the lowest, are the highest bits of red, green, blue, then the next lower of red, and so on.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

CLASSES: tuple[str, ...] = tuple(
    """
    background accordion airplane axe baby bassoon bell bird boat boy bus car cat cello clarinet clipper clock dog donkey drum
    duck elephant emergency-car erhu flute frying-food girl goose guitar gun guzheng hair-dryer handpan harmonica harp
    helicopter hen horse keyboard leopard lion man marimba missile-rocket motorcycle mower parrot piano pig pipa saw saxophone
    sheep sitar sorna squirrel tabla tank tiger tractor train trombone truck trumpet tuba ukulele utv vacuum-cleaner violin
    wolf woman
    """.split()  # noqa: SIM905
)
_UNKNOWN = 0x80
PixelArray = npt.NDArray[np.uint8]


def _build_palette() -> PixelArray:
    """Return RGB of every index, (71, 3)."""
    bits = np.unpackbits(np.arange(len(CLASSES), dtype=np.uint8)[:, None], axis=1, bitorder="little")
    by_channel = np.pad(bits, ((0, 0), (0, 1))).reshape(-1, 3, 3).transpose(0, 2, 1)
    return np.packbits(by_channel, axis=2)[..., 0]


PALETTE = _build_palette()


def _build_channel_bits() -> PixelArray:
    """Return the bits of the index for each value of red, green and blue, (1, 256, 3); ``_UNKNOWN`` for other values."""
    table = np.full((256, 3), _UNKNOWN, np.uint8)
    for index, color in enumerate(PALETTE):
        for channel, value in enumerate(color):
            table[value, channel] = index & 0b1001001 << channel
    return table[None]


_CHANNEL_BITS = _build_channel_bits()


def convert_colors_to_labels(colors: PixelArray) -> tuple[PixelArray, int]:
    """Convert RGB, uint8 (H, W, 3), to class numbers (H, W), and count the pixels of unknown colors, which become 0."""
    red, green, blue = (np.asarray(part, np.uint8) for part in cv2.split(cv2.LUT(colors, _CHANNEL_BITS)))
    labels = red | green | blue
    unknown = labels >= len(CLASSES)
    labels[unknown] = 0
    return labels, int(np.count_nonzero(unknown))


def convert_labels_to_colors(labels: PixelArray) -> PixelArray:
    """Convert class numbers 0..70, uint8 (H, W), to RGB (H, W, 3)."""
    return PALETTE[labels]
