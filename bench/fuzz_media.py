"""Run damaged videos, images and dataset folders through the command line, and count how the commands end.

    python bench/fuzz_media.py [--videos 2000] [--datasets 500] [--seed 0] [--keep FOLDER]

Each command runs in a process of its own kind, which is replaced when it dies or takes longer than the time limit. A command
may end with 0 or with the code of an input that cannot be used (3); for datasets also with that of a wrong table (4). Anything
else is listed with its seed: a traceback, an unexpected error, another code, a hang, a crash of a library.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alref.cli import run_command
from alref.plugins.manager import PluginManager
from support import benchmark_fixtures
from support.clips import encode, picture
from support.mutations import mutate_bytes, mutate_folder

LIMIT = 60.0
"""Seconds after which a command hangs."""
ALLOWED = {"video": {0, 3}, "dataset": {0, 3, 4}}
SLOTS = [f"--plugin={Path(__file__).with_name('fuzz_components.py')}", "--temporal=middle-frame", "--spatial=top-score"]
SLOTS += ["--proposer=fuzz", "--propagator=fuzz"]
FORMATS = [
    *[(suffix, "libx264") for suffix in ("mp4", "mov", "mkv", "avi", "ts", "flv", "nut", "h264")],
    *[("mp4", "libx265"), ("webm", "libvpx"), ("webm", "libvpx-vp9"), ("webm", "libsvtav1"), ("mpg", "mpeg2video")],
    *[("avi", "mpeg4"), ("avi", "mjpeg"), ("mov", "png"), ("mkv", "ffv1"), ("wmv", "wmv2"), ("gif", "gif")],
]
IMAGES = ("webp", "png", "tif", "avif", "gif")
SPLITS = {"ref-youtube-vos": "train", "mevis": "valid_u"}


def write_sources(folder: Path) -> list[Path]:
    """Write one small clip of each format, most with sound, and animated images."""
    sound = (0.3 * np.sin(np.arange(8000) * 0.1)).astype(np.float32)[None]
    clips = []
    for number, (suffix, codec) in enumerate(FORMATS):
        formats = {"gif": "rgb8", "png": "rgb24", "ffv1": "bgr0", "mjpeg": "yuvj420p"}
        sounds = [(sound, 0)] if suffix in ("mp4", "mkv", "mov", "avi", "ts") and codec != "ffv1" else []
        options = {"g": "6"} if codec != "libx265" else {"x265-params": "log-level=none:keyint=6"}
        coded = "pcm_f32le" if suffix in ("mkv", "mov", "avi") else "aac" if suffix == "mp4" else "mp2"
        path = folder / f"{number}.{suffix}"
        clips.append(encode(path, 12, codec, formats.get(codec, "yuv420p"), options=options, sounds=sounds, sound_codec=coded))
    pictures = [Image.fromarray(picture(number)) for number in range(6)]
    for suffix in IMAGES:
        clips.append(folder / f"animated.{suffix}")
        pictures[0].save(clips[-1], save_all=True, append_images=pictures[1:])
    return clips


def fuzz_video(seed: int, work: Path, sources: list[Path]) -> list[str]:
    """Damage one clip and return the command that segments it."""
    chance = random.Random(seed)
    source = chance.choice(sources)
    path = work / f"damaged{source.suffix}"
    path.write_bytes(mutate_bytes(source.read_bytes(), chance))
    reference = ["--sound"] if chance.random() < 0.3 else ["--unifier", "verbatim"]
    return ["run", str(path), "the dog", *reference, *SLOTS, "--out", str(work / "out")]


def fuzz_dataset(seed: int, work: Path, _: list[Path]) -> list[str]:
    """Damage one dataset in miniature and return the command that checks or scores it."""
    chance = random.Random(seed)
    name = chance.choice(sorted(benchmark_fixtures.BUILDERS))
    data = benchmark_fixtures.build(name, work / "data")
    mutate_folder(data, chance)
    split = ["--split", SPLITS[name]] if name in SPLITS else []
    if chance.random() < 0.5:
        return ["data", "check", name, str(data), *split]
    masks = work / "masks"
    dataset = PluginManager().get_dataset(name)(benchmark_fixtures.build(name, work / "whole"), SPLITS.get(name, ""))
    for video in dataset.list_videos():
        result = benchmark_fixtures.result(dataset, video, {})
        dataset.write_masks(result, video, masks, lambda names, known: [None] * len(names))
    mutate_folder(masks, chance)
    return ["score", name, "--data", str(data), "--masks", str(masks), "--jobs", "1", *split]


def run_seed(make: Callable[[int, Path, list[Path]], list[str]], seed: int, sources: list[Path]) -> tuple[int, str, str]:
    """Return the exit code, what was printed, and the command."""
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        arguments = make(seed, Path(folder), sources)
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                code = run_command(arguments)
            except BaseException as error:  # the command line lets nothing through: whatever comes is a fault
                return -1, f"{type(error).__name__}: {error}", " ".join(arguments)
    return code, printed.getvalue(), " ".join(arguments)


def work(connection: Connection, sources: list[Path]) -> None:
    """Run seeds as they come, without the messages of C libraries; a warning is a fault."""
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", DeprecationWarning)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    kinds = {"video": fuzz_video, "dataset": fuzz_dataset}
    while task := connection.recv():
        connection.send(run_seed(kinds[task[0]], task[1], sources))


class Worker:
    """A process that runs one seed at a time; it is replaced when it dies or hangs."""

    def __init__(self, sources: list[Path]) -> None:
        self.sources = sources
        self.start()

    def start(self) -> None:
        self.connection, theirs = get_context("spawn").Pipe()
        self.process = get_context("spawn").Process(target=work, args=(theirs, self.sources), daemon=True)
        self.process.start()
        theirs.close()

    def run(self, kind: str, seed: int) -> tuple[int, str, str]:
        self.connection.send((kind, seed))
        try:
            if self.connection.poll(LIMIT):
                return self.connection.recv()
            ended = -2, "hangs", ""
        except (EOFError, ConnectionResetError):
            ended = -3, "the process died", ""
        self.process.kill()
        self.start()
        return ended


def find_fault(kind: str, code: int, printed: str) -> str:
    """Return what is wrong with the end of a command, empty if it is as documented."""
    if code < 0:
        return printed.strip()
    if "Traceback" in printed or "unexpected error" in printed:
        return next(line for line in printed.splitlines() if "Traceback" in line or "unexpected error" in line)
    if code not in ALLOWED[kind]:
        return f"exit code {code}: {printed.strip().splitlines()[-1] if printed.strip() else 'nothing printed'}"
    return "" if code == 0 or "error: " in printed or kind == "dataset" else f"exit code {code} without an error"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--datasets", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(write_sources(Path(folder)))
        for kind, count in (("video", given.videos), ("dataset", given.datasets)):
            codes: Counter[int] = Counter()
            for seed in range(given.seed, given.seed + count):
                code, printed, command = worker.run(kind, seed)
                codes[code] += 1
                if fault := find_fault(kind, code, printed):
                    faults += 1
                    print(f"{kind} {seed}: {fault}\n    {command}", flush=True)
            print(f"{kind}: {count} runs, exit codes {dict(sorted(codes.items()))}", flush=True)
    print(f"{faults} faults")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
