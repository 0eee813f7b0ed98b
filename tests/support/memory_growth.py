"""Run the default pipeline over a long video and print, as JSON, the resident megabytes in each half of each long stage."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from alref.media.reader import open_video
from alref.output.run_folder import RunFolder, RunSpec
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import StageCache
from alref.plugins.hookspecs import hookimpl
from alref.records import Reference

PAGE = resource.getpagesize()


def resident() -> float:
    """Return the megabytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


class Watcher:
    def __init__(self) -> None:
        self.seen: dict[str, list[float]] = {}

    @hookimpl
    def stage_advanced(self, event: Any) -> None:
        self.advanced(event.done, event.total, event.stage)

    def advanced(self, done: int, total: int, what: str = "writing") -> None:
        held = self.seen.setdefault(what, [0.0, 0.0])
        half = int(2 * done > total)
        held[half] = max(held[half], resident())


def main() -> None:
    path, out, every = sys.argv[1:]
    watcher = Watcher()
    video = open_video(path, every=int(every))
    reference = Reference(id="1", text="the red square")
    with Pipeline() as pipeline:
        pipeline.plugins.add_observer(watcher)
        run = RunSpec(input=path, fingerprint=video.fingerprint, versions={}, references=(reference,), config={})
        with RunFolder.open(Path(out), run) as folder:
            result = pipeline.run(video, [reference], StageCache(folder.stages))
            folder.write_result(result, video, watcher.advanced)
    print(json.dumps({"frames": len(video), **watcher.seen}))


if __name__ == "__main__":
    main()
