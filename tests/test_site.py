"""The site: it builds from the pages as they are, each page is found in it, and it needs nothing that is elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from markdown_it import MarkdownIt

pytest.importorskip("zensical", reason="the site is built by zensical: pip install --group test")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LEFT = ("build", "dist", ".*")
"""Folders that tools leave beside the pages."""
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("video", "src")}
BLOCKS = ("li", "pre", "table", "tr", "h1", "h2", "h3")


def pages() -> list[str]:
    found = [path.relative_to(DOCS) for path in DOCS.rglob("*.md")]
    return sorted(path.as_posix() for path in found if not any(fnmatch(part, each) for part in path.parts for each in LEFT))


PAGES = pages()


@dataclass
class Seen(HTMLParser):
    """What a page refers to, what can be referred to in it, and how many blocks of each kind its text has."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    inside: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        self.fetched += [value for name, value in given.items() if (tag, name) in FETCHED]
        self.inside |= tag == "article"
        self.blocks += [tag] if self.inside and tag in BLOCKS else []

    def handle_endtag(self, tag: str) -> None:
        self.inside &= tag != "article"


def look(html: str) -> Seen:
    seen = Seen()
    seen.feed(html)
    return seen


def build(folder: Path) -> tuple[int, str]:
    """Build the site of a folder; return the exit code and what is printed, without its colors."""
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, folder / "docs", ignore=shutil.ignore_patterns(*LEFT))
    shutil.copy(ROOT / "zensical.toml", folder)
    code, printed = build(folder)
    assert code == 0, printed
    return folder / "site"


@pytest.fixture(scope="module")
def seen(site: Path) -> dict[Path, Seen]:
    return {path: look(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}


def built(page: str) -> str:
    return re.sub(r"(README)?\.md$", lambda found: "index.html" if found[1] else ".html", page)


def listed(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else listed(value)


def test_every_page_is_in_the_navigation_once() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    assert sorted(listed(nav)) == PAGES


def test_every_page_is_built_and_nothing_else(seen: dict[Path, Seen], site: Path) -> None:
    assert sorted(path.relative_to(site).as_posix() for path in seen) == sorted(map(built, PAGES))


def test_the_scripts_that_make_pages_are_no_pages(site: Path) -> None:
    assert list(site.glob("*.py")) == []


def test_links_and_their_anchors_lead_somewhere(seen: dict[Path, Seen]) -> None:
    lost = []
    for page, each in seen.items():
        for link in each.links:
            address, anchor = urldefrag(link)
            target = (page.parent / unquote(address)).resolve() if address else page
            if not urlsplit(link).scheme and not (target.exists() and (not anchor or anchor in seen[target].ids)):
                lost.append(f"{page.name}: {link}")
    assert lost == []


def test_a_browser_fetches_nothing_from_elsewhere(seen: dict[Path, Seen], site: Path) -> None:
    fetched = {(page, address) for page, each in seen.items() for address in each.fetched}
    for path in [*seen, *site.rglob("*.css")]:
        fetched |= {(path, address) for address in re.findall(r"""url\(["']?([^"')]+)""", path.read_text(encoding="utf-8"))}
    own = [(path, address) for path, address in fetched if not address.startswith("data:")]
    assert len(own) > len(seen)
    assert [address for path, address in own if not (path.parent / address).exists()] == []


def test_every_page_can_be_searched(site: Path) -> None:
    index = (site / "search.json").read_text(encoding="utf-8")
    assert [page for page in PAGES if f'"location":"{built(page)}"' not in index.replace(" ", "")] == []


def test_the_schema_for_editors_is_served(site: Path) -> None:
    assert (site / "config.schema.json").read_bytes() == (DOCS / "config.schema.json").read_bytes()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_alike_here_and_where_it_lies_in_the_repository(page: str, seen: dict[Path, Seen], site: Path) -> None:
    plain = MarkdownIt("commonmark").enable("table").render((DOCS / page).read_text(encoding="utf-8"))
    assert seen[site / built(page)].blocks == look(f"<article>{plain}</article>").blocks


def test_a_link_to_nowhere_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Lost\n\n[gone](index.md#no-such-part) [away](../README.md)\n")
    (tmp_path / "zensical.toml").write_text('[project]\nsite_name = "lost"\n')
    code, printed = build(tmp_path)
    assert code != 0
    assert "[gone](index.md#no-such-part) [away](../README.md)" in printed
    assert "2 issues found" in printed
