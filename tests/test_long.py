"""Ten minutes of 1080p in memory that does not grow with the length."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from alref.testing.memory import read_resident_memory

SECONDS, RATE, LOOP = 600, 10, 100
GROWTH = 50.0
"""Megabytes by which the second half may hold more than the first."""


def loop(path: Path) -> Path:
    """Encode ten seconds of a red square that moves, and repeat the packets for ten minutes."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "g": str(RATE), "bf": "0"})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 1920, 1080, "yuv420p", Fraction(1, RATE)
        packets = [packet for index in range(LOOP) for packet in stream.encode(_picture(index))] + stream.encode()
        for turn in range(SECONDS * RATE // LOOP):
            for number, packet in enumerate(packets):
                copy = av.Packet(bytes(packet))
                copy.stream, copy.time_base, copy.is_keyframe = stream, Fraction(1, RATE), packet.is_keyframe
                copy.pts = copy.dts = turn * LOOP + number
                file.mux(copy)
    return path


def _picture(index: int) -> av.VideoFrame:
    picture = np.full((1080, 1920, 3), 110, np.uint8)
    picture[::8] = 130
    left = 200 + 12 * index
    picture[400:700, left : left + 300] = (220, 30, 30)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts, frame.time_base = index, Fraction(1, RATE)
    return frame


@pytest.mark.skipif(read_resident_memory() is None, reason="this platform does not report the memory of a process")
def test_memory_does_not_grow_with_the_length_of_the_video(tmp_path: Path) -> None:
    clip = loop(tmp_path / "long.mp4")
    arguments = [sys.executable, "-m", "support.memory_growth", clip, tmp_path / "out", "30"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout)
    assert held.pop("frames") == SECONDS * RATE // 30
    assert held.keys() == {"propagator", "writing"}
    for stage, (first, second) in held.items():
        assert second - first < GROWTH, f"{stage}: {first:.0f} MB in the first half, {second:.0f} MB in the second"
