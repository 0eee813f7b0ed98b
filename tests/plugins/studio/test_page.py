"""The page in a real browser: what is painted is what is in the run folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from alref.media.reader import open_video
from alref.utils.masks import Mask
from alref_studio.studio import Studio
from support.studio import FRAMES, HEIGHT, WIDTH, make_studio_pipeline, save_squares, serve_studio
from support.studio_page import open_page, read_pixels, start_browser, wait_for_frame, wait_for_pixels

FILL = 0.35
TOLERANCE = 20
"""Levels by which JPEG changes a pixel away from edges."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, list[list[Mask]], Studio]]:
    folder = tmp_path_factory.mktemp("studio")
    pipeline = make_studio_pipeline()
    clip, run, truth = save_squares(folder, pipeline)
    with serve_studio([clip], run.parent, pipeline) as (address, studio):
        yield address, clip, truth, studio


@pytest.fixture
def opened(chromium: Browser, served: Any) -> Iterator[Page]:
    """Open the page with the run; an error of its script fails the test."""
    with open_page(chromium, served[0]) as page:
        wait_for_frame(page, 0)
        yield page


def find_painted(pixels: Any, video: Any, frame: int, color: list[int], alpha: float) -> Mask:
    """Return where a color lies over a frame, bool (H, W): nearer to the tinted frame than to the bare one."""
    bare = video[frame].astype(float)
    tinted = bare * (1 - alpha) + np.array(color, float) * alpha
    painted: Mask = np.abs(pixels - tinted).sum(axis=2) < np.abs(pixels - bare).sum(axis=2)
    return painted


def test_the_masks_on_the_canvas_are_those_of_the_run(opened: Page, served: Any) -> None:
    video, truth = open_video(served[1]), served[2]
    colors = opened.evaluate(
        "async () => (await (await fetch('runs/' + location.hash.split('=')[1])).json()).objects.map(o => o.color)"
    )
    for frame in (0, 5, FRAMES - 1):
        opened.get_by_label("Frame", exact=True).fill(str(frame))
        wait_for_frame(opened, frame)
        pixels = read_pixels(opened)
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        for color, masks in zip(colors, truth, strict=True):
            around = np.zeros((HEIGHT, WIDTH), np.bool_)
            if masks[frame].any():
                painted = find_painted(pixels, video, frame, color, FILL)
                rows = np.flatnonzero(masks[frame].any(axis=1))
                around[rows[0] : rows[-1] + 1] = True
                assert np.array_equal(painted & around, masks[frame])


def test_an_absent_object_leaves_the_frame_as_it_is(opened: Page, served: Any) -> None:
    opened.keyboard.press("End")
    wait_for_frame(opened, FRAMES - 1)
    row = slice(38, 58)
    assert np.abs(read_pixels(opened)[row] - open_video(served[1])[FRAMES - 1][row]).max() < TOLERANCE


def test_keys_step_select_hide_and_find_flags(opened: Page, served: Any) -> None:
    opened.keyboard.press("ArrowRight")
    wait_for_frame(opened, 1)
    opened.keyboard.press("Shift+ArrowRight")
    wait_for_frame(opened, 11)
    opened.keyboard.press("[")
    wait_for_frame(opened, 5)
    expect(opened.get_by_role("list", name="Objects over time").get_by_role("button", name="blue")).to_have_attribute(
        "aria-pressed", "true"
    )
    opened.keyboard.press("Home")
    wait_for_frame(opened, 0)
    opened.keyboard.press("1")
    opened.keyboard.press("h")
    inside, bare = (slice(10, 26), slice(12, 28)), open_video(served[1])[0]
    wait_for_pixels(opened, lambda pixels: np.abs(pixels[inside] - bare[inside]).max() < TOLERANCE)
    expect(opened.get_by_role("button", name="Show the red square")).to_be_visible()


def test_playing_paints_every_frame_to_the_last(opened: Page) -> None:
    opened.evaluate(
        "() => { window.seen = []; new MutationObserver(() => seen.push(+document.querySelector('#canvas').dataset.painted))"
        ".observe(document.querySelector('#canvas'), { attributeFilter: ['data-painted'] }) }"
    )
    opened.get_by_role("button", name="Play", exact=True).click()
    wait_for_frame(opened, FRAMES - 1)
    assert opened.evaluate("() => seen") == list(range(1, FRAMES))
    expect(opened.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_a_click_in_a_lane_goes_there(opened: Page) -> None:
    lane = opened.get_by_role("img", name=re.compile("the green square: present in 8 of 16"))
    box = lane.bounding_box()
    assert box is not None
    lane.click(position={"x": box["width"] * 10.5 / FRAMES, "y": box["height"] / 2})
    wait_for_frame(opened, 10)


def test_a_reload_opens_the_same_run(opened: Page) -> None:
    before = opened.url
    opened.reload()
    wait_for_frame(opened, 0)
    assert opened.url == before
    assert "#run=" in before


def test_a_frame_is_shown_while_the_result_is_still_read(chromium: Browser, served: Any, opened: Page) -> None:
    run, held = opened.url.rpartition("=")[2], list[Any]()
    page = opened.context.new_page()
    page.route(f"**/runs/{run}", lambda route: held.append(route))
    with page.expect_request(f"**/runs/{run}"):
        page.goto(opened.url)
        expect(page.locator("#canvas")).to_have_attribute("data-image", "0")
    assert page.locator("#canvas").get_attribute("data-painted") is None
    held[0].continue_()
    wait_for_frame(page, 0)
    expect(page.get_by_role("list", name="Objects over time").get_by_role("button")).to_have_count(3)


def test_a_result_that_cannot_be_read_is_told(opened: Page) -> None:
    page = opened.context.new_page()
    page.route(re.compile(r"/runs/\w+$"), lambda route: route.fulfill(status=422, json={"error": "result.json is damaged"}))
    page.goto(opened.url)
    expect(page.get_by_role("alert")).to_have_text("result.json is damaged")
    expect(page.locator("#canvas")).to_have_attribute("data-image", "0")
    expect(page.get_by_text("Reading the result")).to_be_hidden()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")])
def test_the_page_is_accessible_and_fits(chromium: Browser, served: Any, width: int, scheme: Any) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(served[0])
    wait_for_frame(opened, 0)
    found = Axe().run(opened).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []
    assert opened.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    context.close()
