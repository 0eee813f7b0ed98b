"""An hour of sound is tagged in the memory of five minutes. Run as a script, it tags clips and prints what that took."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

GROWTH = 40.0
"""Megabytes by which an hour may hold more than five minutes: what the allocator keeps, and an index of more packets."""


def tag(checkpoint: str, clips: list[str]) -> None:
    from alref.media.reader import open_video
    from alref.records import Reference
    from alref_beats import Beats, BeatsOptions

    beats = Beats(BeatsOptions(checkpoints=(checkpoint,), hop=10.0, top_k=1), "cpu")
    beats.load()
    for clip in clips:
        [phrase] = beats.tag(open_video(clip), Reference(id="1", sound=True))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(json.dumps({"heard": phrase.heard, "megabytes": peak}))


def test_an_hour_is_tagged_in_the_memory_of_five_minutes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from support.tiny_beats import contents, save
    from test_audio_long import long_clip

    checkpoint = save(tmp_path / "tiny.pt", contents())
    clips = [long_clip(tmp_path / f"{minutes}.mkv", 60 * minutes, range(60 * minutes)) for minutes in (5, 60)]
    command = [sys.executable, __file__, str(checkpoint), *map(str, clips)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    short, long = (json.loads(line) for line in done.stdout.splitlines())
    assert short["heard"][-1][1] == pytest.approx(300, abs=1)
    assert long["heard"][-1][1] == pytest.approx(3600, abs=1)
    assert long["megabytes"] - short["megabytes"] < GROWTH


if __name__ == "__main__":
    tag(sys.argv[1], sys.argv[2:])
