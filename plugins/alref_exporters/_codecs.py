"""The codecs of videos with alpha. All store the color as BT.709."""

from __future__ import annotations

from alref.media.video_encoder import VideoFormat

PRORES = VideoFormat(
    "mov", "prores_ks", "yuva444p10le", {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}, "pcm_s16le", alpha=True
)
VP9 = VideoFormat(
    "webm",
    "libvpx-vp9",
    "yuva420p",
    # alpha needs frames that are shown as they are coded: no alternate reference frames, and then looking ahead changes no byte
    {"auto-alt-ref": "0", "lag-in-frames": "0", "crf": "24", "b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4"},
    "libopus",
    alpha=True,
)
FFV1 = VideoFormat("matroska", "ffv1", "bgra", {"level": "3", "slices": "4", "slicecrc": "1"}, "flac", alpha=True)
FORMATS = {"prores": (PRORES, ".mov"), "webm": (VP9, ".webm"), "ffv1": (FFV1, ".mkv")}
"""The format and the suffix of each export format."""
