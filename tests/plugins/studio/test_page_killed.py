"""A server that is killed in the middle of a run, and started again, with a real browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from alref.output.run_folder import load_result
from alref.testing import write_frames
from support.studio import draw_squares
from support.studio_page import open_page, start_browser, wait_for_frame

GATE = """
import os
from pathlib import Path
from threading import Event
import alref
import numpy as np

class Gated(alref.Propagator):
    name = "gated"

    def propagate(self, video, boxes):
        masks = np.zeros((1, video.height, video.width), bool)
        masks[0, 6:30, 8:32] = True
        for frame in range(len(video)):
            Path(os.environ["GATE"], "reached").touch()
            while not Path(os.environ["GATE"], "open").exists():
                Event().wait(0.02)
            yield alref.FrameMasks(frame=frame, masks=masks, scores=np.ones(1, np.float32))

class Fixed(alref.Proposer):
    name = "fixed"

    def propose(self, video, pivots):
        box, score = np.array([[8, 6, 32, 30]], np.float32), np.array([0.9])
        return [alref.Candidates(pivot=pivot, xyxy=box, scores=score) for pivot in pivots]

@alref.hookimpl
def register_proposers():
    return [Fixed]

@alref.hookimpl
def register_propagators():
    return [Gated]
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


def start_command(folder: Path, clip: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the command as users do, and return it with the address that it prints."""
    (folder / "gated.py").write_text(GATE)
    code = "from alref.cli import main; main()"
    arguments = ["studio", str(clip), "--no-browser", "--port", "0", "--plugin", "gated.py", "--propagator", "gated"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code,
            *arguments,
            "--preset",
            "baseline",
            "--proposer",
            "fixed",
            "--temporal",
            "first-frame",
            "--spatial",
            "top-score",
        ],
        cwd=folder,
        env={**os.environ, "GATE": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, line.split()[-1]


def close_output(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_server_loses_nothing(chromium: Browser, tmp_path: Path) -> None:
    clip = write_frames(draw_squares()[0], tmp_path / "squares")
    process, address = start_command(tmp_path, clip)
    try:
        with open_page(chromium, address) as page:
            wait_for_frame(page, 0)
            page.get_by_label("What to segment").fill("the red square")
            page.get_by_role("button", name="Segment").click()
            expect(page.locator("#job.running")).to_contain_text("gated propagates", timeout=60_000)
            process.send_signal(signal.SIGKILL)
            process.wait()
            expect(page.get_by_text("The server does not answer")).to_be_visible()
        close_output(process)
        (tmp_path / "open").touch()
        process, address = start_command(tmp_path, clip)
        with open_page(chromium, address) as page:
            page.get_by_role("button", name="the red square").click()
            page.get_by_role("button", name="Resume").click()
            expect(page.locator("#job.done")).to_contain_text("the red square", timeout=60_000)
            (folder,) = (tmp_path / "alref-out").iterdir()
            assert load_result(folder).verdicts[0].finding in ("found", "ambiguous")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130 or process.returncode == 0
    finally:
        process.kill()
        process.wait()
        close_output(process)
