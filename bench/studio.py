"""How quick the page of ``alref studio`` is: ``python bench/studio.py [--frames N] [--objects N] [--width N] [--viewport N]``.

A clip of 1080 lines with some objects is drawn, with a finished run of it. A headless Chromium opens the run in a real
server process. Measured in the browser: the time from the navigation to the first frame and to its masks, with the CPU time
of the server, after the start of the server and again; frames painted per second while stepping as fast as possible, and
while playing at 30 frames per second; the time from a click to its mask, beside the time of the same call without server
and browser. In the same run, ``<video>`` alone plays and seeks through the same file on an empty page.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Thread
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Route

from alref.config import resolve_config
from alref.media.reader import open_video
from alref.media.write import open_video_encoder
from alref.output.run_folder import RunFolder, RunSpec
from alref.pipeline.corrections import Corrections
from alref.plugins.manager import PluginManager
from alref.records import Phrase, Prompt, Reference, Track, Verdict
from alref.result import Result
from alref.utils.masks import encode_mask
from alref_studio.library import make_id

HEIGHT, RATE = 1080, 30
WATCH = """() => {
  window.painted = [];
  window.images = [];
  const watch = () => {
    const canvas = document.querySelector("#canvas");
    if (!canvas) return requestAnimationFrame(watch);
    if (canvas.dataset.painted !== undefined) window.painted.push([performance.now(), canvas.dataset.painted]);
    new MutationObserver(() => window.painted.push([performance.now(), canvas.dataset.painted])).observe(canvas, {
      attributeFilter: ["data-painted"],
    });
    new MutationObserver(() => window.images.push(performance.now())).observe(canvas, { attributeFilter: ["data-image"] });
  };
  watch();
}"""
STEP = """async (count) => {
  const started = performance.now();
  const key = () => document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  const canvas = document.querySelector("#canvas");
  const first = Number(canvas.dataset.painted);
  for (let frame = first + 1; frame <= first + count; frame++) {
    canvas.focus();
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    while (Number(canvas.dataset.painted) !== frame) await new Promise((done) => setTimeout(done, 0));
  }
  return (1000 * count) / (performance.now() - started);
}"""
PLAY_VIDEO = """() => new Promise((done) => {
  const video = document.querySelector("video");
  let count = 0;
  let first = 0;
  const seen = (now) => {
    first ||= now;
    count += 1;
    if (video.ended || now - first > 3000) done((1000 * (count - 1)) / (now - first));
    else video.requestVideoFrameCallback(seen);
  };
  video.requestVideoFrameCallback(seen);
  video.onended = () => done((1000 * (count - 1)) / (performance.now() - first));
  video.play();
})"""
SEEK_VIDEO = """async (count) => {
  const video = document.querySelector("video");
  video.pause();
  const started = performance.now();
  for (let frame = 1; frame <= count; frame++) {
    video.currentTime = (frame + 0.5) / 30;
    await new Promise((done) => (video.onseeked = done));
  }
  return (1000 * count) / (performance.now() - started);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--objects", type=int, default=3)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--viewport", type=int, default=1280, help="width of the browser's window")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run = draw_run(Path(folder), arguments.frames, arguments.width, arguments.objects)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        size = {"width": arguments.viewport, "height": 800}
        film = f"{arguments.frames} frames of {arguments.width} x {HEIGHT}, {arguments.objects} objects"
        print(f"{film}, window of {size['width']} pixels")
        measure_page(browser, run, size, arguments.frames)
        measure_video(browser, run.parent / "clip.mp4", size, arguments.frames)
        browser.close()


def draw_run(folder: Path, frames: int, width: int, objects: int) -> Path:
    """Write a clip and a run of it, whose objects are ellipses that move over noise; return the run folder."""
    background = cv2.resize(np.random.default_rng(0).integers(40, 200, (68, 120, 3), np.uint8), (width, HEIGHT))
    tracks: list[list[Any]] = [[] for _ in range(objects)]
    with open_video_encoder(folder / "clip.mp4", [frame / RATE for frame in range(frames)]) as encoder:
        for frame in range(frames):
            image = background.copy()
            for number in range(objects):
                mask = np.zeros((HEIGHT, width), np.uint8)
                across = (number + 0.5) / objects + 0.1 * np.sin(frame / 15 + number)
                center = (int(width * across), 300 + 480 * number // objects)
                cv2.ellipse(mask, center, (260, 170), frame * 2, 0, 360, 1, -1)
                image[mask > 0] = (220, 60 + 160 * number // objects, 40)
                tracks[number].append(encode_mask(mask.astype(bool)))
            encoder.write_frame(image)
    video, config = open_video(folder / "clip.mp4"), resolve_config(PluginManager(), [{}]).to_dict()
    references = tuple(Reference(id=str(number), text=f"object {number}") for number in range(1, objects + 1))
    result = Result(
        alref="bench",
        video=video.get_info(),
        references=references,
        tracks=tuple(
            Track(phrase=Phrase(reference=each.id, text=each.text), rles=tuple(rles), scores=(0.9,) * frames)
            for each, rles in zip(references, tracks, strict=True)
        ),
        verdicts=tuple(Verdict(reference=each.id, finding="found", why="drawn") for each in references),
        config=config,
    )
    spec = RunSpec(
        input=str(folder / "clip.mp4"),
        fingerprint=video.fingerprint,
        versions={"alref": "bench"},
        references=references,
        config=config,
    )
    with RunFolder.open(folder / "run", spec) as run_folder:
        run_folder.write_masks(result)
    return folder / "run"


def measure_page(browser: Browser, run: Path, size: Any, frames: int) -> None:
    with serve_run(run) as (address, server):
        place = f"{address}#run={make_id(run.resolve())}"
        for what in ("first opening after the start", "second opening"):
            before = read_cpu_seconds(server)
            page = browser.new_context(viewport=size).new_page()
            page.add_init_script(f"({WATCH})()")
            page.goto(place)
            page.wait_for_selector("#canvas[data-painted='0']", timeout=60_000)
            image, masks = page.evaluate("() => [images[0], painted[0][0]]")
            cpu = read_cpu_seconds(server) - before
            print(f"{what}: frame {image / 1000:.2f} s, masks {masks / 1000:.2f} s, CPU of the server {cpu:.2f} s")
        canvas = page.evaluate("() => [canvas.width, canvas.height]")
        print(f"canvas of {canvas[0]} x {canvas[1]}")
        print(f"stepping as fast as possible: {page.evaluate(STEP, frames // 2):.0f} frames/s")
        print(f"stepping again, frames new: {page.evaluate(STEP, frames // 2 - 2):.0f} frames/s")
        page.keyboard.press("Home")
        page.wait_for_selector("#canvas[data-painted='0']")
        print(f"playing at {RATE} frames/s: {play_page(page, frames):.1f} frames/s")
        measure_click(page, run)


def play_page(page: Page, frames: int) -> float:
    page.evaluate("() => { painted.length = 0 }")
    page.keyboard.press(" ")
    page.wait_for_selector(f"#canvas[data-painted='{frames - 1}']", timeout=60_000)
    times = page.evaluate("() => painted.map(([time]) => time)")
    return 1000 * (len(times) - 1) / (times[-1] - times[0])


def measure_click(page: Page, run: Path) -> None:
    """Print the time of clicks in the page, and of the same call in this process, both warm."""
    page.keyboard.press("Home")
    page.wait_for_selector("#canvas[data-painted='0']")
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    totals = []
    for number in range(1, 5):
        started = perf_counter()
        page.locator("#canvas").click(position={"x": box["width"] * 0.2 + 8 * number, "y": box["height"] * 0.3})
        page.wait_for_selector(f"#canvas[data-preview='0 1 {number}']", timeout=120_000)
        totals.append(perf_counter() - started)
    with Corrections(run) as corrections:
        alone = []
        for number in range(1, 5):
            points = [[400 + 20 * each, 330] for each in range(number)]
            started = perf_counter()
            corrections.preview("1", Prompt(frame=0, points=points))
            alone.append(perf_counter() - started)
    first, total, own = totals[0], median(totals[1:]), median(alone[1:])
    print(f"mask of a click: first {first:.2f} s with loading; then {total:.2f} s, of which the model {own:.2f} s")
    print(f"beyond the model's own time: {total - own:.2f} s")


@contextmanager
def serve_run(run: Path) -> Iterator[tuple[str, int]]:
    """Serve a run in a process, and yield the address and the id of the process."""
    code = "from alref.cli import main; main()"
    command = [sys.executable, "-c", code, "studio", str(run), "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ), cwd=run.parent)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1], process.pid
    finally:
        process.terminate()
        process.wait()


def read_cpu_seconds(process: int) -> float:
    """Return the CPU time that a process has used, in user and system mode."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_video(browser: Browser, clip: Path, size: Any, frames: int) -> None:
    page_text = f"<body style='margin:0'><video src=clip muted style='width:{size['width'] - 544}px'></video>"
    routes = [Route("/", lambda request: HTMLResponse(page_text)), Route("/clip", lambda request: FileResponse(clip))]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_level="error"))
    listener = server.config.bind_socket()
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        page = browser.new_context(viewport=size).new_page()
        started = perf_counter()
        page.goto(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        page.evaluate(
            "() => new Promise((d) => { const v = document.querySelector('video'); v.readyState > 1 ? d() : v.oncanplay = d })"
        )
        print(f"<video> alone: first frame {perf_counter() - started:.2f} s")
        print(f"<video> alone: playing {page.evaluate(PLAY_VIDEO):.1f} frames/s")
        print(f"<video> alone: seeking frame by frame {page.evaluate(SEEK_VIDEO, frames // 2):.0f} frames/s")
        page.context.close()
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
