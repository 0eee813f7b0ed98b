"""Reading video and sound, writing masks and overlays, drawing on frames."""

from alref.media.draw import badge, blend, colour_map, contact_sheet, draw_box, palette, resize
from alref.media.folder import read_picture
from alref.media.opened import open_frames, open_video
from alref.media.sound import read_audio
from alref.media.write import read_labels, read_mask, write_mask_pngs, write_overlay

__all__ = [
    "badge",
    "blend",
    "colour_map",
    "contact_sheet",
    "draw_box",
    "open_frames",
    "open_video",
    "palette",
    "read_audio",
    "read_labels",
    "read_mask",
    "read_picture",
    "resize",
    "write_mask_pngs",
    "write_overlay",
]
