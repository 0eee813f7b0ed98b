"""Reading video and sound, writing masks and overlays, drawing on frames."""

from alref.media.draw import badge, blend, colour_map, contact_sheet, draw_box, palette, resize
from alref.media.write import read_labels, read_mask, whole, write_mask_pngs, write_overlay

__all__ = [
    "badge",
    "blend",
    "colour_map",
    "contact_sheet",
    "draw_box",
    "palette",
    "read_labels",
    "read_mask",
    "resize",
    "whole",
    "write_mask_pngs",
    "write_overlay",
]
