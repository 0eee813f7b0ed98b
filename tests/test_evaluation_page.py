"""The report of an evaluation in a real browser: filter, sort, links, light and dark, wide and narrow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from alref.cli import run_command
from support import benchmark_fixtures
from support.studio_page import open_page, start_browser

SCORE = "J&F"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of MeViS in miniature: six references, of which two are found."""
    folder = tmp_path_factory.mktemp("page")
    data = benchmark_fixtures.build("mevis", folder / "mevis")
    out = folder / "run"
    assert run_command(["eval", "mevis", "--data", str(data), "--split", "valid_u", "--out", str(out), "--quiet"]) == 0
    return out / "report.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, report: Path) -> Iterator[Page]:
    with open_page(chromium, report.as_uri()) as opened:
        yield opened


def read_column(page: Page, name: str) -> list[str]:
    """Return the visible cells of a column of the table of references."""
    heads = page.locator("#references th").all_inner_texts()
    at = next(index for index, head in enumerate(heads) if head.split(" ")[0] == name)
    return page.locator(f"#references tbody tr:visible td:nth-child({at + 1})").all_inner_texts()


def test_the_worst_reference_comes_first_with_both_images_its_reason_and_its_result(page: Page, report: Path) -> None:
    first = page.locator(".worst figure").first
    rows = [float(score) for score in read_column(page, SCORE)]
    expect(first.locator("figcaption b").first).to_have_text(f"{min(rows):.1f}")
    sizes = first.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert len(sizes) == 2
    assert min(sizes) > 0
    expect(first.locator("figcaption")).to_contain_text("Reason: ")
    first.locator("a").click()
    result = json.loads(page.locator("pre").inner_text())
    assert result["references"]
    assert page.url.startswith(report.parent.as_uri())


def test_words_and_verdicts_filter_the_references(page: Page) -> None:
    assert len(read_column(page, "video")) == 6
    page.get_by_role("searchbox").fill("GREEN circle")
    assert read_column(page, "words") == ["a green circle"] * 2
    expect(page.get_by_role("status")).to_have_text("2 of 6")
    page.get_by_role("combobox").select_option("found")
    assert read_column(page, "words") == []
    page.get_by_role("searchbox").fill("")
    assert set(read_column(page, "verdict")) == {"found"}


def test_a_click_sorts_by_a_column_and_another_turns_it_around(page: Page) -> None:
    head = page.locator("#references th", has_text=SCORE)
    for order, reverse in (("ascending", False), ("descending", True)):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", order)
        scores = [float(score) for score in read_column(page, SCORE)]
        assert scores == sorted(scores, reverse=reverse)
    page.locator("#references").get_by_role("button", name="words").click()
    assert read_column(page, "words") == sorted(read_column(page, "words"))


def test_every_link_to_a_file_leads_to_one(page: Page, report: Path) -> None:
    links = page.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    local = [link for link in links if not link.startswith("https:")]
    assert len(local) > 6
    for link in local:
        address = page.evaluate("link => decodeURIComponent(new URL(link, location).pathname)", link)
        assert Path(address).exists(), link


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")])
def test_the_report_is_accessible_and_fits(chromium: Browser, report: Path, width: int, scheme: Any) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(report.as_uri())
    found = Axe().run(opened).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []
    assert opened.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    background = opened.evaluate("() => getComputedStyle(document.body).backgroundColor")
    levels = [int(level) for level in background.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (sum(levels) > 3 * 128) == (scheme == "light")
    context.close()
