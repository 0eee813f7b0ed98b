"""A raw H.264 stream whose fields are stored as separate pictures, as camcorders do (PAFF); no encoder of PyAV writes it.

Each field is one macroblock of plain samples: 16 x 16 pixels, so a frame has 16 x 32.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from support.clips import picture

WIDTH, HEIGHT = 16, 32
START_CODE = b"\0\0\0\1"


class Bits:
    """Bits written one after another, as text of 0 and 1."""

    def __init__(self) -> None:
        self.text = ""

    def put(self, value: int, count: int = 1) -> Bits:
        """Write a number in ``count`` bits."""
        self.text += f"{value:0{count}b}"
        return self

    def put_ue(self, *values: int) -> Bits:
        """Write numbers as Exp-Golomb codes."""
        for value in values:
            self.text += "0" * ((value + 1).bit_length() - 1) + f"{value + 1:b}"
        return self

    def to_bytes(self, stop: bool = True) -> bytes:
        """Return the bytes, padded to a whole one after a stop bit."""
        text = self.text + "1" * stop
        text += "0" * (-len(text) % 8)
        return bytes(int(text[place : place + 8], 2) for place in range(0, len(text), 8))


def write_field_clip(path: Path, count: int) -> Path:
    """Write ``count`` numbered frames of two fields each."""
    sps = Bits().put(77, 8).put(0, 8).put(30, 8).put_ue(0, 0, 2, 1).put(0).put_ue(WIDTH // 16 - 1, HEIGHT // 32 - 1)
    sps.put(0).put(0).put(1).put(0).put(0)  # fields, without MBAFF; direct inference; no cropping; no VUI
    pps = Bits().put_ue(0, 0).put(0).put(0).put_ue(0, 0, 0).put(0).put(0, 2).put_ue(0, 0, 0).put(0, 3)
    data = START_CODE + b"\x67" + sps.to_bytes() + START_CODE + b"\x68" + pps.to_bytes()
    for number in range(count):
        shown = np.where(picture(number, HEIGHT, WIDTH)[..., 0] > 128, 235, 16).astype(np.uint8)
        data += _write_field(shown[0::2], number, False) + _write_field(shown[1::2], number, True)
    path.write_bytes(data)
    return path


def _write_field(luma: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], number: int, is_bottom: bool) -> bytes:
    header = Bits().put_ue(0, 7, 0).put(0, 4).put(1).put(is_bottom)
    if is_bottom:
        header.put(0)
    else:
        header.put_ue(number % 2).put(0, 2)
    header.put_ue(0, 25)  # no change of the quantizer; a macroblock of plain samples
    slice_data = header.to_bytes(stop=False) + luma.tobytes() + bytes([128]) * 128 + b"\x80"
    return START_CODE + (b"\x61" if is_bottom else b"\x65") + slice_data
