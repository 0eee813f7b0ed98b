"""Run the default pipeline over a long video and print, as JSON, the resident megabytes in each half of each long stage.

The memory is read after free memory was returned to the system, so that only what is in use counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from alref.media.reader import open_video
from alref.output.run_folder import RunFolder, RunSpec
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.plugins.hookspecs import hookimpl
from alref.records import Reference
from alref.testing.memory import measure_resident_memory

SAMPLES = 100
"""Number of frames of a stage after which the memory is read."""


class MemoryObserver:
    """Collects the peak of the resident megabytes in the first and the second half of each stage."""

    def __init__(self) -> None:
        self.peaks: dict[str, list[float]] = {}

    @hookimpl
    def stage_advanced(self, event: Any) -> None:
        self.sample_memory(event.done, event.total, event.stage)

    def sample_memory(self, done: int, total: int, stage: str = "writing") -> None:
        if done % max(1, total // SAMPLES) == 0:
            peaks = self.peaks.setdefault(stage, [0.0, 0.0])
            half = int(2 * done > total)
            peaks[half] = max(peaks[half], measure_resident_memory() / 1e6)


def main() -> None:
    path, out, every = sys.argv[1:]
    observer = MemoryObserver()
    video = open_video(path, every=int(every))
    reference = Reference(id="1", text="the red square")
    with Pipeline() as pipeline:
        pipeline.plugins.add_observer(observer)
        run = RunSpec(input=path, fingerprint=video.fingerprint, versions={}, references=(reference,), config={})
        with RunFolder.open(Path(out), run) as folder:
            result = pipeline.run(video, [reference], StageCache(folder.stages))
            folder.write_result(result, video, observer.sample_memory)
    print(json.dumps({"frames": len(video), **observer.peaks}))


if __name__ == "__main__":
    main()
