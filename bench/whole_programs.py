"""``alref score`` from files beside the official programs, as whole processes: CPU seconds, start included, per core.

Part of ``bench/metrics.py``. Each data set is written in its published layout: drifting ellipses, masks by Pillow's
defaults, as published programs write them. Both programs run in one process and one thread, in turns; the fastest of a few
rounds counts.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from alref.utils.masks import encode_mask
from alref_benchmarks.metrics.palette import PALETTE

Array = npt.NDArray[Any]
PROGRAMS = Path(__file__).with_name("official_programs.py")
ROUNDS = 2


@dataclass(frozen=True)
class Program:
    """A data set on disk: the calls of the official program, and the flags of ``alref score``."""

    title: str
    images: int
    official: tuple[tuple[str, ...], ...]
    score: tuple[str, ...]
    names: tuple[str, str]


def draw_objects(frames: int, height: int, width: int, count: int, seed: int = 0) -> tuple[Array, Array]:
    """Draw ellipses that drift, and the same a few pixels off, uint8 (T, H, W) each."""
    random = np.random.default_rng(seed)
    maps = np.zeros((2, frames, height, width), np.uint8)
    centers, steps = random.uniform(0.2, 0.8, (count, 2)), random.uniform(-0.004, 0.004, (count, 2))
    axes = random.uniform(0.08, 0.2, (count, 2))
    for frame in range(frames):
        for number, (center, axis) in enumerate(zip(centers + frame * steps, axes, strict=True), 1):
            for each, shift in zip(maps, (0, random.uniform(-0.02, 0.02, 2)), strict=True):
                at, size = (center + shift) * (width, height), axis * (width, height)
                cv2.ellipse(each[frame], [int(v) for v in at], [int(v) for v in size], 20, 0, 360, number, -1)
    return maps[0], maps[1]


def write_mevis(root: Path, videos: int = 6, frames: int = 60, expressions: int = 6) -> Program:
    """Two objects in each video; expressions mean the first, the second, or both."""
    said, runs = {}, {}
    names = [f"{number:05d}" for number in range(frames)]
    for video in range(videos):
        true, found = draw_objects(frames, 480, 854, 2, video)
        for number in (1, 2):
            runs[str(2 * video + number)] = [encode_mask(frame == number).model_dump() for frame in true]
        wanted = [[1], [2], [1, 2]]
        said[f"v{video}"] = {
            "expressions": {
                str(each): {"exp": "the one", "obj_id": wanted[each % 3], "anno_id": [2 * video + k for k in wanted[each % 3]]}
                for each in range(expressions)
            },
            "frames": names,
        }
        for each in range(expressions):
            for name, frame in zip(names, np.isin(found, wanted[each % 3]), strict=True):
                save(root / "results" / f"v{video}" / str(each) / f"{name}.png", frame * np.uint8(255))
    split = root / "valid_u"
    split.mkdir()
    (split / "meta_expressions.json").write_text(json.dumps({"videos": said}))
    (split / "mask_dict.json").write_text(json.dumps(runs))
    return Program(
        "MeViS, 480x854",
        videos * frames * expressions,
        (("mevis", str(split), str(root / "results")),),
        ("mevis", "--data", str(root), "--split", "valid_u", "--masks", str(root / "results")),
        ("J", "F"),
    )


def write_davis(root: Path, videos: int = 3, frames: int = 40) -> Program:
    """Two objects in each video, four annotators: the official program runs once for each."""
    names, said = [f"{number:05d}" for number in range(frames)], {}
    for video in range(videos):
        true, found = draw_objects(frames, 480, 854, 2, video)
        homes = [root / "results" / f"anno_{annotator}" for annotator in range(4)]
        for home, maps in ((root / "valid" / "Annotations", true), *((home, found) for home in homes)):
            for name, frame in zip(names, maps, strict=True):
                save(home / f"v{video}" / f"{name}.png", frame, palette=True)
        listed = [{"exp": "the one", "obj_id": number} for number in "12" for _ in range(4)]
        said[f"v{video}"] = {"expressions": {str(place): each for place, each in enumerate(listed)}, "frames": names}
    path = root / "meta_expressions" / "valid" / "meta_expressions.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"videos": said}))
    return Program(
        "Ref-DAVIS17, 480x854",
        4 * videos * frames,
        tuple(("davis", str(root / "valid" / "Annotations"), str(home)) for home in homes),
        ("ref-davis17", "--data", str(root), "--masks", str(root / "results")),
        ("J", "F"),
    )


def write_avs(root: Path, clips: int = 120) -> Program:
    """One object per clip of five seconds."""
    home = root / "Single-source"
    for clip in range(clips):
        true, found = draw_objects(5, 224, 224, 1, clip)
        for second in range(5):
            save(home / "s4_data" / "gt_masks" / "test" / "dog" / f"c{clip}" / f"c{clip}_{second + 1}.png", true[second] * 255)
            save(root / "results" / "dog" / f"c{clip}" / f"c{clip}_{second}.png", found[second] * 255)
    with (home / "s4_meta_data.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("name", "start", "category", "split"), *((f"c{clip}", 0, "dog", "test") for clip in range(clips))]
        )
    return Program(
        "AVSBench S4, 224x224",
        clips * 5,
        (("avs", str(home / "s4_data" / "gt_masks" / "test"), str(root / "results")),),
        ("avsbench-s4", "--data", str(root), "--masks", str(root / "results"), "--protocol", "avs-avsbench"),
        ("M_J", "M_F"),
    )


def save(path: Path, pixels: Array, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(PALETTE.tobytes())
    image.save(path)


def measure_programs(folder: Path) -> Iterator[tuple[str, ...]]:
    """Yield a row per data set: images, CPU seconds of both, how many times, the largest difference of the scores."""
    builders: list[Callable[[Path], Program]] = [write_mevis, write_davis, write_avs]
    for builder in builders:
        home = folder / builder.__name__
        home.mkdir()
        program = builder(home)
        out = home / "scores.json"
        ours = [str(Path(sys.executable).with_name("alref")), "score", *program.score, "--jobs", "1", "--out", str(out)]
        times: list[list[float]] = [[], []]
        for _ in range(ROUNDS):
            calls = [run_process([sys.executable, str(PROGRAMS), *call]) for call in program.official]
            times[0].append(sum(seconds for seconds, _ in calls))
            times[1].append(run_process(ours)[0])
        expected = np.mean([json.loads(text) for _, text in calls], axis=0).tolist()
        found = json.loads(out.read_bytes())["tables"][0]["metrics"]
        apart = max(abs(found[name] - each) for name, each in zip(program.names, expected, strict=True))
        official, own = map(min, times)
        yield program.title, f"{program.images}", f"{own:.2f}", f"{official:.2f}", f"{official / own:.1f}", f"{apart:.1e}"


def run_process(command: list[str]) -> tuple[float, str]:
    """Run a process with one thread and compiled modules; return its CPU seconds and its output."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, env={**inherited, **single})
    after = os.times()
    if done.returncode:
        raise RuntimeError(done.stderr)
    return after.children_user + after.children_system - before.children_user - before.children_system, done.stdout
