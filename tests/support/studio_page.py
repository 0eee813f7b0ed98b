"""A Chromium of this system, and what its canvas shows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

READ_CANVAS = """() => {
  const canvas = document.querySelector("#canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  return [canvas.width, canvas.height, [...copy.getImageData(0, 0, canvas.width, canvas.height).data]];
}"""


@contextmanager
def start_browser() -> Iterator[Browser]:
    """Start a browser; the test is skipped without one."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on this system: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Browser, address: str) -> Iterator[Page]:
    """Open a page; an error of its script fails the test."""
    context, errors = browser.new_context(viewport={"width": 1280, "height": 800}), list[str]()
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    assert not errors, errors


def wait_for_frame(page: Page, frame: int) -> None:
    expect(page.locator("#canvas")).to_have_attribute("data-painted", str(frame))


def wait_for_pixels(page: Page, check: Callable[[Any], bool]) -> None:
    """Wait until the canvas satisfies ``check``, which gets float (H, W, 3)."""
    for _ in range(40):
        pixels = read_pixels(page)
        if check(pixels):
            return
        page.evaluate("() => new Promise(requestAnimationFrame)")
    pytest.fail("the canvas never showed what was expected")


def read_pixels(page: Page) -> npt.NDArray[np.float64]:
    width, height, data = page.evaluate(READ_CANVAS)
    return np.array(data, np.float64).reshape(height, width, 4)[..., :3]
