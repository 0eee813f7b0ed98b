"""Ten minutes of 1080p are read in memory that does not grow with the length."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE, LOOP, TURNS = 10, 100, 60
READ = """
import json, resource, sys
from pathlib import Path
from alref.media import open_video

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

video = open_video(sys.argv[1], every=30)
video.frame(0)
held = [resident()]
for index, frame in video.frames():
    assert frame.shape == (1080, 1920, 3)
    held.append(resident())
print(json.dumps({"frames": len(video), "seconds": float(video.times[-1]), "held": held}))
"""


def ten_minutes(path: Path) -> Path:
    """Encode ten seconds with a moving bar, and repeat the packets for ten minutes."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "g": "25", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.full((1080, 1920, 3), 90, np.uint8), format="rgb24").reformat(format="yuv420p")
        packets = []
        for number in range(LOOP):
            picture.planes[0].update(bytes([number]) * picture.planes[0].buffer_size)
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            packets += stream.encode(picture)
        packets += stream.encode()
        for turn in range(TURNS):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                copy.stream, copy.time_base, copy.is_keyframe = stream, packet.time_base, packet.is_keyframe
                shift = round(turn * LOOP / RATE / packet.time_base)
                copy.pts, copy.dts, copy.duration = packet.pts + shift, packet.dts + shift, packet.duration
                file.mux(copy)
    return path


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    clip = ten_minutes(tmp_path / "long.mp4")
    done = subprocess.run([sys.executable, "-c", READ, clip], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["frames"], round(seen["seconds"], 6)) == (200, 597.0)
    half = len(seen["held"]) // 2
    assert max(seen["held"][half:]) - max(seen["held"][:half]) < 50
