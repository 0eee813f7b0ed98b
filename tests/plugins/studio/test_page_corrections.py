"""Asking and correcting in a real browser: what is clicked is computed, kept, undone and exported."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from alref.output.run_folder import RESULT_FILE, load_result
from alref.result import Result
from alref_studio.library import make_id
from support.studio import (
    FRAMES,
    HEIGHT,
    WIDTH,
    SteppedPropagator,
    add_rejected_tracks,
    make_studio_pipeline,
    save_squares,
    serve_studio,
)
from support.studio_page import open_page, read_pixels, start_browser, wait_for_frame, wait_for_pixels

BESIDE = (80, 93)
"""A pixel (x, y) of the last rows, on no object of frame 0."""


@dataclass(frozen=True)
class OpenedRun:
    """A page with a run of its own."""

    page: Page
    folder: Path
    before: Result

    @property
    def result(self) -> Result:
        return load_result(self.folder)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return the address of a studio that can correct, and the run folder to copy."""
    folder, pipeline = tmp_path_factory.mktemp("studio"), make_studio_pipeline()
    clip, run, _ = save_squares(folder, pipeline)
    with serve_studio([clip], run.parent, pipeline, max_upload=1000) as (address, _):
        yield address, run


NUMBERS = itertools.count(1)


@pytest.fixture
def opened(chromium: Browser, served: Any) -> Iterator[OpenedRun]:
    address, run = served
    folder = run.with_name(f"run-{next(NUMBERS)}")
    shutil.copytree(run, folder)
    with open_page(chromium, f"{address}#run={make_id(folder.resolve())}") as page:
        wait_for_frame(page, 0)
        yield OpenedRun(page, folder, load_result(folder))


def click_pixel(page: Page, x: int, y: int, button: Any = "left") -> None:
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    place = {"x": (x + 0.5) * box["width"] / WIDTH, "y": (y + 0.5) * box["height"] / HEIGHT}
    page.locator("#canvas").click(position=place, button=button)  # type: ignore[arg-type]


def wait_for_job(page: Page, text: str, state: str = "done") -> None:
    expect(page.locator(f"#job.{state}")).to_contain_text(text)


def wait_for_revision(page: Page, revision: int) -> None:
    expect(page.locator("#history li").filter(has_text="now")).to_have_text(re.compile(rf"^{revision} "))


def correct_first_object(opened: OpenedRun) -> None:
    click_pixel(opened.page, *BESIDE)
    opened.page.keyboard.press("p")
    wait_for_revision(opened.page, 1)


def test_asking_opens_a_run_whose_masks_are_painted(chromium: Browser, served: Any) -> None:
    address, run = served
    with open_page(chromium, f"{address}#run={make_id(run.resolve())}") as page:
        wait_for_frame(page, 0)
        page.get_by_label("What to segment").fill("the dog; the cat")
        page.get_by_role("button", name="Segment").click()
        wait_for_job(page, "the dog, the cat")
        expect(page.get_by_role("list", name="Objects over time").get_by_role("button")).to_have_count(2)
        folder = next(path for path in run.parent.iterdir() if "the-dog" in path.name)
        assert (folder / "overlay.mp4").exists()
        mask = load_result(folder).tracks[0].decode_mask(0)
        wait_for_frame(page, 0)
        before = read_pixels(page)
        page.keyboard.press("h")
        wait_for_pixels(page, lambda pixels: np.abs(pixels - before).sum(axis=2)[mask].min() > 30)
        page.get_by_role("button", name=re.compile("^Use this")).first.click()
        wait_for_revision(page, 1)
        corrected = load_result(folder).tracks[0]
        assert corrected.corrected == (1,)
        assert corrected.decode_mask(1)[4:24, 20:40].all()


def test_a_click_shows_the_mask_at_once_and_changes_nothing_on_disk(opened: OpenedRun) -> None:
    x, y = BESIDE
    before = read_pixels(opened.page)
    click_pixel(opened.page, x, y)
    expect(opened.page.locator("#canvas")).to_have_attribute("data-preview", "0 1 1")
    tinted = (slice(y - 2, y), slice(x - 2, x + 2))
    wait_for_pixels(opened.page, lambda pixels: np.abs(pixels - before)[tinted].sum(axis=2).min() > 30)
    assert opened.result.revision == 0
    opened.page.keyboard.press("Backspace")
    wait_for_pixels(opened.page, lambda pixels: np.abs(pixels - before).max() < 2)


def test_models_are_loaded_when_the_pointer_is_over_the_video(opened: OpenedRun) -> None:
    with opened.page.expect_request("**/prepare"):
        opened.page.locator("#canvas").hover()


def test_a_click_is_answered_while_a_propagation_runs(opened: OpenedRun) -> None:
    SteppedPropagator.gate.clear()
    SteppedPropagator.reached.clear()
    try:
        opened.page.get_by_label("Frame", exact=True).fill("12")
        wait_for_frame(opened.page, 12)
        opened.page.keyboard.press("a")
        assert SteppedPropagator.reached.wait(20)
        opened.page.keyboard.press("2")
        click_pixel(opened.page, *BESIDE)
        expect(opened.page.get_by_text("1 point here")).to_be_visible()
    finally:
        SteppedPropagator.gate.set()
    expect(opened.page.locator("#canvas")).to_have_attribute("data-preview", "12 2 1")
    wait_for_revision(opened.page, 1)
    assert opened.result.tracks[0].rles[12].area == 0
    assert opened.result.tracks[1].rles == opened.before.tracks[1].rles, "a click alone changes nothing"
    expect(opened.page.get_by_text("1 point here")).to_be_visible()
    opened.page.keyboard.press("p")
    wait_for_revision(opened.page, 2)
    expect(opened.page.get_by_text("1 point here")).to_be_hidden()
    assert opened.result.tracks[1].corrected == (12,)


def test_propagating_changes_only_this_object(opened: OpenedRun) -> None:
    correct_first_object(opened)
    x, y = BESIDE
    result = opened.result
    assert result.tracks[0].corrected == (0,)
    assert all(result.tracks[0].decode_mask(frame)[y, x] for frame in range(FRAMES))
    assert [track.rles for track in result.tracks[1:]] == [track.rles for track in opened.before.tracks[1:]]
    for frame in range(FRAMES):
        name = f"masks/{frame:05d}.png"
        labels = np.array(Image.open(opened.folder / name))
        for number in (2, 3):
            assert np.array_equal(labels == number, opened.before.tracks[number - 1].decode_mask(frame))
    expect(opened.page.get_by_role("img", name=re.compile("the red square.*corrected on frames 0"))).to_be_visible()


def test_the_right_button_takes_pixels_away(opened: OpenedRun) -> None:
    click_pixel(opened.page, 20, 18, button="right")
    expect(opened.page.locator("#canvas")).to_have_attribute("data-preview", "0 1 1")
    opened.page.get_by_role("button", name="Re-propagate").click()
    wait_for_revision(opened.page, 1)
    assert not opened.result.tracks[0].decode_mask(3)[18, 20]


def test_points_that_leave_nothing_are_told(opened: OpenedRun) -> None:
    opened.page.get_by_label("not on it").check()
    opened.page.route("**/preview", lambda route: route.fulfill(json={"counts": ""}))
    click_pixel(opened.page, 20, 18)
    expect(opened.page.get_by_text("nothing of the red square is left on this frame")).to_be_visible()
    opened.page.keyboard.press("Backspace")
    expect(opened.page.get_by_text("nothing of the red square")).to_be_hidden()


def test_points_can_be_set_with_the_keyboard(opened: OpenedRun) -> None:
    opened.page.locator("#canvas").focus()
    for key in ("x", "ArrowDown", "Enter", "Escape", "p"):
        opened.page.keyboard.press(key)
    wait_for_revision(opened.page, 1)
    assert opened.result.tracks[0].corrected == (0,)


def test_undo_and_revisions_return_to_the_same_masks(opened: OpenedRun) -> None:
    correct_first_object(opened)
    corrected = opened.result
    opened.page.keyboard.press("z")
    wait_for_revision(opened.page, 2)
    assert opened.result.tracks[0].rles == opened.before.tracks[0].rles
    opened.page.get_by_text("Revisions").click()
    opened.page.get_by_role("button", name="Restore revision 1").click()
    wait_for_revision(opened.page, 3)
    assert opened.result.tracks[0].rles == corrected.tracks[0].rles


def test_absent_and_confirmed_frames_bound_what_changes(opened: OpenedRun) -> None:
    opened.page.get_by_label("Frame", exact=True).fill("8")
    wait_for_frame(opened.page, 8)
    opened.page.keyboard.press("c")
    wait_for_revision(opened.page, 1)
    opened.page.keyboard.press("End")
    wait_for_frame(opened.page, FRAMES - 1)
    opened.page.keyboard.press("a")
    wait_for_revision(opened.page, 2)
    before, after = opened.before.tracks[0], opened.result.tracks[0]
    assert after.rles[:9] == before.rles[:9]
    assert after.rles[-1].area == 0
    assert after.confirmed == (8,)


def test_an_object_is_renamed_rejected_and_taken_back(opened: OpenedRun) -> None:
    page = opened.page
    page.get_by_role("button", name="Rename the red square").click()
    page.get_by_label("Name", exact=True).fill("the fox")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("button", name="Reject the fox")).to_be_visible()
    page.get_by_role("button", name="Reject the fox").click()
    wait_for_revision(page, 2)
    assert not any(rle.area for rle in opened.result.tracks[0].rles)
    expect(page.get_by_role("button", name="Reject the fox")).to_be_disabled()
    page.keyboard.press("z")
    wait_for_revision(page, 3)
    assert opened.result.tracks[0].rles == opened.before.tracks[0].rles


def test_an_object_is_added_to_a_run(opened: OpenedRun) -> None:
    opened.page.get_by_label("What to segment").fill("the dog")
    opened.page.get_by_role("button", name="Add to this run").click()
    wait_for_revision(opened.page, 1)
    assert [track.rles for track in opened.result.tracks[:3]] == [track.rles for track in opened.before.tracks]
    assert opened.result.tracks[3].phrase.text == "the dog"


def test_cancelling_keeps_the_frames_that_are_done(opened: OpenedRun) -> None:
    SteppedPropagator.gate.clear()
    SteppedPropagator.reached.clear()
    try:
        opened.page.get_by_label("Frame", exact=True).fill("12")
        wait_for_frame(opened.page, 12)
        opened.page.keyboard.press("a")
        assert SteppedPropagator.reached.wait(20)
        opened.page.get_by_role("button", name="Cancel").click()
    finally:
        SteppedPropagator.gate.set()
    expect(opened.page.locator("#job.cancelled")).to_be_visible()
    wait_for_revision(opened.page, 2)
    after = opened.result.tracks[0]
    assert after.rles[12].area == 0
    assert after.rles[FRAMES - 1] == opened.before.tracks[0].rles[FRAMES - 1]


def test_points_survive_a_reload(opened: OpenedRun) -> None:
    click_pixel(opened.page, *BESIDE)
    expect(opened.page.locator("#canvas")).to_have_attribute("data-preview", "0 1 1")
    opened.page.reload()
    expect(opened.page.locator("#canvas")).to_have_attribute("data-preview", "0 1 1")
    expect(opened.page.get_by_text("1 point here")).to_be_visible()


def test_two_tabs_show_the_same(opened: OpenedRun) -> None:
    other = opened.page.context.new_page()
    other.goto(opened.page.url)
    wait_for_frame(other, 0)
    correct_first_object(opened)
    wait_for_revision(other, 1)
    expect(other.get_by_role("img", name=re.compile("corrected on frames 0"))).to_be_visible()


def test_a_rejected_track_is_accepted_by_a_click(chromium: Browser, served: Any) -> None:
    folder = served[1].with_name("run-with-tracks")
    shutil.copytree(served[1], folder)
    before = add_rejected_tracks(load_result(folder))
    (folder / RESULT_FILE).write_text(before.model_dump_json())
    with open_page(chromium, f"{served[0]}#run={make_id(folder.resolve())}") as page:
        page.get_by_role("button", name="Accept: dog 2, reject").click()
        wait_for_revision(page, 1)
        expect(page.get_by_role("list", name="Objects over time").get_by_role("button", name="dog 2")).to_be_visible()
    after = load_result(folder)
    assert [track.rles for track in after.tracks[:3]] == [track.rles for track in before.tracks]
    assert after.tracks[3].rles[FRAMES - 1] == before.object_tracks[1].rles[FRAMES - 1]


def test_a_price_is_shown_before_anything_is_started(chromium: Browser, served: Any, tmp_path: Path) -> None:
    clip = served[1].parent.parent / "squares"
    with serve_studio([clip], tmp_path, make_studio_pipeline("paid")) as (address, _), open_page(chromium, address) as page:
        wait_for_frame(page, 0)
        page.get_by_label("What to segment").fill("the dog")
        page.get_by_role("button", name="Segment").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(re.compile(r"dear.*0\.5"))
        dialog.get_by_role("button", name="Do not start").click()
        expect(dialog).to_be_hidden()
        assert not list(tmp_path.iterdir())
        page.get_by_role("button", name="Segment").click()
        dialog.get_by_role("button", name="Start", exact=True).click()
        wait_for_job(page, "the dog")
        assert [load_result(path).verdicts[0].finding for path in tmp_path.iterdir()] == ["found"]


def test_an_export_has_the_corrections_and_can_be_downloaded(opened: OpenedRun) -> None:
    correct_first_object(opened)
    opened.page.get_by_label("Export as").select_option("davis")
    opened.page.get_by_role("button", name="Export", exact=True).click()
    link = opened.page.get_by_role("link", name="Download davis")
    expect(link).to_be_visible()
    with opened.page.expect_download() as download:
        link.click()
    expect(opened.page.locator("#exports li")).to_have_text("Download davis")
    opened.page.keyboard.press("c")
    wait_for_revision(opened.page, 2)
    expect(opened.page.locator("#exports li")).to_contain_text("without the last correction")
    shutil.unpack_archive(download.value.path(), opened.folder / "unpacked", "zip")
    x, y = BESIDE
    images = sorted((opened.folder / "unpacked").rglob("*.png"))
    assert len(images) == FRAMES
    assert np.array(Image.open(images[3]))[y, x] == 1


def test_a_file_with_a_spoken_expression_is_bounded(opened: OpenedRun, tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(b"x" * 2000)
    opened.page.get_by_text("More").click()
    opened.page.get_by_label("Spoken expression").set_input_files(tmp_path / "long.wav")
    opened.page.get_by_role("button", name="Segment").click()
    expect(opened.page.get_by_role("alert")).to_contain_text("expected at most")
