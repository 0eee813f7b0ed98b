"""Make the README's picture: frames of a clip above, what alref made of them below.

Usage: python scripts/make_readme_image.py VIDEO EXPRESSION PICTURE
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

import alref
from alref.media.draw import blend_masks, build_contact_sheet, build_palette

COLUMNS, WIDTH = 4, 300


def main() -> None:
    """Segment, and draw four evenly spread frames before and after."""
    path, expression, picture = sys.argv[1:]
    video = alref.open_video(path)
    result = alref.segment(video, expression)
    chosen = np.linspace(0, len(video) - 1, COLUMNS).round().astype(int).tolist()
    before = [video.read_frame(index) for index in chosen]
    after = [
        blend_masks(frame, np.stack([track.decode_mask(index) for track in result.tracks]), build_palette(len(result.tracks)))
        for index, frame in zip(chosen, before, strict=True)
    ]
    captions = [f"{float(video.times[index]):.1f} s" for index in chosen]
    sheet = build_contact_sheet(
        [*before, *after], [*captions, expression, *[""] * (COLUMNS - 1)], columns=COLUMNS, cell_width=WIDTH
    )
    Image.fromarray(sheet).save(picture, quality=88)


if __name__ == "__main__":
    main()
